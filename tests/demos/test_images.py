"""Pictures come in as they should, and what is none is refused with a word."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from demos import fashion_mnist, images
from demos.errors import BadPicture, NoData


def test_digits_need_nothing_and_are_split() -> None:
    train, test = images.load("digits"), images.load("digits", "test")
    assert train.images.shape[1:] == (1, 28, 28) and train.images.dtype == torch.uint8
    assert len(train) + len(test) == 1797 and set(train.labels.tolist()) == set(range(10))
    assert train.images.float().std() > 50  # there is something on them


def test_scaling_goes_there_and_back() -> None:
    values = torch.arange(256, dtype=torch.uint8)
    there = images.scaled(values)
    assert (there.min(), there.max()) == (-1, 1)
    assert torch.equal(images.unscaled(there), values)


def write_fashion(folder: Path, count: int = 4) -> None:
    """Files as Fashion-MNIST's are, of a few pictures each."""
    folder.mkdir()
    for kind in ("train", "t10k"):
        shown = np.arange(count * 784, dtype=np.uint8).reshape(count, 28, 28)
        fashion_mnist.write_idx(folder / f"{kind}-images-idx3-ubyte.gz", shown)
        fashion_mnist.write_idx(folder / f"{kind}-labels-idx1-ubyte.gz", np.arange(count, dtype=np.uint8))


def test_fashion_is_read_from_its_four_files(tmp_path: Path) -> None:
    write_fashion(tmp_path / "fashion")
    found = images.load("fashion", home=tmp_path / "fashion")
    if fashion_mnist.DEBIAN.is_dir():
        assert len(found) == 60_000
    else:
        assert found.labels.tolist() == [0, 1, 2, 3] and found.classes[3] == "dress"
        assert found.images[1, 0, 0, :3].tolist() == [16, 17, 18]


def test_an_idx_file_that_is_cut_off_is_said(tmp_path: Path) -> None:
    write_fashion(tmp_path / "fashion")
    path = tmp_path / "fashion" / "train-images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes())[:-5]))
    with pytest.raises(NoData, match="cannot be read"):
        images.fashion(tmp_path / "fashion")


def kinds(folder: Path, each: int) -> Path:
    """Folders of two kinds of pictures: cats are dark and dogs are light."""
    for name, light in (("cats", 0), ("dogs", 100)):
        (folder / name).mkdir()
        for number in range(each):
            Image.new("RGB", (40, 30), (light + number, 20, 200)).save(folder / name / f"{number:03}.png")
    return folder


def test_a_folder_of_folders_has_classes(tmp_path: Path) -> None:
    kinds(tmp_path, 10)
    train, test = images.load(str(tmp_path)), images.load(str(tmp_path), "test")
    assert train.classes == ("cats", "dogs") and (len(train), len(test)) == (18, 2)
    assert train.channels == 3 and sorted(test.labels.tolist()) == [0, 1]


@pytest.mark.parametrize("split", ["train", "test"])
def test_the_first_of_ones_own_pictures_are_of_all_kinds(split: images.Split, tmp_path: Path) -> None:
    kinds(tmp_path, 100)
    found = images.own(tmp_path, split)
    half = len(found) // 2
    assert 0.3 < found.labels[:half].float().mean() < 0.7
    assert torch.equal(found.images[:, 0, 0, 0] >= 100, found.labels == 1)
    assert sorted(found.images[:, 0, 0, 0].tolist()) == [
        light + number for light in (0, 100) for number in range(100) if (number % 10 == 9) == (split == "test")
    ]
    torch.rand(5)
    again = images.own(tmp_path, split)
    assert torch.equal(found.images, again.images) and torch.equal(found.labels, again.labels)


def test_pictures_that_were_changed_are_read_anew_and_others_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds(tmp_path, 10)
    opened: list[Path] = []
    real = images.open_picture
    monkeypatch.setattr(images, "open_picture", lambda path, **how: opened.append(path) or real(path, **how))
    first = images.own(tmp_path, "train")
    images.own(tmp_path, "test")
    assert len(opened) == 20
    changed = opened[0]
    changed.write_bytes(opened[-1].read_bytes())
    again = images.own(tmp_path, "train")
    assert len(opened) == 40 and not torch.equal(first.images, again.images)


def test_hidden_files_are_no_pictures(tmp_path: Path) -> None:
    kinds(tmp_path, 10)
    (tmp_path / "cats" / "._000.png").write_bytes(b"what a Mac writes beside a file")
    (tmp_path / "._cats.png").write_bytes(b"")
    assert len(images.own(tmp_path)) == 18


def test_pictures_beside_folders_of_kinds_are_refused(tmp_path: Path) -> None:
    kinds(tmp_path, 10)
    Image.new("L", (30, 30), 9).save(tmp_path / "bird.png")
    with pytest.raises(NoData, match="has pictures beside its folders") as found:
        images.own(tmp_path)
    assert "folder of its kind" in found.value.hint


@pytest.mark.parametrize("name", ["nothing", ""])
def test_pictures_that_there_are_not(name: str, tmp_path: Path) -> None:
    with pytest.raises(NoData, match="no pictures"):
        images.load(name)
    with pytest.raises(NoData, match="0 pictures"):
        images.load(str(tmp_path))


def test_a_picture_of_any_kind_becomes_a_small_square(tmp_path: Path) -> None:
    film = [Image.new("RGB", (60, 50), colour) for colour in ("red", "blue")]
    film[0].save(tmp_path / "film.gif", save_all=True, append_images=film[1:])
    red = images.open_picture(tmp_path / "film.gif", colour=True)
    assert red.shape == (3, 28, 28) and red[0].min() > 250 and red[2].max() < 5  # the first picture of the film


@pytest.mark.parametrize(("ending", "value"), [("png", 20_000), ("png", 40_000), ("tiff", 20_000)])
def test_sixteen_bits_of_grey_are_as_light_as_eight(ending: str, value: int, tmp_path: Path) -> None:
    Image.new("I;16", (30, 300), value).save(tmp_path / f"deep.{ending}")
    deep = images.open_picture(tmp_path / f"deep.{ending}", colour=None)
    assert torch.equal(deep, torch.full((1, 28, 28), value // 256, dtype=torch.uint8))


@pytest.mark.parametrize(("ink", "ground"), [((0, 0, 0), 255), ((90, 60, 20), 255), ((255, 255, 255), 0)])
def test_what_is_transparent_lies_on_what_it_can_be_seen_on(
    ink: tuple[int, int, int], ground: int, tmp_path: Path
) -> None:
    drawing = Image.new("RGBA", (56, 56), (255 - ground,) * 3 + (0,))  # the colour of what is not seen says nothing
    drawing.paste((*ink, 255), (14, 14, 42, 42))
    drawing.save(tmp_path / "drawing.png")
    found = images.open_picture(tmp_path / "drawing.png", colour=True)
    assert found[:, :4].unique().tolist() == [ground]
    assert found[:, 14, 14].tolist() == list(ink)


def test_a_picture_of_nothing_is_refused(tmp_path: Path) -> None:
    Image.new("RGBA", (30, 30), (255, 255, 255, 0)).save(tmp_path / "glass.png")
    with pytest.raises(BadPicture, match=r"glass.png is transparent throughout"):
        images.open_picture(tmp_path / "glass.png")


def test_what_is_no_picture(tmp_path: Path) -> None:
    for name, content in (("empty.png", b""), ("text.png", b"hello"), ("cut.png", None)):
        path = tmp_path / name
        if content is None:
            Image.effect_noise((200, 200), 50).save(path)
            content = path.read_bytes()[:400]
        path.write_bytes(content)
        with pytest.raises(BadPicture, match="no picture that can be read"):
            images.open_picture(path)
    with pytest.raises(BadPicture):
        images.open_picture(tmp_path / "absent.png")


@pytest.mark.parametrize("side", [9_000, 11_000, 20_000])  # Pillow warns above 9,459 and refuses above 13,377
def test_a_huge_picture_is_refused_before_it_is_read(
    side: int, tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    path = tmp_path / "huge.png"
    Image.new("1", (side, side)).save(path)
    with pytest.raises(BadPicture, match="too many") as found:
        images.open_picture(path)
    assert "50 million" in found.value.hint and not recwarn.list


def test_a_folder_that_cannot_be_read_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(folder: Path) -> list[Path]:
        raise PermissionError(13, "Permission denied", str(folder))

    monkeypatch.setattr(Path, "iterdir", closed)
    with pytest.raises(NoData, match=r"cannot be read: Permission denied"):
        images.load(str(tmp_path))
