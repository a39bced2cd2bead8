"""Pictures to learn from: Fashion-MNIST, scikit-learn's digits, or a folder of one's own; and single ones."""

from __future__ import annotations

import gzip
import hashlib
import shutil
import subprocess
import tempfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from demos.errors import BadPicture, NoData

SIZE = 28
"""Pixels of a side."""
MOST_PIXELS = 50_000_000
"""Of a picture that is opened at all."""
FASHION = ("T-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")
DEBIAN = Path("/usr/share/datasets/fashion-mnist")
HUB = "zalando-datasets/fashion_mnist"
SHA256 = {  # of Debian's package 0.0~git20200523.55506a9-1
    "train-images-idx3-ubyte.gz": "b0564c3eedabfbf835052cff8503ea422014ce006caf5b757f851416ee8300c7",
    "train-labels-idx1-ubyte.gz": "0ae29f65d86684f32d1b9c85147786c547b9c6aebcaf235f0400a0cce308b056",
    "t10k-images-idx3-ubyte.gz": "cc1d090a38ace84dfa1aa66e3ada7c336ef481a96936906477e6dd344da56eaa",
    "t10k-labels-idx1-ubyte.gz": "8d3605d196f4be44669e46906da9733c8131fef761fdbfec72c424d5222f1a05",
}
EXAMPLES, EACH = Path(__file__).with_name("weights") / "fashion.png", 20
"""Pictures that come with the project: a row a class, EACH of them, the first of the test set."""
Split = Literal["train", "test"]


@dataclass(frozen=True)
class Pictures:
    """images: (count, channels, SIZE, SIZE) uint8; labels: (count,) int64, places in `classes`."""

    name: str
    images: Tensor
    labels: Tensor
    classes: tuple[str, ...]
    licence: str = ""

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
        return fashion(fashion_folder(home), split)
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
    """Fashion-MNIST (Xiao et al. 2017, arXiv:1708.07747) from its four idx files. Raises NoData."""
    kind = "train" if split == "train" else "t10k"
    images = _idx(folder / f"{kind}-images-idx3-ubyte.gz").reshape(-1, 1, SIZE, SIZE)
    labels = _idx(folder / f"{kind}-labels-idx1-ubyte.gz").astype(np.int64)
    return Pictures("fashion", torch.from_numpy(images), torch.from_numpy(labels), FASHION, "MIT")


def examples() -> Pictures:
    """The few of Fashion-MNIST that come with the project. Raises NoData."""
    try:
        with Image.open(EXAMPLES) as found:
            sheet = torch.from_numpy(np.array(found.convert("L")))
        images = sheet.view(len(FASHION), SIZE, EACH, SIZE).permute(0, 2, 1, 3).reshape(-1, 1, SIZE, SIZE)
    except (OSError, RuntimeError, ValueError) as error:
        raise NoData(f"The example pictures {EXAMPLES} cannot be read: {error}.") from error
    return Pictures("fashion", images, torch.arange(len(FASHION)).repeat_interleave(EACH), FASHION, "MIT")


def example_sheet(test: Pictures) -> Image.Image:
    """What `examples` reads, of the whole test set."""
    rows = [torch.cat(list(test.images[test.labels == label][:EACH, 0]), 1) for label in range(len(FASHION))]
    return Image.fromarray(torch.cat(rows).numpy())


def fashion_folder(home: Path | None) -> Path:
    """Where Fashion-MNIST is: Debian's package, or what was fetched before, or else fetched now. Raises NoData."""
    folders = [DEBIAN] if home is None else [DEBIAN, home]
    for folder in folders:
        if all((folder / name).is_file() for name in SHA256):
            return folder
    if home is None or not (_from_debian(home) or _from_hub(home)):
        raise NoData(
            "Fashion-MNIST is not here and could not be fetched.",
            hint="Debian and Ubuntu: sudo apt-get install dataset-fashion-mnist. digits need nothing.",
        )
    return home


def _from_debian(home: Path) -> bool:
    """Unpack Debian's package without installing it, which needs no rights."""
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        return False
    with tempfile.TemporaryDirectory(prefix="parley-lab-") as made:
        try:
            fetch = ["apt-get", "download", "dataset-fashion-mnist"]
            subprocess.run(fetch, cwd=made, capture_output=True, check=True, timeout=300)
            (package,) = Path(made).glob("*.deb")
            subprocess.run(["dpkg-deb", "-x", str(package), made], capture_output=True, check=True, timeout=60)
        except (subprocess.SubprocessError, OSError, ValueError):
            return False
        return _keep(((Path(made) / str(DEBIAN)[1:] / name) for name in SHA256), home)


def _from_hub(home: Path) -> bool:
    from datasets import load_dataset

    try:
        found = {"train": load_dataset(HUB, split="train"), "t10k": load_dataset(HUB, split="test")}
    except Exception:  # noqa: BLE001 - whatever kept it from coming, it did not come
        return False
    home.mkdir(parents=True, exist_ok=True)
    for kind, rows in found.items():
        images = np.stack([np.asarray(image, np.uint8) for image in rows["image"]])
        _write_idx(home / f"{kind}-images-idx3-ubyte.gz", images)
        _write_idx(home / f"{kind}-labels-idx1-ubyte.gz", np.asarray(rows["label"], np.uint8))
    return True


def _keep(files: Iterable[Path], home: Path) -> bool:
    home.mkdir(parents=True, exist_ok=True)
    for file in files:
        if hashlib.sha256(file.read_bytes()).hexdigest() != SHA256[file.name]:
            return False
        shutil.copyfile(file, home / f"{file.name}.part")
        (home / f"{file.name}.part").replace(home / file.name)
    return True


def _idx(path: Path) -> np.ndarray:
    """The array of an idx file: 0, 0, type, dimensions, sizes in big-endian, bytes."""
    try:
        raw = gzip.decompress(path.read_bytes())
        dimensions = raw[3]
        shape = np.frombuffer(raw, ">u4", dimensions, 4).astype(int)
        return np.frombuffer(raw, np.uint8, int(shape.prod()), 4 + 4 * dimensions).reshape(shape).copy()
    except (OSError, EOFError, ValueError, IndexError, zlib.error) as error:
        raise NoData(f"{path} cannot be read: {error}.", hint="Delete it, so that it is fetched anew.") from error


def _write_idx(path: Path, array: np.ndarray) -> None:
    head = bytes((0, 0, 8, array.ndim)) + np.asarray(array.shape, ">u4").tobytes()
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(gzip.compress(head + array.tobytes(), 6))
    part.replace(path)


def own(folder: Path, split: Split = "train") -> Pictures:
    """Pictures of a folder, of each every tenth for the test. Raises BadPicture, NoData."""
    inner = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    files = [(path, place) for place, each in enumerate(inner or [folder]) for path in _files(each)]
    if len(files) < 10:
        raise NoData(f"{folder} has {len(files)} pictures.", hint="Give at least ten, a folder for each class.")
    opened = [open_picture(path, colour=None) for path, _ in files]
    channels = max(len(image) for image in opened)  # of all, so that both parts have as many
    wanted = [number for number in range(len(files)) if (number % 10 == 9) == (split == "test")]
    images = torch.stack([opened[number].expand(channels, -1, -1) for number in wanted])
    labels = torch.tensor([files[number][1] for number in wanted], dtype=torch.int64)
    return Pictures(folder.name, images, labels, tuple(path.name for path in inner) or (folder.name,), "your own")


def _files(folder: Path) -> list[Path]:
    known = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif"}
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in known)


def open_picture(path: Path, *, colour: bool | None = False) -> Tensor:
    """A file as (channels, SIZE, SIZE) uint8: the middle square, transparency on black, the first of a film's pictures.

    colour: one channel or three; None is as the picture has it. Raises BadPicture.
    """
    try:
        with Image.open(path) as found:
            if found.width * found.height > MOST_PIXELS:
                said = f"{path.name} has {found.width} by {found.height} pixels, which is too many."
                raise BadPicture(said, hint=f"Make it smaller than {MOST_PIXELS // 1_000_000} million pixels.")
            found.draft("RGB", (4 * SIZE, 4 * SIZE))  # a JPEG is read small at once
            image = ImageOps.exif_transpose(found).convert("RGBA")
    except BadPicture:
        raise
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, ValueError, SyntaxError) as error:
        raise BadPicture(f"{path.name} is no picture that can be read.", hint="Give a PNG, JPEG or WebP.") from error
    return from_pil(image, colour=colour)


def from_pil(image: Image.Image, *, colour: bool | None = False) -> Tensor:
    """The same of a picture that is open."""
    black = Image.new("RGBA", image.size, (0, 0, 0, 255))
    flat = Image.alpha_composite(black, image.convert("RGBA")).convert("RGB")
    flat = ImageOps.fit(flat, (SIZE, SIZE), Image.Resampling.LANCZOS)
    values = torch.from_numpy(np.asarray(flat).copy()).permute(2, 0, 1)
    if colour is None:
        colour = bool((values[0] != values[1]).any() or (values[1] != values[2]).any())
    grey = torch.from_numpy(np.asarray(flat.convert("L")).copy())[None]
    return values if colour else grey
