"""Labels nobody trained for."""

from __future__ import annotations

import pytest

from assistant.engines.fake import FakeEngine
from assistant.engines.protocol import Score, ScoreRequest
from assistant.errors import BadSettings
from assistant.tasks.labels import by_likelihood, by_meaning, described


def test_labels_with_and_without_descriptions() -> None:
    assert described(["refund=money back", " bug "]) == {"refund": "refund: money back", "bug": "bug"}
    for bad in ([], ["one"], ["a", "a"], ["", " "]):
        with pytest.raises(BadSettings):
            described(bad)


def test_meaning_goes_by_likeness_and_adds_up_to_one() -> None:
    row = by_meaning(["zzz zzz"], {"zzz": "zzz", "aaa": "aaa"}, FakeEngine().embed)[0]
    assert row["zzz"] > row["aaa"] and sum(row.values()) == pytest.approx(1)


def test_likelihood_takes_off_what_a_label_costs_by_itself() -> None:
    def score(requests: list[ScoreRequest]) -> list[Score]:
        def one(request: ScoreRequest) -> float:
            cheap = 5.0 if request.continuation == " common" else 0.0
            fits = 1.0 if "rare thing" in request.context and request.continuation == " rare" else 0.0
            return cheap + fits

        return [Score(one(request), (), greedy=False) for request in requests]

    row = by_likelihood(["a rare thing"], {"common": "common", "rare": "rare"}, score)[0]  # type: ignore[arg-type]
    assert row["rare"] > row["common"]


def test_a_label_that_is_the_decision_s_column_is_told() -> None:
    with pytest.raises(BadSettings, match="cannot be called"):
        described(["label", "other"])
