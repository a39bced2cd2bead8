from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from eval.arena import Vote, Votes, strengths


def drawn(count: int, elos: dict[str, float], seed: int = 0) -> list[Vote]:
    """Votes as models of these strengths would get them."""
    random, names = np.random.default_rng(seed), list(elos)
    votes: list[Vote] = []
    for _ in range(count):
        one, other = random.choice(names, 2, replace=False)
        chance = 1 / (1 + 10 ** ((elos[other] - elos[one]) / 400))
        votes.append(Vote(str(one), str(other), float(random.random() < chance), "?"))
    return votes


def test_strengths_are_found_again() -> None:
    elos = {"weak": 850.0, "middle": 1000.0, "strong": 1150.0}
    found = {each.model: each for each in strengths(drawn(3000, elos))}
    assert [each.model for each in strengths(drawn(3000, elos))] == ["strong", "middle", "weak"]
    for one, other in (("strong", "middle"), ("middle", "weak")):
        assert found[one].elo - found[other].elo == pytest.approx(150, abs=25)
    assert all(each.low < each.elo < each.high and each.high - each.low < 60 for each in found.values())


def test_intervals_say_how_much_is_known() -> None:
    held = 0
    for seed in range(20):
        found = {each.model: each for each in strengths(drawn(120, {"a": 1050.0, "b": 950.0}, seed))}
        held += found["a"].low <= 1050 <= found["a"].high
    assert held >= 15


def test_two_models_by_the_formula() -> None:
    """Three of four votes, and a tie each with an average model."""
    votes = [Vote("a", "b", 1.0, "?")] * 3 + [Vote("b", "a", 1.0, "?")]
    found = {each.model: each.elo for each in strengths(votes)}
    a, b = (10 ** ((found[name] - 1000) / 400) for name in "ab")
    assert pytest.approx(4 * a / (a + b) + a / (a + 1), abs=1e-6) == 3 + 0.5
    assert a * b == pytest.approx(1, abs=1e-6)


def test_who_always_wins_is_not_infinitely_strong() -> None:
    found = strengths([Vote("a", "b", 1.0, "?")] * 5)
    assert (found[0].model, found[0].votes) == ("a", 5)
    assert 1000 < found[0].elo < 1600


def test_ties_are_half_a_win_each() -> None:
    found = strengths([Vote("a", "b", 0.5, "?")] * 10)
    assert {round(each.elo) for each in found} == {1000}


def test_votes_are_kept(tmp_path: Path) -> None:
    votes = Votes(tmp_path / "votes.jsonl")
    assert votes.all() == [] and strengths([]) == []
    votes.add(Vote("a", "b", 1.0, "ä\n?"))
    with votes.path.open("a") as file:
        file.write('{"one": "a"')
    assert votes.all() == [Vote("a", "b", 1.0, "ä\n?")]
    votes.add(Vote("b", "a", 0.5, "Whose line was cut short?"))
    assert [vote.won for vote in votes.all()] == [1.0, 0.5]
