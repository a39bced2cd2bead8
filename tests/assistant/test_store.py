from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from assistant import paths
from assistant.conversation import Attachment
from assistant.engines.protocol import TokenProbability, Usage
from assistant.errors import UnknownConversation
from assistant.store import Store


@pytest.fixture
def store() -> Iterator[Store]:
    opened = Store()
    yield opened
    opened.close()


def ask(store: Store, conversation_id: str, text: str = "What is the capital of France?") -> str:
    return store.add_message(conversation_id, parent_id=None, role="user", content=text).id


def test_a_reply_is_kept_with_all_that_is_known_of_it(store: Store) -> None:
    conversation_id = store.create(settings={"model": "m", "temperature": 0.5}, preset="code")
    document = Attachment("a.txt", "text/plain", "Ünïcode \0 text", 17)
    question = store.add_message(conversation_id, parent_id=None, role="user", content="Hi\r\n", attachments=[document])
    reply = store.add_message(
        conversation_id,
        parent_id=question.id,
        role="assistant",
        content="",
        status="streaming",
        model="m",
        engine="fake",
        settings={"system_prompt": "Be brief.", "seed": None},
    )
    probabilities = [TokenProbability("He", -0.5, (("He", -0.5), ("Hey", float("-inf"))))]
    usage = Usage(prompt_tokens=5, completion_tokens=11, seconds=2.0, time_to_first_token=1.0, finish="stop")
    store.finish_message(reply.id, content="Hello", status="complete", usage=usage, probabilities=probabilities)

    store.close()
    kept = Store(store.path).get(conversation_id)

    assert (kept.settings, kept.preset, kept.head_id) == ({"model": "m", "temperature": 0.5}, "code", reply.id)
    assert kept.messages[question.id] == question
    saved = kept.messages[reply.id]
    assert (saved.content, saved.status, saved.model, saved.engine) == ("Hello", "complete", "m", "fake")
    assert saved.settings == {"system_prompt": "Be brief.", "seed": None}
    assert saved.usage["tokens_per_second"] == 10.0
    assert saved.usage["finish"] == "stop"
    assert saved.probabilities == [TokenProbability("He", -0.5, (("He", -0.5), ("Hey", -9999.0)))]
    assert saved.created == reply.created
    assert store.path == paths.database_path()


def test_half_a_surrogate_pair_is_replaced(store: Store) -> None:
    conversation_id = store.create(title="broken \ud83d")
    message_id = ask(store, conversation_id, "half \ude00")
    store.set_preference("note", "\ud800")
    assert store.get(conversation_id).title == "broken \ufffd"
    assert store.message(message_id).content == "half \ufffd"
    assert store.preference("note") == "\ufffd"


def test_editing_and_regenerating_make_branches(store: Store) -> None:
    conversation_id = store.create()
    first = ask(store, conversation_id, "one")
    reply = store.add_message(conversation_id, parent_id=first, role="assistant", content="two")
    again = store.add_message(conversation_id, parent_id=first, role="assistant", content="deux", beside=reply.id)
    edited = ask(store, conversation_id, "un")
    kept = store.get(conversation_id)
    assert kept.head_id == edited
    assert kept.siblings(first) == [first, edited]
    assert kept.siblings(reply.id) == [reply.id, again.id]
    store.set_head(conversation_id, kept.leaf_under(first))
    assert [m.content for m in store.get(conversation_id).path()] == ["one", "deux"]


def test_a_message_cannot_cross_into_another_conversation(store: Store) -> None:
    here, there = store.create(), store.create()
    elsewhere = ask(store, there)
    with pytest.raises(UnknownConversation, match="another conversation"):
        store.add_message(here, parent_id=elsewhere, role="assistant", content="x")
    with pytest.raises(UnknownConversation, match="another conversation"):
        store.set_head(here, elsewhere)
    assert store.get(here).messages == {}


@pytest.mark.parametrize(
    "use",
    [
        lambda store: store.get("nowhere"),
        lambda store: store.message("nowhere"),
        lambda store: store.rename("nowhere", "x"),
        lambda store: store.delete("nowhere"),
        lambda store: store.restore("nowhere"),
        lambda store: store.update_settings("nowhere", {}),
        lambda store: store.set_head("nowhere", "x"),
        lambda store: store.vote("nowhere", 1),
        lambda store: store.correct("nowhere", "x"),
        lambda store: store.checkpoint("nowhere", "x"),
        lambda store: store.finish_message("nowhere", content="", status="complete"),
        lambda store: store.add_message("nowhere", parent_id=None, role="user", content="x"),
        lambda store: store.add_message(store.create(), parent_id="nowhere", role="user", content="x"),
    ],
)
def test_what_is_not_there_is_named(store: Store, use: object) -> None:
    with pytest.raises(UnknownConversation, match="nowhere"):
        use(store)  # type: ignore[operator]


def test_a_conversation_is_named_by_its_first_question_until_renamed(store: Store) -> None:
    conversation_id = store.create()
    ask(store, conversation_id, "# First\nquestion")
    ask(store, conversation_id, "Second")
    assert store.get(conversation_id).title == "First"
    store.rename(conversation_id, "  My \n own ")
    assert store.get(conversation_id).title == "My own"
    store.rename(conversation_id, " ")
    assert store.get(conversation_id).title == "First"


def test_a_question_without_words_names_the_conversation_after_its_document(store: Store) -> None:
    conversation_id = store.create()
    document = Attachment("report.pdf", "application/pdf", "text", 4)
    store.add_message(conversation_id, parent_id=None, role="user", content="", attachments=[document])
    assert store.get(conversation_id).title == "report.pdf"


def test_the_sidebar_is_newest_first_and_paged(store: Store) -> None:
    ids = [store.create(title=str(number), settings={"model": "quick"}) for number in range(5)]
    ask(store, ids[1])
    assert [line.id for line in store.conversations()] == [ids[1], ids[4], ids[3], ids[2], ids[0]]
    assert [line.id for line in store.conversations(limit=2, offset=1)] == [ids[4], ids[3]]
    assert len(store.conversations(limit=-1)) == 5
    assert store.conversations()[0].model == "quick"
    store.add_message(ids[0], parent_id=None, role="assistant", content="x", model="good")
    assert (store.conversations()[0].id, store.conversations()[0].model) == (ids[0], "good")


def test_renaming_and_voting_do_not_move_a_conversation_up(store: Store) -> None:
    old, new = store.create(), store.create()
    message_id = ask(store, old)
    ask(store, new)
    store.rename(old, "renamed")
    store.vote(message_id, 1)
    assert [line.id for line in store.conversations()] == [new, old]


def test_settings_are_laid_over_those_before(store: Store) -> None:
    conversation_id = store.create(settings={"a": 1, "b": {"c": [1, 2]}})
    store.update_settings(conversation_id, {"a": 2, "model": "m"})
    assert store.get(conversation_id).settings == {"a": 2, "b": {"c": [1, 2]}, "model": "m"}
    assert store.conversations()[0].model == "m"


def test_a_deleted_conversation_is_hidden_until_restored(store: Store) -> None:
    conversation_id = store.create(title="secret")
    ask(store, conversation_id)
    store.delete(conversation_id)
    assert store.conversations() == store.conversations(query="secret") == []
    assert store.search("capital") == store.search("secret") == []
    with pytest.raises(UnknownConversation, match="deleted"):
        store.get(conversation_id)
    store.restore(conversation_id)
    assert len(store.get(conversation_id).messages) == 1
    assert len(store.search("capital")) == 1


def test_a_reply_may_end_after_its_conversation_was_deleted(store: Store) -> None:
    conversation_id = store.create()
    question = ask(store, conversation_id)
    reply = store.add_message(conversation_id, parent_id=question, role="assistant", content="", status="streaming")
    store.delete(conversation_id)
    store.finish_message(reply.id, content="Paris", status="complete")
    store.restore(conversation_id)
    assert store.get(conversation_id).messages[reply.id].content == "Paris"


def test_purging_leaves_nothing_in_the_file(store: Store) -> None:
    kept, gone = store.create(title="kept"), store.create(title="titlexyzzy")
    ask(store, gone, "bodyxyzzy plugh")
    ask(store, kept, "other")
    store.delete(gone)
    assert store.purge(older_than=timedelta(hours=1)) == 0
    assert store.purge() == 1
    assert store.purge() == 0
    with pytest.raises(UnknownConversation):
        store.restore(gone)
    assert [line.id for line in store.conversations()] == [kept]
    store.close()
    files = list(store.path.parent.glob(store.path.name + "*"))
    assert not any(b"xyzzy" in file.read_bytes() for file in files)


def test_votes_and_corrections_are_taken_back(store: Store) -> None:
    message_id = ask(store, store.create())
    store.vote(message_id, -1)
    store.correct(message_id, "better")
    assert (store.message(message_id).vote, store.message(message_id).correction) == (-1, "better")
    store.vote(message_id, 0)
    store.correct(message_id, None)
    assert (store.message(message_id).vote, store.message(message_id).correction) == (0, None)
    with pytest.raises(ValueError, match="vote"):
        store.vote(message_id, 2)  # type: ignore[arg-type]


def test_preferences_are_small_texts(store: Store) -> None:
    assert store.preference("note") == ""
    assert store.preference("note", "none") == "none"
    store.set_preference("note", "I am Ann")
    store.set_preference("note", "")
    assert store.preference("note", "none") == ""


def test_threads_and_another_process_write_at_once(store: Store) -> None:
    ids = [store.create() for _ in range(4)]
    other = multiprocessing.get_context("spawn").Process(target=write_many, args=(store.path, ids))
    other.start()
    with ThreadPoolExecutor(4) as pool:
        for work in [pool.submit(write_many, store.path, ids, store) for _ in range(4)]:
            work.result()
    other.join()
    assert other.exitcode == 0
    assert sum(len(store.get(conversation_id).messages) for conversation_id in ids) == 5 * 40


def write_many(path: Path, ids: list[str], store: Store | None = None) -> None:
    """Forty questions and a look at what is there after each."""
    own = store or Store(path)
    for number in range(40):
        ask(own, ids[number % len(ids)], f"question {number}")
        own.search("question")
    if store is None:
        own.close()
