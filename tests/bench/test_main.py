"""docs/benchmarks.md: a part a benchmark, each with its own day and machine; one that fails costs no other its part."""

from __future__ import annotations

import subprocess
from importlib import import_module
from pathlib import Path

import pytest

from tests.bench import __main__ as bench

BEFORE = """# Benchmarks

Of another day.

## One

2026-01-02, commit abc1234; Some Other CPU, 4 cores, 8 GiB; Python 3.11.

| | |
|---|---:|
| pace | 1 |

## Two

2026-01-03, commit abc1235; A Third CPU, 4 cores, 8 GiB; Python 3.11.

| | |
|---|---:|
| pace | 2 |
"""


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    page = tmp_path / "benchmarks.md"
    page.write_text(BEFORE, "utf-8")
    monkeypatch.setattr(bench, "PAGE", page)
    titles = {"one": ("One", "one.run()"), "broken": ("Broken", "broken.run()"), "two": ("Two", "two.run()")}
    monkeypatch.setattr(bench, "BENCHES", titles)
    monkeypatch.setattr(bench, "NEED_DATA", {})
    return page


def measured(expression: str) -> bench.Figures:
    if expression == "broken.run()":
        raise subprocess.CalledProcessError(1, ["python"])
    return {"pace": 1234.5, "share": 0.123456, "What is taken for what": "| a | b |\n|---|---|\n| 1 | 2 |"}


def test_one_that_fails_leaves_the_others_theirs(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "measure", measured)
    monkeypatch.setattr("sys.argv", ["bench", "broken", "two"])
    with pytest.raises(SystemExit, match="broken"):
        bench.main()
    said = page.read_text("utf-8")
    one, two = (part for part in said.split("\n## ")[1:])
    assert one.rstrip() == BEFORE.split("\n## ")[1].rstrip()  # as it was, with its own machine
    assert "A Third CPU" not in two and " cores, " in two.splitlines()[2]
    assert "| pace | 1,234 |\n| share | 0.123 |\n\nWhat is taken for what:\n\n| a | b |\n" in two
    assert said.startswith(bench.HEADING) and "Another" not in said and "cpu" not in said.split("\n## ")[0].lower()


def test_all_of_them_are_left_without_a_fault(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "measure", lambda expression: {"pace": 3.0})
    monkeypatch.setattr("sys.argv", ["bench"])
    bench.main()
    assert [part.partition("\n")[0] for part in page.read_text("utf-8").split("\n## ")[1:]] == ["One", "Broken", "Two"]
    bench.main()  # what it wrote is what it reads
    assert page.read_text("utf-8").count("## ") == 3


def test_a_process_that_fails_or_says_nothing_has_no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    assert bench.measure("startup.REPEATS and {'a': 1}") == {"a": 1}
    with pytest.raises(subprocess.CalledProcessError):
        bench.measure("startup.nothing_of_that_name()")


@pytest.mark.parametrize("name", list(bench.BENCHES))
def test_every_benchmark_is_there(name: str) -> None:
    module, _, call = bench.BENCHES[name][1].partition(".")
    assert callable(getattr(import_module(f"tests.bench.{module}"), call.partition("(")[0]))


def test_every_part_of_the_page_is_a_benchmark_and_says_where_it_was_measured() -> None:
    parts = bench.measured_before()
    assert parts.keys() <= {title for title, _ in bench.BENCHES.values()}
    for title, part in parts.items():
        assert "; " in part.splitlines()[2] and " cores, " in part.splitlines()[2], title
