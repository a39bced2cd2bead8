from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.search import search_terms
from assistant.store import Store

TEXTS = {
    "paris": "What is the Capital of France? Paris, naïvely.",
    "code": 'print("C++ is foo-bar") -- AND OR NOT NEAR(a b) col:x* ^y 100%',
    "tokyo": "東京の天気はどうですか",
    "thai": "สวัสดีครับ",
    "smile": "🙂 well_done",
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Read by every test of this module, written by none."""
    opened = Store(Path(tmp_path_factory.mktemp("search")) / "parley.db")
    for title, content in TEXTS.items():
        opened.add_message(opened.create(title=title), parent_id=None, role="user", content=content)
    opened.create(title="Capital letters")
    yield opened
    opened.close()


def found(store: Store, query: str) -> set[str]:
    by_search = {hit.title for hit in store.search(query)}
    by_sidebar = {line.title for line in store.conversations(query=query)}
    assert by_search == by_sidebar
    return by_search


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ("capital", {"paris", "Capital letters"}),
        ("CAPITAL fran", {"paris"}),
        ("fran capital", set()),  # only the last word may be unfinished
        ("france capital", {"paris"}),
        ("naively", {"paris"}),
        ("paris", {"paris"}),
        ("foo-bar", {"code"}),
        ("C++", {"code", "paris", "Capital letters"}),  # a prefix, signs do not count
        ('"C++ is', {"code"}),
        ("AND OR", {"code"}),
        ("NOT", {"code"}),
        ("NEAR(a", {"code"}),
        ("col:x*", {"code"}),
        ("content:paris", set()),
        ("東京", {"tokyo"}),
        ("天気", {"tokyo"}),
        ("東京 どう", {"tokyo"}),
        ("大阪", set()),
        ("สวัส", {"thai"}),
        ("🙂", {"smile"}),
        ("%", {"code"}),
        ("_", {"smile"}),
        ("\\", set()),
        ("well_done", {"smile"}),
        ("nothing like it", set()),
    ],
)
def test_words_are_found_in_titles_and_messages(store: Store, query: str, titles: set[str]) -> None:
    assert found(store, query) == titles


@pytest.mark.parametrize("query", ["", "  ", "\0"])
def test_asking_for_nothing_finds_nothing(store: Store, query: str) -> None:
    assert store.search(query) == []


def test_hits_are_marked(store: Store) -> None:
    (hit,) = store.search("of france")
    assert hit.snippet == "What is the Capital \x02of\x03 \x02France\x03? Paris, naïvely."
    assert hit.message_id is not None
    assert store.message(hit.message_id).content == TEXTS["paris"]
    assert store.search("天気")[0].snippet == "東京の\x02天気\x03はどうですか"
    title = store.search("letters")[0]
    assert (title.message_id, title.snippet) == (None, "Capital \x02letters\x03")


@settings(deadline=None, max_examples=300)
@given(st.one_of(st.text(), st.text(alphabet="\"*^:(){}+-\\%_'\0 aANDORT", max_size=30)))
def test_no_text_breaks_the_search(store: Store, query: str) -> None:
    found(store, query) if query.replace("\0", " ").strip() else store.search(query)


@settings(deadline=None, max_examples=100)
@given(st.sampled_from(sorted(TEXTS)), st.integers(0, 40), st.integers(1, 20))
def test_any_piece_from_a_word_on_finds_its_message(store: Store, title: str, start: int, length: int) -> None:
    """Whole words from the text itself, cut off anywhere in the last one."""
    words = TEXTS[title].split()
    piece = " ".join(words[start % len(words) :])[:length].strip()
    assert title in found(store, piece)


def test_a_very_long_query_is_cut(store: Store) -> None:
    assert len(search_terms("word " * 10_000).words) == 32
    assert found(store, "capital " * 500) == {"paris", "Capital letters"}


def test_a_surrogate_breaks_nothing(store: Store) -> None:
    assert found(store, "\ud800 capital") == {"paris", "Capital letters"}


def test_the_index_follows_changes(tmp_path: Path) -> None:
    store = Store(tmp_path / "parley.db")
    conversation_id = store.create(title="before")
    reply = store.add_message(conversation_id, parent_id=None, role="assistant", content="", status="streaming")
    store.checkpoint(reply.id, "halfway")
    assert len(store.search("halfway")) == 1
    store.finish_message(reply.id, content="finished", status="complete")
    store.rename(conversation_id, "after")
    assert [len(store.search(word)) for word in ("halfway", "finished", "before", "after")] == [0, 1, 0, 1]
    store.close()


def test_one_conversation_does_not_fill_all_hits(tmp_path: Path) -> None:
    store = Store(tmp_path / "parley.db")
    talkative, quiet = store.create(title="talkative"), store.create(title="quiet")
    for conversation_id, times in ((quiet, 1), (talkative, 20)):
        for number in range(times):
            store.add_message(conversation_id, parent_id=None, role="user", content=f"word {number}")
    hits = store.search("word")
    assert [hit.title for hit in hits] == ["talkative"] * 3 + ["quiet"]
    assert "19" in hits[0].snippet  # the newest first
    assert len(store.search("word", limit=2)) == 2
    assert datetime.now(UTC) > hits[0].updated >= hits[-1].updated
    store.close()
