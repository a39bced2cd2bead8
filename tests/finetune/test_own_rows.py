"""Votes as training data: pairs for a reward model and the loop, verdicts for KTO, as one asks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest

from assistant.errors import BadDataset
from assistant.store import Store
from finetune import own_rows
from finetune.lint import lint


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "parley.db")
    yield made
    made.close()


def answered(store: Store, question: str, *votes: Any) -> None:
    """A question, and an answer to it for each vote."""
    conversation = store.create()
    asked = store.add_message(conversation, parent_id=None, role="user", content=question)
    for number, vote in enumerate(votes):
        said = store.add_message(conversation, parent_id=asked.id, role="assistant", content=f"Answer {number}.")
        store.vote(said.id, vote)


def test_who_has_both_gets_what_is_asked_for(store: Store) -> None:
    for number in range(3):
        answered(store, f"Alone {number}?", 1)
    answered(store, "Compared?", 1, -1)
    pairs, verdicts = lint(own_rows.votes(store, "preference")), lint(own_rows.votes(store, "kto"))
    assert (pairs.rows, "rlhf-loop" in pairs.methods) == (1, True)
    assert (verdicts.rows, verdicts.methods) == (5, ("kto",))


@pytest.mark.parametrize(
    ("kind", "said", "hint"),
    [("preference", "no pairs", "answered twice"), ("kto", "no verdicts", "Like or dislike")],
)
def test_what_there_is_none_of_says_how_it_comes(
    store: Store, kind: Literal["preference", "kto"], said: str, hint: str
) -> None:
    answered(store, "Nobody thought anything of it?", 0)
    with pytest.raises(BadDataset, match=said) as told:
        own_rows.votes(store, kind)
    assert hint in told.value.hint
