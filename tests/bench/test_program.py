"""A program that is measured and ends is told of, in its words, and nobody waits for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.program import BenchFailed, Ended, program


def test_a_program_that_does_not_start_says_why(tmp_path: Path) -> None:
    with (
        pytest.raises(Ended, match=r"(?s)parley serve --most-replicas 2` ended with exit code 2.*go with --replicas"),
        program(tmp_path / "home", "none", "serve", "--most-replicas", "2") as made,
    ):
        made.came_up("health")
    assert not (tmp_path / "home").exists()


def test_a_program_that_ends_in_the_middle_is_why_its_clients_fail(tmp_path: Path) -> None:
    with (
        pytest.raises(Ended, match="ended with exit code") as told,
        program(tmp_path, "none", "serve", "--most-replicas", "2") as made,
    ):
        made.process.wait(60)
        raise BenchFailed("3 clients failed")
    assert "3 clients" in str(told.value.__cause__)


def test_a_program_that_answers_is_there_until_it_is_left(tmp_path: Path) -> None:
    with program(tmp_path, "none", "serve") as made:
        assert made.came_up("health") > 0
        assert made.process.poll() is None
    assert made.process.poll() is not None
