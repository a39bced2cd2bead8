"""Pictures to learn from: Fashion-MNIST, scikit-learn's digits, or a folder of one's own; and single ones."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from demos import fashion_mnist
from demos.errors import BadPicture, NoData

SIZE = 28
"""Pixels of a side."""
MOST_PIXELS = 50_000_000
"""Of a picture that is opened at all."""
EXAMPLES, EACH = Path(__file__).with_name("weights") / "fashion.png", 20
"""Pictures that come with the project: a row a class, EACH of them, the first of the test set."""
FASHION = fashion_mnist.CLASSES
Split = Literal["train", "test"]


@dataclass(frozen=True)
class Pictures:
    """images: (count, channels, SIZE, SIZE) uint8; labels: (count,) int64, places in `classes`; mirrored: whether the
    mirror image of one is one of its kind too, which is so of clothes and not of digits."""

    name: str
    images: Tensor
    labels: Tensor
    classes: tuple[str, ...]
    licence: str = ""
    mirrored: bool = False

    @property
    def channels(self) -> int:
        return self.images.shape[1]

    def __len__(self) -> int:
        return len(self.images)


def load(name: str, split: Split = "train", *, home: Path | None = None) -> Pictures:
    """ "fashion", "digits", or a folder of pictures, whose folders within are the classes.

    home: where Fashion-MNIST is kept that is fetched; without one it is not fetched.
    Raises NoData, BadPicture.
    """
    if name == "digits":
        return digits(split)
    if name == "fashion":
        return fashion(fashion_mnist.folder(home), split)
    if name and Path(name).is_dir():
        return own(Path(name), split)
    raise NoData(f"There are no pictures called {name!r}.", hint="Say fashion, digits, or a folder of pictures.")


def scaled(images: Tensor) -> Tensor:
    """uint8 to float32 in [-1, 1]."""
    return images.float() / 127.5 - 1


def unscaled(images: Tensor) -> Tensor:
    """The way back, with what lies outside cut off."""
    return ((images.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)


def digits(split: Split = "train") -> Pictures:
    """The 1,797 handwritten digits that come with scikit-learn, 8 by 8 pixels, made larger; a fifth is the test."""
    from sklearn.datasets import load_digits

    found: Any = load_digits()
    small = torch.tensor(found.images, dtype=torch.float32)[:, None] * (255 / 16)
    large = torch.nn.functional.interpolate(small, 24, mode="bicubic", align_corners=False).clamp(0, 255)
    images = torch.nn.functional.pad(large.round(), (2, 2, 2, 2)).to(torch.uint8)
    labels = torch.tensor(found.target, dtype=torch.int64)
    end = len(images) * 4 // 5
    part = slice(None, end) if split == "train" else slice(end, None)
    return Pictures("digits", images[part], labels[part], tuple("0123456789"), "CC BY 4.0 (UCI)")


def fashion(folder: Path, split: Split = "train") -> Pictures:
    """Fashion-MNIST from its four idx files. Raises NoData."""
    kind = "train" if split == "train" else "t10k"
    images = fashion_mnist.read_idx(folder / f"{kind}-images-idx3-ubyte.gz").reshape(-1, 1, SIZE, SIZE)
    labels = fashion_mnist.read_idx(folder / f"{kind}-labels-idx1-ubyte.gz").astype(np.int64)
    return Pictures("fashion", torch.from_numpy(images), torch.from_numpy(labels), FASHION, "MIT", True)


def examples() -> Pictures:
    """The few of Fashion-MNIST that come with the project. Raises NoData."""
    try:
        with Image.open(EXAMPLES) as found:
            sheet = torch.from_numpy(np.array(found.convert("L")))
        images = sheet.view(len(FASHION), SIZE, EACH, SIZE).permute(0, 2, 1, 3).reshape(-1, 1, SIZE, SIZE)
    except (OSError, RuntimeError, ValueError) as error:
        raise NoData(f"The example pictures {EXAMPLES} cannot be read: {error}.") from error
    labels = torch.arange(len(FASHION)).repeat_interleave(EACH)
    return Pictures("fashion", images, labels, FASHION, "MIT", True)


def example_sheet(test: Pictures) -> Image.Image:
    """What `examples` reads, of the whole test set."""
    rows = [torch.cat(list(test.images[test.labels == label][:EACH, 0]), 1) for label in range(len(FASHION))]
    return Image.fromarray(torch.cat(rows).numpy())


def own(folder: Path, split: Split = "train") -> Pictures:
    """Pictures of a folder, of each every tenth for the test, in an order that is drawn once: the first few are of all
    kinds. Raises BadPicture, NoData."""
    try:
        inner = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
        beside = _files(folder)
        files = [(path, place) for place, each in enumerate(inner or [folder]) for path in _files(each)]
        states = [(path, (state := path.stat()).st_mtime_ns, state.st_size) for path, _ in files]
    except OSError as error:
        said = f"The pictures in {error.filename or folder} cannot be read: {error.strerror}."
        raise NoData(said, hint="Give a folder that you may read.") from error
    if inner and beside:
        said = f"{folder} has pictures beside its folders."
        raise NoData(said, hint="Put each into the folder of its kind, or take the folders away.")
    if len(files) < 10:
        raise NoData(f"{folder} has {len(files)} pictures.", hint="Give at least ten, a folder for each class.")
    opened = _opened(tuple(states))
    channels = max(len(image) for image in opened)  # of all, so that both parts have as many
    own_part = [number for number in range(len(files)) if (number % 10 == 9) == (split == "test")]
    order = torch.randperm(len(own_part), generator=torch.Generator().manual_seed(0))
    wanted = [own_part[place] for place in order.tolist()]
    images = torch.stack([opened[number].expand(channels, -1, -1) for number in wanted])
    labels = torch.tensor([files[number][1] for number in wanted], dtype=torch.int64)
    return Pictures(folder.name, images, labels, tuple(path.name for path in inner) or (folder.name,), "your own")


@lru_cache(maxsize=1)
def _opened(files: tuple[tuple[Path, int, int], ...]) -> list[Tensor]:
    """Paths, when each was changed, and bytes of it → pictures. One folder is kept, for whoever looks at it again."""
    return [open_picture(path, colour=None) for path, _, _ in files]


def _files(folder: Path) -> list[Path]:
    known = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif"}
    seen = (path for path in folder.iterdir() if not path.name.startswith("."))
    return sorted(path for path in seen if path.suffix.lower() in known)


def open_picture(path: Path, *, colour: bool | None = False) -> Tensor:
    """A file as (channels, SIZE, SIZE) uint8: the middle square, the first picture of a film. What is transparent lies
    on black, or on white where what can be seen of it is darker than the middle.

    colour: one channel or three; None is as the picture has it. Raises BadPicture, also where nothing can be seen.
    """
    try:
        with (
            warnings.catch_warnings(action="ignore", category=Image.DecompressionBombWarning),
            Image.open(path) as found,
        ):
            if found.width * found.height > MOST_PIXELS:
                raise _too_large(path, f"{found.width} by {found.height} pixels, which is too many")
            found.draft("RGB", (4 * SIZE, 4 * SIZE))  # a JPEG is read small at once
            image = _of_bytes(ImageOps.exif_transpose(found)).convert("RGBA")
            image = ImageOps.fit(image, (SIZE, SIZE), Image.Resampling.LANCZOS)
    except Image.DecompressionBombError as error:  # Pillow's own bound, far above, which says no size
        raise _too_large(path, "too many pixels") from error
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        raise BadPicture(f"{path.name} is no picture that can be read.", hint="Give a PNG, JPEG or WebP.") from error
    if not image.getchannel("A").getbbox():
        raise BadPicture(f"{path.name} is transparent throughout.", hint="Give one on which something can be seen.")
    return _laid(image, colour=colour)


def _too_large(path: Path, said: str) -> BadPicture:
    hint = f"Make it smaller than {MOST_PIXELS // 1_000_000} million pixels."
    return BadPicture(f"{path.name} has {said}.", hint=hint)


def _of_bytes(image: Image.Image) -> Image.Image:
    """Of 16 bits of grey the upper eight: Pillow takes all above 255 for white."""
    if not image.mode.startswith("I;16"):
        return image
    return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))


def _laid(image: Image.Image, *, colour: bool | None) -> Tensor:
    """A small RGBA picture on its background: (channels, SIZE, SIZE) uint8."""
    light, alpha = (np.asarray(each, np.float32) for each in (image.convert("L"), image.getchannel("A")))
    under = 0 if (light * alpha).sum() >= 127.5 * alpha.sum() else 255
    flat = Image.alpha_composite(Image.new("RGBA", image.size, (under, under, under, 255)), image).convert("RGB")
    values = torch.from_numpy(np.asarray(flat).copy()).permute(2, 0, 1)
    if colour is None:
        colour = bool((values[0] != values[1]).any() or (values[1] != values[2]).any())
    grey = torch.from_numpy(np.asarray(flat.convert("L")).copy())[None]
    return values if colour else grey
