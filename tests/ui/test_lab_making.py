"""What weights make, in the terminal and told step by step."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from assistant.errors import BadSettings
from assistant.runs import Runs
from demos.sampling import MOST_FRAMES, Wish, film, pictures
from tests.ui.terminal.test_train import parley
from tests.ui.test_lab import run_it
from ui import lab
from ui.lab_making import picture
from ui.web import lab_make

DIFFUSION = {"data": "digits", "width": 32, "layers": 1, "batch_size": 8, "steps": 2}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    """A diffusion and a network that writes, each trained for two steps."""
    folder = tmp_path_factory.mktemp("runs")
    (folder / "text.txt").write_text("all work and no play. " * 150)
    runs = Runs(folder)
    for name, given in (
        ("diffusion", DIFFUSION),
        ("rnn", {"data": str(folder / "text.txt"), "hidden": 8, "layers": 1, "steps": 2}),
    ):
        run_it(lab.create(runs, name, given))
    yield runs


@pytest.fixture
def home(house: Runs, monkeypatch: pytest.MonkeyPatch) -> Runs:
    monkeypatch.setattr("assistant.paths.runs_folder", lambda: house.folder)
    return house


def trained(runs: Runs, name: str) -> str:
    return next(run.id for run in runs if run.settings["architecture"] == name)


def test_each_step_of_a_diffusion_is_told_and_it_can_be_ended(house: Runs) -> None:
    chosen, folder = lab.weights(house, trained(house, "diffusion"))
    wish, heard = Wish(count=2, steps=3), list[int]()
    made = picture(chosen, folder, wish, "png", heard.append)
    assert heard == [1, 2, 3] and made == _png(chosen.name, folder, wish)
    moving = Image.open(BytesIO(picture(chosen, folder, Wish(count=2, steps=MOST_FRAMES + 5), "gif")))
    assert getattr(moving, "n_frames", 1) == len(film(chosen.name, folder, Wish(count=2, steps=MOST_FRAMES + 5)))

    def enough(number: int) -> None:
        heard.append(number)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        picture(chosen, folder, wish, "png", enough)
    assert heard == [1, 2, 3, 1]
    with pytest.raises(BadSettings, match="as 'doc'"):
        picture(chosen, folder, wish, "doc")


def _png(name: str, folder: Path, wish: Wish) -> bytes:
    from demos.grids import grid, png

    return png(grid(pictures(name, folder, wish)))


def test_the_page_tells_steps_and_shows_a_text_as_it_comes(house: Runs) -> None:
    said = list(lab_make.make(house, False, trained(house, "diffusion"), "", 40, 0, 60, 2.0, "ddpm", "", 0.7))
    assert "At work" in said[0] and said[-1].startswith('<figure class="made">')
    assert all("of 60" in each for each in said[1:-1]) and len(said) > 2
    said = list(lab_make.make(house, False, trained(house, "rnn"), "", 30, 0, 0, 1.0, "ddim", "all <w", 0.0))
    assert "12 of 30 characters" in said[1] and "24 of 30" in said[2] and "role" not in said[-1]
    assert "all &lt;w" in said[-1] and len(said) == 4


def test_the_flags_of_a_diffusion(home: Runs, tmp_path: Path) -> None:
    run, made = trained(home, "diffusion"), tmp_path / "made.png"
    words = ["lab", "sample", run, "--count", 2, "-o", made, "--steps", 3]
    seen: list[bytes] = []
    flags = ([], ["--sampler", "ddpm"], ["--sampler", "dpm-solver"], ["--guidance", 3], ["--label", "7"], ["--seed", 1])
    for flag in flags:
        done = parley(*words, *flag)
        assert done.returncode == 0, done.stderr
        seen.append(made.read_bytes())
    assert len(set(seen)) == len(seen)
    for flag, said in (
        (["--sampler", "euler"], "Samplers are ddim"),
        (["--steps", 0], "steps 1 to 1000"),
        (["--guidance", 99], "guidance lies between"),
        (["--label", "dress"], "no class 'dress'"),
        (["--seed", -1], "a seed is 0 or more"),
    ):
        done = parley(*words, *flag)
        assert (done.returncode, said in done.stderr, "Traceback" in done.stderr) == (2, True, False), done.stderr


def test_a_text_goes_to_the_terminal_or_to_a_file(home: Runs, tmp_path: Path) -> None:
    words = ["lab", "sample", trained(home, "rnn"), "--begin", "all", "--count", 20, "--temperature", 0]
    done = parley(*words)
    assert done.returncode == 0 and len(done.stdout) == 21, done.stderr
    kept = tmp_path / "text.txt"
    to_file = parley(*words, "--output", kept)
    assert to_file.returncode == 0 and to_file.stdout == "" and kept.read_text("utf-8") == done.stdout
    for place, said in ((tmp_path / "x.png", "writes text"), (tmp_path / "no" / "x.txt", "There is no folder")):
        refused = parley(*words, "--output", place)
        assert refused.returncode == 2 and said in refused.stderr and refused.stdout == ""


def test_a_folder_that_is_not_there_is_said_before_anything_is_made(
    home: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[object] = []

    def picture_of(*given: object) -> bytes:
        made.append(given)
        return b""

    monkeypatch.setattr("ui.lab_making.picture", picture_of)
    refused = parley("lab", "sample", trained(home, "diffusion"), "-o", tmp_path / "no" / "x.png")
    assert refused.returncode == 2 and "There is no folder" in refused.stderr and not made
