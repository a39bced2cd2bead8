"""A task over a file: every format, bad rows apart, a kill without loss."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from assistant import batches
from assistant.batches import Batch, BatchProgress
from assistant.errors import BadDataset, BadSettings, RunInterrupted


def lengths(texts: Sequence[str]) -> list[Mapping[str, Any]]:
    return [{"length": len(text)} for text in texts]


def batch(source: Path, output: Path, **more: Any) -> Batch:
    return Batch(source, output, ("length",), more.pop("work", lengths), "length", **more)


def write_csv(path: Path, texts: Sequence[str]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("id", "text"), *enumerate(texts)])
    return path


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_csv_gains_columns_and_keeps_its_own(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "in.csv", ["good", 'with, comma and "quotes"', "two\nlines"])
    last = batch(source, tmp_path / "out.csv").run()
    assert (last.done, last.total, last.rejected) == (3, 3, 0)
    assert read_csv(tmp_path / "out.csv") == [
        {"id": "0", "text": "good", "length": "4"},
        {"id": "1", "text": 'with, comma and "quotes"', "length": "24"},
        {"id": "2", "text": "two\nlines", "length": "9"},
    ]
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["in.csv", "out.csv"]


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "parquet"])
@pytest.mark.parametrize("into", ["csv", "tsv", "jsonl", "parquet"])
def test_every_format_goes_into_every_other(tmp_path: Path, ending: str, into: str) -> None:
    from assistant import tables
    from assistant.table_output import write_rows

    rows = [{"text": f"row {n}", "stars": str(n)} for n in range(3)]
    source, output = tmp_path / f"in.{ending}", tmp_path / f"out.{into}"
    write_rows(source, tables.format_of(source), ("text", "stars"), rows)
    batch(source, output).run()
    assert [str(row["length"]) for row in tables.rows(output) if isinstance(row, dict)] == ["5", "5", "5"]
    assert tables.columns_of(output) == ["text", "stars", "length"]


def test_plain_lines_come_back_with_the_result_before_them(tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("one\nthree\n", "utf-8")
    batch(tmp_path / "in.txt", tmp_path / "out.txt").run()
    assert (tmp_path / "out.txt").read_text("utf-8") == "3\tone\n5\tthree\n"


def test_bad_rows_are_set_apart_with_the_reason(tmp_path: Path) -> None:
    lines = ['{"text": "fine"}', "{broken", '{"other": 1}', '{"text": 5}', '{"text": "  "}', "[1]", '{"text": "too"}']
    (tmp_path / "in.jsonl").write_text("\n".join(lines), "utf-8")
    last = batch(tmp_path / "in.jsonl", tmp_path / "out.jsonl").run()
    assert (last.done, last.rejected) == (7, 5)
    good = [json.loads(line)["text"] for line in (tmp_path / "out.jsonl").read_text("utf-8").splitlines()]
    assert good == ["fine", "too"]
    apart = [json.loads(line) for line in (tmp_path / "out.jsonl.rejected").read_text("utf-8").splitlines()]
    assert [each["row"] for each in apart] == [2, 3, 4, 5, 6]
    assert "not JSON" in apart[0]["reason"]
    assert [each["reason"] for each in apart[1:]] == [
        "it has no text",
        "its text is no text but int",
        "its text is empty",
        "it is not a JSON object",
    ]


def test_a_row_of_another_width_is_bad_and_the_next_is_not(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("id,text\n1,a\n2\n3,c\n", "utf-8")
    batch(tmp_path / "in.csv", tmp_path / "out.csv").run()
    assert [row["id"] for row in read_csv(tmp_path / "out.csv")] == ["1", "3"]


def test_the_first_row_may_be_the_bad_one(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("id,text\n1,a,too many\n2,b\n", "utf-8")
    batch(tmp_path / "in.csv", tmp_path / "out.csv").run()
    assert [row["id"] for row in read_csv(tmp_path / "out.csv")] == ["2"]


@pytest.mark.parametrize(
    ("encoding", "text"), [("utf-8-sig", "gut"), ("utf-16", "gut"), ("cp1252", "schön, naïf, über")]
)
def test_any_encoding(tmp_path: Path, encoding: str, text: str) -> None:
    (tmp_path / "in.csv").write_bytes(f'text\r\n"{text}"\r\n'.encode(encoding) * 1)
    batch(tmp_path / "in.csv", tmp_path / "out.csv").run()
    assert read_csv(tmp_path / "out.csv") == [{"text": text, "length": str(len(text))}]


def test_what_is_wrong_with_a_file_is_said(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "in.csv", ["a"])
    with pytest.raises(BadDataset, match=r"no column 'review'.*It has id, text"):
        batch(source, tmp_path / "out.csv", column="review").run()
    (tmp_path / "two.csv").write_text("a,b\n1,2\n", "utf-8")
    with pytest.raises(BadDataset, match="Name one of a, b"):
        batch(tmp_path / "two.csv", tmp_path / "out.csv").run()
    (tmp_path / "empty.csv").write_text("", "utf-8")
    with pytest.raises(BadDataset, match="is empty"):
        batch(tmp_path / "empty.csv", tmp_path / "out.csv").run()
    (tmp_path / "head.csv").write_text("text\n", "utf-8")
    with pytest.raises(BadDataset, match=r"is empty|has no rows"):
        batch(tmp_path / "head.csv", tmp_path / "out.csv").run()
    with pytest.raises(BadDataset, match="There is no file"):
        batch(tmp_path / "missing.csv", tmp_path / "out.csv").run()
    (tmp_path / "not.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(BadDataset, match="not a Parquet file"):
        batch(tmp_path / "not.parquet", tmp_path / "out.csv").run()
    (tmp_path / "picture.txt").write_bytes(bytes(range(256)) * 40)
    with pytest.raises(BadDataset, match="not text"):
        batch(tmp_path / "picture.txt", tmp_path / "out.txt").run()
    with pytest.raises(BadSettings, match="replace the input"):
        batch(source, source).run()
    assert not (tmp_path / "out.csv").exists()


def test_a_stopped_job_goes_on_where_it_stood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "CHUNK", 10)
    source = write_csv(tmp_path / "in.csv", [f"text {n}" for n in range(95)])
    seen: list[str] = []

    def work(texts: Sequence[str]) -> list[Mapping[str, Any]]:
        seen.extend(texts)
        return lengths(texts)

    first = batch(source, tmp_path / "out.csv", work=work)

    def stop(now: BatchProgress) -> None:
        if now.done == 40:
            first.cancel.set()

    first.on_progress = stop
    with pytest.raises(RunInterrupted, match="40 of 95"):
        first.run()
    assert not (tmp_path / "out.csv").exists()
    with first.done_path.open("a") as file:
        file.write('{"length": 1')  # the process was killed while it wrote
    heard: list[int] = []
    again = batch(source, tmp_path / "out.csv", work=work)
    again.on_rows = lambda rows: heard.extend(row["length"] for row in rows)
    assert again.run().resumed == 40
    assert heard == [len(f"text {n}") for n in range(95)], "also of what the first run did"
    assert seen == [f"text {n}" for n in range(95)]
    assert [row["length"] for row in read_csv(tmp_path / "out.csv")] == [str(len(f"text {n}")) for n in range(95)]


def test_another_job_begins_anew(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "in.csv", ["a", "b"])
    job = batch(source, tmp_path / "out.csv")
    job.done_path.write_text('{"job": "of another model"}\n{"length": 99}\n{"length": 99}\n', "utf-8")
    assert job.run().resumed == 0
    assert [row["length"] for row in read_csv(tmp_path / "out.csv")] == ["1", "1"]


def test_a_killed_process_loses_no_row_and_does_none_twice(tmp_path: Path) -> None:
    write_csv(tmp_path / "in.csv", [f"text {n}" for n in range(300)])
    program = """
import sys, time
from pathlib import Path
from assistant import batches
batches.CHUNK = 10
folder = Path(sys.argv[1])
def work(texts):
    with (folder / "log").open("a") as log: log.writelines(text + "\\n" for text in texts)
    time.sleep(0.05)
    return [{"length": len(text)} for text in texts]
batches.Batch(folder / "in.csv", folder / "out.csv", ("length",), work, "length").run()
"""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", program, str(tmp_path)]
    first = subprocess.Popen(command, env=environment)
    log = tmp_path / "log"
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and not (log.exists() and len(log.read_text().splitlines()) >= 100):
        time.sleep(0.01)
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert not (tmp_path / "out.csv").exists()
    subprocess.run(command, env=environment, check=True)
    worked = log.read_text().splitlines()
    assert sorted(set(worked)) == sorted(f"text {n}" for n in range(300))
    assert len(worked) <= 310  # the chunk in hand, and no other, was done again
    assert [row["length"] for row in read_csv(tmp_path / "out.csv")] == [str(len(f"text {n}")) for n in range(300)]


def test_columns_that_only_later_rows_have_are_kept(tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text('{"text": "one"}\n{"text": "two", "stars": 5}\n', "utf-8")
    batch(source, tmp_path / "out.csv").run()
    assert read_csv(tmp_path / "out.csv") == [
        {"text": "one", "stars": "", "length": "3"},
        {"text": "two", "stars": "5", "length": "3"},
    ]


def test_columns_of_one_s_own_are_not_written_over(tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_text("text,length\none,7\n", "utf-8")
    with pytest.raises(BadSettings, match="has a column 'length' already"):
        batch(source, tmp_path / "out.csv").run()


def test_parquet_holds_columns_that_begin_empty(tmp_path: Path) -> None:
    import pyarrow.parquet as parquet

    source = tmp_path / "in.jsonl"
    lines = [{"text": "a", "note": None, "stars": 1} for _ in range(1500)] + [{"text": "b", "note": "x", "stars": 1.5}]
    source.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    batch(source, tmp_path / "out.parquet").run()
    rows = parquet.read_table(tmp_path / "out.parquet").to_pylist()
    assert len(rows) == 1501 and rows[0]["note"] is None
    assert (rows[-1]["note"], rows[-1]["stars"]) == ("x", 1.5)
    source.write_text('{"text": "a", "stars": 1}\n{"text": "b", "stars": "many"}\n', "utf-8")
    with pytest.raises(BadDataset, match="values of several kinds"):
        batch(source, tmp_path / "mixed.parquet").run()


def test_json_arrays_and_half_surrogates(tmp_path: Path) -> None:
    source = tmp_path / "in.json"
    source.write_text('[{"text": "good \\ud83d"}, {"text": "bad"}, 7]', "utf-8")
    last = batch(source, tmp_path / "out.json").run()
    assert (last.done, last.rejected) == (3, 1)
    assert [row["length"] for row in json.loads((tmp_path / "out.json").read_text("utf-8"))] == [6, 3]
    source.write_text("no json", "utf-8")
    with pytest.raises(BadDataset, match="is not JSON"):
        batch(source, tmp_path / "out.csv").run()


def test_an_old_encoding_is_found_behind_the_first_megabyte(tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_bytes(b"text\n" + b"plain words\n" * 100_000 + "ein Café für Gäste\n".encode("cp1252"))
    from assistant import tables

    *_, last = tables.rows(source)
    assert last == {"text": "ein Café für Gäste"}


def test_paths_that_cannot_be_are_told_at_once(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "in.csv", ["one"])
    for output in (tmp_path, Path(".")):
        with pytest.raises(BadSettings, match="is a folder"):
            batch(source, output).run()
    (tmp_path / "in.pdf").write_bytes(b"%PDF-1.7")
    with pytest.raises(BadDataset, match="is no table"):
        batch(tmp_path / "in.pdf", tmp_path / "out.csv").run()


def test_two_runs_on_one_output_do_not_mix(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "in.csv", ["one", "two"])

    def again(texts: Sequence[str]) -> list[Mapping[str, Any]]:
        with pytest.raises(BadSettings, match="is being written already"):
            batch(source, tmp_path / "out.csv").run()
        return lengths(texts)

    assert batch(source, tmp_path / "out.csv", work=again).run().done == 2


def test_an_earlier_run_s_rejections_go_when_there_are_none_any_more(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "in.csv", ["one", ""])
    batch(source, tmp_path / "out.csv").run()
    assert (tmp_path / "out.csv.rejected").exists()
    write_csv(source, ["one", "two"])
    batch(source, tmp_path / "out.csv").run()
    assert not (tmp_path / "out.csv.rejected").exists()
