"""What is seen inside weights, drawn for a page and a terminal."""

from __future__ import annotations

import json
import re
from io import BytesIO
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import torch
from PIL import Image

from assistant.errors import BadDataset, BadSettings, ModelNotAvailable
from assistant.runs import Runs
from demos.exhibits import Bars, Exhibit, Heat, Lines, Points, Sheet, Words
from demos.grids import grid
from demos.looks import LOOKS, Look
from tests.ui.terminal.test_train import parley
from tests.ui.test_lab import SMALL, run_it
from ui import lab, lab_looks
from ui.lab_shown import exhibit_html, file_html

EXHIBITS: list[Exhibit] = [
    Sheet(torch.zeros(3, 1, 28, 28), "three <b>"),
    Heat([[0.0, -1.0], [0.5, 1.0]], ["", "two"], ["a", "<i>"], "heat"),
    Heat([[0.0]], ["x"], ["longer"], "one cell"),
    Lines({"one": [(0, 1), (1, 1e-9)], "<u>": [(0, 0.5)]}, "x", "y", "lines", log="y"),
    Points({str(n): [(n, n), (n + 1, 0)] for n in range(8)}, "x", "y", "points", log="x"),
    Points({}, "x", "y", "none"),
    Bars({"a & b": 0.25, "c": 0.75}, "bars", mark=0.5),
    Words("<script>alert(1)</script>", "said"),
]


@pytest.mark.parametrize("exhibit", EXHIBITS, ids=lambda each: type(each).__name__)
def test_every_figure_is_well_formed_and_has_its_words(exhibit: Exhibit) -> None:
    drawn = exhibit_html(exhibit)
    figure = ET.fromstring(re.sub(r"(<img [^>]*)>", r"\1/>", drawn))
    assert exhibit.said in "".join(figure.itertext())
    for hostile in ("<b>", "<i>", "<u>", "<script>"):
        assert hostile not in drawn


def test_one_file_holds_it_all() -> None:
    page = file_html("A <title>", "what", EXHIBITS)
    assert page.startswith("<!doctype html>") and page.count("<figure") == len(EXHIBITS)
    assert "http" not in page.replace("http-equiv", "") and "&lt;title&gt;" in page


@pytest.fixture
def trained() -> str:
    run = lab.create(Runs(), "vae", {**SMALL, "steps": 2})
    run_it(run)
    return run.id


def test_parley_lab_look(trained: str, tmp_path: Path) -> None:
    assert "strangers" in parley("lab", "look", trained).stdout
    done = parley("lab", "look", trained, "vary", "--amount", "0.3", "-o", str(tmp_path / "it.html"))
    assert done.returncode == 0 and "others around it" in done.stdout
    assert "data:image/png" in (tmp_path / "it.html").read_text("utf-8")
    for words, code, said in (
        (["vary", "--amount", "3", "-o", str(tmp_path / "x.html")], 2, "lies between 0 and 1"),
        (["dreams"], 2, "nothing called 'dreams'"),
        (["vary", "--seed", "99999999999999999999"], 2, "seed lies between"),
        (["vary", "--picture", str(tmp_path / "it.html")], 1, "no picture"),
        (["vary", "-o", "it.txt"], 2, "end in .html or .png"),
        (["map", "--text", "x"], 2, "map takes no --text"),
        (["vary", "--mask", str(tmp_path / "no.png"), "--other", "x"], 2, "takes no --other, --mask"),
        (["walk", "--amount", "0.5"], 2, "It takes --picture, --other, --seed, --output."),
    ):
        done = parley("lab", "look", trained, *words)
        assert done.returncode == code and said in done.stderr and "Traceback" not in done.stderr


def test_a_look_as_a_png_is_its_last_pictures(trained: str, tmp_path: Path) -> None:
    done = parley("lab", "look", trained, "vary", "-o", str(tmp_path / "it.png"))
    assert done.returncode == 0, done.stderr
    assert Image.open(tmp_path / "it.png").size == grid(torch.zeros(20, 1, 28, 28)).size
    with pytest.raises(BadSettings, match="no pictures"):
        lab_looks.last_pictures([each for each in EXHIBITS if not isinstance(each, Sheet)])
    two = Sheet(torch.ones(2, 1, 28, 28), "white", 1)
    made = Image.open(BytesIO(lab_looks.last_pictures([EXHIBITS[0], two, EXHIBITS[1]])))
    assert made.width == 84 and made.height == 170


@pytest.mark.parametrize("chosen", LOOKS, ids=lambda each: each.key)
def test_a_look_takes_what_it_says_and_refuses_the_rest(chosen: Look) -> None:
    everything = {"text": "x", "picture": "x", "other": "x", "mask": "x", "amount": 0.0}
    taken = [name for name, kind in lab_looks.OPTIONS.items() if kind in chosen.takes]
    taken += ["amount"] if chosen.amount else []
    lab_looks.refuse_unused(chosen, **{name: everything[name] for name in taken})
    for name in set(everything) - set(taken):
        with pytest.raises(BadSettings, match=f"{chosen.name} takes no --{name}"):
            lab_looks.refuse_unused(chosen, **{name: everything[name]})


def test_makers_face_each_other(trained: str, tmp_path: Path) -> None:
    made: dict[str, str] = {"vae": trained}
    for name in ("gan", "classifier"):
        small = {name: value for name, value in SMALL.items() if name in ("data", "width", "batch_size")}
        run = lab.create(Runs(), name, {**small, "steps": 2})
        run_it(run)
        made[name] = run.id
    sheet = tmp_path / "sheet.png"
    words = ["lab", "faceoff", made["gan"], made["vae"], "--judge", made["classifier"], "--samples", "100"]
    done = parley(*words, "-o", str(sheet))
    assert done.returncode == 0, done.stderr
    assert [line.split(" ")[1] for line in done.stdout.splitlines()[2:5]] == ["Real", "GAN", "VAE"]
    assert sheet.read_bytes().startswith(b"\x89PNG")
    page = tmp_path / "page.html"
    done = parley(*words, "-o", str(page))
    assert done.returncode == 0, done.stderr
    shown = page.read_text("utf-8")
    assert shown.count("<td>GAN</td>") == 1 and shown.count("<table") == 2 and "http" not in shown
    beside = shown.partition('<div class="sheets">')[2].partition("</div>")[0]
    assert beside.count("data:image/png") == 3 and "sharpness" in shown and '<svg class="plot"' in shown
    refused = parley(*words, "-o", str(tmp_path / "page.doc"))
    assert refused.returncode == 2 and "end in .png or .html" in refused.stderr
    done = parley(*words, "--data", "digits", "--json")  # the pictures themselves
    assert len(json.loads(done.stdout)) == 3
    for wrong, said in (
        ([made["vae"], "--judge", made["gan"]], "is no classifier"),
        ([made["vae"], made["vae"], "--judge", made["classifier"]], "Two of one architecture"),
        ([made["vae"], "--judge", "classifier", "--samples", "100"], "learnt from other pictures"),
        ([made["classifier"], "--judge", made["classifier"]], "draws no pictures"),
        ([made["gan"], "--judge", made["classifier"], "--samples", "5"], "too few"),
    ):
        done = parley("lab", "faceoff", *wrong)
        assert done.returncode == 2 and said in done.stderr and "Traceback" not in done.stderr


def test_files_that_are_no_pictures(tmp_path: Path, trained: str) -> None:
    (tmp_path / "no.png").write_bytes(b"\x89PNG nonsense")
    with pytest.raises(BadDataset, match="no picture"):
        lab_looks.read_picture(tmp_path / "no.png")
    with pytest.raises(BadSettings):
        lab_looks.found(Runs(), trained, "dreams")
    with pytest.raises(ModelNotAvailable):
        lab_looks.canvas(Runs(), Runs().create("sft", "x", "y", {}).id, "fill")


def test_a_mask_is_what_is_white(tmp_path: Path) -> None:
    sheet = Image.new("L", (280, 280))
    sheet.paste(255, (0, 0, 140, 280))
    sheet.save(tmp_path / "mask.png")
    mask = lab_looks.read_mask(tmp_path / "mask.png")
    assert mask.shape == (28, 28) and mask[:, :14].all() and not mask[:, 14:].any()


@pytest.mark.parametrize(
    ("what", "name", "shown"), [("diffusion", "fill", True), ("diffusion", "mend", True), ("pix2pix", "drawing", False)]
)
def test_an_example_is_painted_on_where_a_picture_is_asked_for(what: str, name: str, shown: bool) -> None:
    canvas = lab_looks.canvas(Runs(), what, name)
    assert (canvas is not None) is shown
    assert canvas is None or canvas.shape == (1, 28, 28)


def test_a_damaged_picture_is_mended_in_the_terminal(tmp_path: Path) -> None:
    from PIL import Image

    Image.effect_noise((60, 60), 40).save(tmp_path / "damaged.png")
    Image.new("L", (28, 28)).save(tmp_path / "whole.png")
    given = ["--picture", tmp_path / "damaged.png", "--mask", tmp_path / "whole.png", "--amount", "0.4"]
    done = parley("lab", "look", "diffusion", "mend", *given, "-o", tmp_path / "mended.html")
    assert done.returncode == 0 and "noise of 0.4 is taken away" in done.stdout, done.stderr
    assert "data:image/png" in (tmp_path / "mended.html").read_text("utf-8")
