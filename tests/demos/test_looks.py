"""What is seen inside weights: every look on small ones, and its parts against what they should be."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch

from demos import distances, images, looks_pictures, looks_text, restoring, rnn, vae
from demos.architectures import ARCHITECTURES
from demos.errors import BadConfig, BadText, NoData
from demos.exhibits import Bars, Exhibit, Heat, Lines, Points, Sheet, Words, grows
from demos.gan import Gan
from demos.lesson import save
from demos.looks import LOOKS, Given, Look, look, looks
from demos.looks_diffusion import middle
from demos.rnn import Rnn
from tests.demos.test_training import SMALL, config, lesson

HERE = ("rnn", "transformer", "gan", "vae", "diffusion")
MINE = [each for each in LOOKS if each.architecture in HERE]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Untrained weights of each."""
    made: dict[str, Path] = {}
    for name in (*HERE, "classifier"):
        torch.manual_seed(0)
        asked = config(name, **({} if name in ("rnn", "transformer") else {"data": "digits"}))
        made[name] = tmp_path_factory.mktemp(name)
        save(made[name], lesson(name, asked), name, asked, {})
    return made


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, folders: dict[str, Path]) -> None:
    monkeypatch.setattr("demos.looks_diffusion.STEPS", 2)
    monkeypatch.setattr("demos.looks_diffusion.VERSIONS", 2)
    monkeypatch.setattr("demos.looks_pictures.CLASSIFIER", folders["classifier"])
    monkeypatch.setattr("demos.looks_text.PLAIN", folders["rnn"])


def seen(which: Look, folders: dict[str, Path], **given: object) -> list[Exhibit]:
    return list(which.show(folders[which.architecture], Given(**given)))  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("which", MINE, ids=lambda each: each.key)
def test_each_shows_something_without_anything_given(which: Look, folders: dict[str, Path]) -> None:
    found = seen(which, folders)
    assert found
    for each in found:
        assert isinstance(each, Words) or len(each.said) > 20
        if isinstance(each, Sheet):
            assert each.images.shape[1:] == (1, 28, 28) and each.images.isfinite().all()
        if isinstance(each, Heat):
            assert len(each.values) == len(each.rows) and len(each.values[0]) == len(each.columns)
        if isinstance(each, Lines):
            assert all(math.isfinite(y) for line in each.lines.values() for _, y in line)
    assert [type(each) for each in found] == [type(each) for each in seen(which, folders)]


def test_a_state_is_read_character_by_character(folders: dict[str, Path]) -> None:
    (long,) = seen(look("rnn", "states"), folders, text="Mara came " * 10)
    assert "The other 39 characters of the text are not shown." in long.said
    (heat,) = seen(look("rnn", "states"), folders, text="Mara came")
    assert "not shown" not in heat.said
    assert isinstance(heat, Heat)
    assert heat.columns == ["M", "a", "r", "a", "␣", "c", "a", "m", "e"]
    assert all(-1 <= value <= 1 for row in heat.values for value in row)


def test_a_state_is_shown_as_it_writes(folders: dict[str, Path]) -> None:
    *shown, words = seen(look("rnn", "writing"), folders, text="Mara", seed=3)
    assert isinstance(words, Words) and len(words.text) == len("Mara") + looks_text.WRITTEN
    heats = [each for each in shown if isinstance(each, Heat)]
    assert len(heats) == len(shown) == looks_text.WRITTEN / looks_text.PIECE
    assert [grows(each) for each in heats] == [True] * (len(heats) - 1) + [False] and not grows(words)
    assert len({len(each.columns) for each in heats}) == 1  # nothing jumps while it grows
    first, last = heats[0], heats[-1]
    assert "".join(first.columns) == "".join(looks_text._names(words.text[4:7]))
    assert list(last.columns) == looks_text._names(words.text[-looks_text.MOST :])
    model = Rnn(folders["rnn"])
    found = rnn.states(model.writer, model.characters.encode(words.text))
    some = [int((found[3] - row[0]).abs().argmin()) for row in first.values]
    for heat, read in ((first, found[3:6]), (last, found[-looks_text.MOST - 1 : -1])):  # before each was read
        assert torch.allclose(torch.tensor(heat.values)[:, : len(read)].T, read[:, some], atol=1e-5)


def test_nobody_looks_ahead_and_every_row_sums_to_one(folders: dict[str, Path]) -> None:
    mean, *heads = seen(look("transformer", "attention"), folders, text="A tale")
    assert isinstance(mean, Heat) and len(heads) == 2
    values = torch.tensor(mean.values)
    assert torch.allclose(values.sum(1), torch.ones(6), atol=1e-5)
    assert (values.triu(1) == 0).all()


@pytest.mark.parametrize("which", [look("rnn", "states"), look("transformer", "attention")], ids=lambda each: each.key)
def test_a_text_of_unknown_characters_is_refused(which: Look, folders: dict[str, Path]) -> None:
    with pytest.raises(BadText, match="none of these characters"):
        seen(which, folders, text="私は猫")


def test_memory_is_a_share_of_the_last_characters(folders: dict[str, Path]) -> None:
    (lines,) = seen(look("rnn", "memory"), folders)
    assert isinstance(lines, Lines) and lines.log == "y"
    assert all(points[0] == (0.0, 1.0) and len(points) == 60 for points in lines.lines.values())
    assert Rnn(folders["rnn"]).cell == "lstm"


def test_kinds_are_counted_by_the_classifier(folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    bars, within = seen(look("gan", "kinds"), folders)
    assert isinstance(bars, Bars) and sum(bars.shares.values()) == pytest.approx(1)
    assert list(bars.shares) == list("0123456789") and bars.mark == 0.1
    assert isinstance(within, Bars) and list(within.shares) == list(bars.shares) and within.mark == 1
    monkeypatch.setattr("demos.looks_pictures.CLASSIFIER", folders["rnn"])
    with pytest.raises(NoData):
        seen(look("gan", "kinds"), folders)


def test_a_class_that_is_always_the_same_picture_shows(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def sample(model: Gan, classes: torch.Tensor, *, seed: int = 0) -> torch.Tensor:
        known = images.digits("test")
        rows = [images.scaled(known.images[known.labels == label]) for label in range(10)]
        return torch.stack(
            [rows[label][0 if label == 3 else place % len(rows[label])] for place, label in enumerate(classes.tolist())]
        )

    monkeypatch.setattr(Gan, "sample", sample)
    _, within = seen(look("gan", "kinds"), folders)
    assert isinstance(within, Bars) and within.shares["3"] == pytest.approx(0, abs=1e-3)
    assert min(share for name, share in within.shares.items() if name != "3") > 0.8 and "least for the 3" in within.said


def test_a_map_has_every_picture_and_tiles_its_axes(folders: dict[str, Path]) -> None:
    cloud, tiles = seen(look("vae", "map"), folders)
    known = images.digits("test")
    assert isinstance(cloud, Points) and sum(map(len, cloud.groups.values())) == len(known)
    assert isinstance(tiles, Sheet) and len(tiles.images) == looks_pictures.TILES**2
    model = vae.Vae(folders["vae"])
    x = images.scaled(known.images)
    three = model.tiles(x, 3, 0.0)
    with torch.no_grad():
        assert torch.allclose(three[4], model.decoder(model.encoder(x)[0].mean(0, keepdim=True))[0], atol=1e-5)
    assert model.map(x).std(0).tolist() == pytest.approx(vae._axes(model.encoder(x)[0])[1].tolist(), rel=1e-3)


def test_a_map_of_too_little_is_refused(folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    few = replace(images.digits("test"), images=images.digits("test").images[:1], labels=torch.tensor([0]))
    monkeypatch.setattr("demos.images.load", lambda *_, **__: few)
    with pytest.raises(NoData, match="three pictures"):
        seen(look("vae", "map"), folders)


def test_pictures_that_are_others_by_now(folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    found = images.digits("test")
    monkeypatch.setattr("demos.images.load", lambda *_, **__: replace(found, images=found.images.expand(-1, 3, -1, -1)))
    assert looks_pictures.known_pictures(folders["vae"], None).channels == 1
    monkeypatch.setattr("demos.images.load", lambda *_, **__: replace(found, classes=("a", "b")))
    with pytest.raises(NoData, match="other kinds"):
        looks_pictures.known_pictures(folders["vae"], None)


def test_a_walk_begins_and_ends_with_the_pictures(folders: dict[str, Path]) -> None:
    one, other = torch.zeros(1, 28, 28, dtype=torch.uint8), torch.full((3, 28, 28), 255, dtype=torch.uint8)
    (sheet,) = seen(look("vae", "walk"), folders, picture=one, other=other)
    assert isinstance(sheet, Sheet)
    assert (sheet.images[0] == -1).all() and (sheet.images[9] == 1).all()


def test_an_own_picture_is_judged_as_a_stranger(folders: dict[str, Path]) -> None:
    noise = torch.randint(256, (3, 28, 28), dtype=torch.uint8)
    sheet, words, *_ = seen(look("vae", "strangers"), folders, picture=noise)
    assert isinstance(sheet, Sheet) and isinstance(words, Words) and "%" in words.text


def test_what_is_known_stays_and_only_the_painted_is_made(folders: dict[str, Path]) -> None:
    picture = torch.full((1, 28, 28), 200, dtype=torch.uint8)
    mask = torch.zeros(28, 28, dtype=torch.bool)
    mask[3:6, 4:9] = True
    (sheet,) = seen(look("diffusion", "fill"), folders, picture=picture, mask=mask)
    assert isinstance(sheet, Sheet)
    made = sheet.images[2:]
    assert torch.equal(made[:, :, ~mask], images.scaled(picture)[:, ~mask].expand(2, -1, -1))
    assert (made[:, :, mask] != images.scaled(picture)[:, mask]).any()
    (sheet,) = seen(look("diffusion", "fill"), folders, picture=picture)  # the middle
    assert isinstance(sheet, Sheet)
    assert torch.equal((sheet.images[1, 0] == 0), middle())


@pytest.mark.parametrize("factor", [2, 4])
def test_what_is_enlarged_shrinks_to_what_there_was(factor: int, folders: dict[str, Path]) -> None:
    (sheet,) = seen(look("diffusion", "sharpen"), folders, amount=factor)
    assert isinstance(sheet, Sheet)
    small = restoring.shrink(sheet.images[:1], factor)
    assert torch.allclose(restoring.shrink(sheet.images[2:], factor), small.expand(2, -1, -1, -1), atol=1e-4)


def test_what_cannot_be_looked_at(folders: dict[str, Path]) -> None:
    with pytest.raises(BadConfig, match="Noise lies between"):
        seen(look("diffusion", "clean"), folders, amount=9.0)
    with pytest.raises(BadConfig, match="Times is one of 2, 4"):
        seen(look("diffusion", "sharpen"), folders, amount=3.0)
    with pytest.raises(BadConfig, match="nothing called 'dreams'"):
        look("vae", "dreams")
    assert {each.architecture for each in LOOKS} <= set(ARCHITECTURES)
    assert all(looks(name) for name in SMALL)


def test_a_curve_of_thresholds_encloses_the_area() -> None:
    own, strange = torch.randn(200), torch.randn(150) + 1
    curve = distances.roc(strange, own)
    area = sum((b[0] - a[0]) * (a[1] + b[1]) / 2 for a, b in pairwise(curve))
    assert area == pytest.approx(distances.roc_auc(strange, own), abs=1e-6)
    assert curve[0] == (0, 0) and curve[-1] == (1, 1)


def test_the_examples_are_a_row_a_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = images.examples()
    assert found.images.shape == (200, 1, 28, 28) and found.labels.tolist() == sorted(found.labels.tolist())
    order = torch.randperm(len(found))
    monkeypatch.setattr("demos.images.EXAMPLES", tmp_path / "sheet.png")
    images.example_sheet(replace(found, images=found.images[order], labels=found.labels[order])).save(images.EXAMPLES)
    again = images.examples().images
    assert sorted(again[:20].flatten(1).sum(1).tolist()) == sorted(found.images[:20].flatten(1).sum(1).tolist())
    images.EXAMPLES.write_bytes(b"no picture")
    with pytest.raises(NoData, match="cannot be read"):
        images.examples()
