"""A task over a folder: every row once, resumable by block, one job a folder."""

from __future__ import annotations

import csv
import gzip
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from assistant.batches import Batch
from assistant.errors import BadDataset, BadSettings, RunInterrupted
from assistant.scale.blocks import Block, Done, Here, Job, Worker, run
from assistant.scale.places import Place
from assistant.service import Assistant


def loud(texts: Sequence[str]) -> list[Mapping[str, Any]]:
    return [{"loud": text.upper()} for text in texts]


@pytest.fixture(autouse=True)
def shouting(monkeypatch: pytest.MonkeyPatch) -> None:
    def batch(self: Assistant, source: Path, output: Path, *, column: str | None = None, **_: Any) -> Batch:
        return Batch(source, output, ("loud",), loud, "shout", column)

    monkeypatch.setattr(Assistant, "shout_batch", batch, raising=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """7 rows of a table in a folder of its own, 2 of a compressed one, 3 lines, and what is no data."""
    source = tmp_path / "in"
    (source / "2026").mkdir(parents=True)
    write(source / "2026" / "may.csv", [f"row {n}" for n in range(7)])
    with gzip.open(source / "packed.jsonl.gz", "wt") as file:
        file.writelines(json.dumps({"text": f"packed {n}"}) + "\n" for n in range(2))
    (source / "lines.txt").write_text("one\ntwo\nthree\n")
    (source / "_SUCCESS").write_text("no data")
    (source / ".hidden.csv").write_text("no data")
    return source


def write(path: Path, texts: Sequence[str]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["text"], *([text] for text in texts)])


def job(source: Path, **more: Any) -> Job:
    return Job("shout_batch", str(source), str(source.parent / "out"), **{"block_rows": 3, **more})


def outputs(given: Job) -> dict[str, str]:
    out = Path(given.target)
    files = [path for path in out.rglob("*") if path.is_file() and "_done" not in path.parts]
    return {str(path.relative_to(out)): path.read_text() for path in sorted(files)}


def test_every_row_of_every_file_comes_out_once(folder: Path) -> None:
    given = job(folder)
    last = run(given, Here())
    assert (last.done, last.total, last.rejected) == (12, 12, 0)
    made = outputs(given)
    about = made.pop("_job.json")
    assert json.loads(about)["block_rows"] == 3
    assert json.loads(made.pop("_SUCCESS")) == {"blocks": 5, "rows": 12, "rejected": 0}
    assert {name: text.splitlines() for name, text in made.items()} == {
        "2026/may-00000.csv": ["text,loud", "row 0,ROW 0", "row 1,ROW 1", "row 2,ROW 2"],
        "2026/may-00001.csv": ["text,loud", "row 3,ROW 3", "row 4,ROW 4", "row 5,ROW 5"],
        "2026/may-00002.csv": ["text,loud", "row 6,ROW 6"],
        "lines-00000.txt": ["ONE\tone", "TWO\ttwo", "THREE\tthree"],
        "packed-00000.jsonl": [f'{{"text": "packed {n}", "loud": "PACKED {n}"}}' for n in range(2)],
    }


class Dies(Here):
    """Ends before its third block, after the output of that was written but not its record."""

    def work(self, job: Job, blocks: Sequence[Block]) -> Iterator[Done]:
        for number, done in enumerate(super().work(job, blocks)):
            if number == 2:
                (Path(job.target) / "_done" / f"{done.output}.json").unlink()
                raise KeyboardInterrupt
            yield done


def test_a_run_after_a_kill_does_what_is_left_and_no_more(folder: Path) -> None:
    given = job(folder)
    with pytest.raises(KeyboardInterrupt):
        run(given, Dies())
    assert "_SUCCESS" not in outputs(given)
    before = {path: path.stat().st_mtime_ns for path in (Path(given.target) / "_done").rglob("*.json")}
    assert len(before) == 2
    told: list[int] = []
    last = run(given, Here(), on_progress=lambda now: told.append(now.done))
    assert told[0] == last.resumed and last.done == 12
    assert all(path.stat().st_mtime_ns == when for path, when in before.items())
    whole = job(folder, block_rows=3)
    again = Job(whole.method, whole.source, str(folder.parent / "anew"), block_rows=3)
    run(again, Here())
    drop = ("_job.json",)
    assert {k: v for k, v in outputs(given).items() if k not in drop} == {
        k: v for k, v in outputs(again).items() if k not in drop
    }


def test_a_finished_job_is_not_done_again(folder: Path) -> None:
    class Never(Here):
        def work(self, job: Job, blocks: Sequence[Block]) -> Iterator[Done]:
            raise AssertionError(blocks)

    run(job(folder), Here())
    assert run(job(folder), Never()).done == 12


def test_rows_that_cannot_be_used_stand_apart_by_their_number_in_the_file(folder: Path) -> None:
    write(folder / "2026" / "may.csv", ["a", "b", "c", "d", "  "])
    given = job(folder)
    assert run(given, Here()).rejected == 1
    (line,) = outputs(given)["2026/may-00001.csv.rejected"].splitlines()
    assert json.loads(line)["row"] == 5 and "empty" in json.loads(line)["reason"]


def test_a_single_file_is_a_folder_of_one(folder: Path) -> None:
    given = Job("shout_batch", str(folder / "lines.txt"), str(folder.parent / "out"), block_rows=2)
    run(given, Here())
    assert {"lines-00000.txt", "lines-00001.txt"} <= set(outputs(given))


def test_another_job_does_not_mix_with_one(folder: Path) -> None:
    run(job(folder), Here())
    with pytest.raises(BadSettings, match="another job"):
        run(job(folder, block_rows=4), Here())
    write(folder / "2026" / "june.csv", ["new"])
    with pytest.raises(BadSettings, match="changed"):
        run(job(folder), Here())


def test_what_cannot_be_a_job(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="no folder"):
        run(job(tmp_path / "nowhere"), Here())
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadDataset, match="no files"):
        run(job(tmp_path / "empty"), Here())
    with pytest.raises(BadSettings, match="among the input"):
        run(Job("shout_batch", str(folder), str(folder / "out")), Here())
    with pytest.raises(BadSettings, match="cannot be reached"):
        run(Job("shout_batch", "nonsense://bucket/x", str(tmp_path / "out")), Here())
    with pytest.raises(BadSettings, match="cannot be used"):
        run(Job("shout_batch", str(folder), "/proc/nowhere"), Here())
    with gzip.open(folder / "lines.txt.gz", "wt") as file:
        file.write("one\n")
    with pytest.raises(BadSettings, match="twice"):
        run(job(folder), Here())
    (folder / "lines.txt.gz").unlink()
    (folder / "report.pdf").write_bytes(b"%PDF-1.7")
    with pytest.raises(BadDataset, match=r"report\.pdf"):
        run(job(folder), Here())
    (folder / "report.pdf").unlink()
    with pytest.raises(BadDataset, match="column"):
        run(job(folder, column="review"), Here())


def test_a_cancelled_job_keeps_its_blocks(folder: Path) -> None:
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(RunInterrupted, match="3 of 12"):
        run(job(folder), Here(), cancel=cancel)
    assert run(job(folder), Here()).resumed == 3


def test_blocks_of_parquet_have_the_types_of_their_file(tmp_path: Path) -> None:
    import pyarrow
    from pyarrow import dataset, parquet

    (tmp_path / "in").mkdir()
    rows = {"text": ["a", "b", " ", " "], "note": [None, None, "x", "y"], "stars": [None, 1, 2, 3]}
    types = {"text": pyarrow.string(), "note": pyarrow.string(), "stars": pyarrow.int8()}
    parquet.write_table(pyarrow.table(rows, schema=pyarrow.schema(types)), tmp_path / "in" / "x.parquet")
    given = Job("shout_batch", str(tmp_path / "in"), str(tmp_path / "out"), block_rows=2)
    assert run(given, Here()).rejected == 2
    made = dataset.dataset(given.target, format="parquet", exclude_invalid_files=True).to_table()
    assert made.schema.field("note").type == pyarrow.string() and made.schema.field("stars").type == pyarrow.int8()
    assert made.column("loud").to_pylist() == ["A", "B"]


def test_half_a_record_is_none(folder: Path) -> None:
    run(job(folder), Here())
    record = Path(job(folder).target) / "_done" / "lines-00000.txt.json"
    record.write_text('{"output": "li')
    last = run(job(folder), Here())
    assert (last.done, last.resumed) == (12, 9)


def test_files_that_change_under_the_work_are_no_success(folder: Path) -> None:
    class Grows(Here):
        def work(self, job: Job, blocks: Sequence[Block]) -> Iterator[Done]:
            yield from super().work(job, blocks)
            write(folder / "2026" / "june.csv", ["more"])

    class Shrinks(Here):
        def work(self, job: Job, blocks: Sequence[Block]) -> Iterator[Done]:
            write(folder / "2026" / "may.csv", ["less"])
            return super().work(job, blocks)

    for spread in (Grows(), Shrinks()):
        given = Job("shout_batch", str(folder), str(folder.parent / type(spread).__name__), block_rows=3)
        with pytest.raises(BadDataset, match="changed"):
            run(given, spread)
        assert "_SUCCESS" not in outputs(given)


def test_blocks_that_lie_on_other_machines_alone_are_no_success(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Elsewhere(Here):
        def work(self, job: Job, blocks: Sequence[Block]) -> Iterator[Done]:
            yield from (Done(block.output, block.rows, 0) for block in blocks)

    monkeypatch.setattr("assistant.scale.blocks.SEEN_SECONDS", 0.0)
    monkeypatch.setattr("assistant.scale.blocks.MOST_LOOKED_AT", 2)
    with pytest.raises(BadDataset, match="as this machine sees it") as told:
        run(job(folder), Elsewhere())
    assert "shared folder" in told.value.hint and "_SUCCESS" not in outputs(job(folder))
    assert run(job(folder), Here()).done == 12


def test_a_shared_folder_may_take_its_time(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """NFS shows one machine what another has written only after a while."""
    given, hidden = job(folder), folder.parent / "hidden"

    class Later(Here):
        def work(self, job: Job, blocks: Sequence[Block]) -> Iterator[Done]:
            yield from super().work(job, blocks)
            (Path(job.target) / "_done").rename(hidden)

    monkeypatch.setattr("time.sleep", lambda _: hidden.rename(Path(given.target) / "_done"))
    assert run(given, Later()).done == 12 and "_SUCCESS" in outputs(given)


def test_what_was_fetched_is_not_kept(folder: Path) -> None:
    for number in range(3):
        with gzip.open(folder / f"more{number}.csv.GZ", "wt") as file:
            file.write(f"text\nnumber {number}\n")
    worker = Worker(job(folder))
    for name in ("more0.csv.GZ", "more1.csv.GZ", "more2.csv.GZ", "lines.txt"):
        worker.cut(name)
        kept = [path for path in Path(worker._folder.name).rglob("*") if path.is_file()]
        assert len(kept) == (name != "lines.txt")


def test_a_place_keeps_what_it_is_given(tmp_path: Path) -> None:
    place = Place(str(tmp_path / "deep" / "folder"))
    place.write("a/b.txt", "Grüße")
    assert place.read("a/b.txt") == "Grüße" and place.read("a/c.txt") is None
    place.remove("a/c.txt")
    assert [each.name for each in place.files()] == ["a/b.txt"]
