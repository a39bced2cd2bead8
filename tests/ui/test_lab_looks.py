"""What is seen inside weights, drawn for a page and a terminal."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import torch

from assistant.errors import BadDataset, BadSettings, ModelNotAvailable
from assistant.runs import Runs
from demos.exhibits import Bars, Exhibit, Heat, Lines, Points, Sheet, Words
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
        (["vary", "-o", "it.png"], 2, "end in .html"),
    ):
        done = parley("lab", "look", trained, *words)
        assert done.returncode == code and said in done.stderr and "Traceback" not in done.stderr


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
    from PIL import Image

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
