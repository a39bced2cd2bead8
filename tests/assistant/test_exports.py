from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant import exports
from assistant.archives import from_record, to_json
from assistant.conversation import Conversation
from assistant.errors import BadDocument
from assistant.exports import export_conversation, export_training, import_conversation, import_conversations
from assistant.store import Store
from tests.assistant.trees import conversations, message, tree, without_ids


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """For the many examples of one property: a new database for each would take minutes."""
    opened = Store(Path(tmp_path_factory.mktemp("exports")) / "parley.db")
    yield opened
    opened.close()


@pytest.fixture
def store() -> Iterator[Store]:
    opened = Store()
    yield opened
    opened.close()


@settings(deadline=None)
@given(conversations())
def test_json_loses_nothing_on_its_way_through_two_stores(shared: Store, conversation: Conversation) -> None:
    (kept,) = shared.adopt([conversation])
    text = export_conversation(shared, kept, "json")
    back = shared.get(import_conversation(shared, text))
    assert without_ids(back) == without_ids(shared.get(kept)) == without_ids(conversation)
    assert not set(back.messages) & set(conversation.messages)


def test_markdown_goes_through_the_store(store: Store, tmp_path: Path) -> None:
    conversation_id = store.create(settings={"system_prompt": "Be brief."})
    question = store.add_message(conversation_id, parent_id=None, role="user", content="Hi")
    store.add_message(conversation_id, parent_id=question.id, role="assistant", content="Hello", model="m")
    file = tmp_path / "chat.md"
    file.write_text(export_conversation(store, conversation_id, "markdown"), "utf-8")
    copy = store.get(import_conversation(store, file))
    assert [(m.role, m.content) for m in copy.path()] == [("user", "Hi"), ("assistant", "Hello")]
    assert (copy.title, copy.settings) == ("Hi", {"system_prompt": "Be brief."})


def test_training_data_comes_from_every_conversation(store: Store) -> None:
    for number in range(3):
        conversation_id = store.create()
        question = store.add_message(conversation_id, parent_id=None, role="user", content=f"q{number}")
        reply = store.add_message(conversation_id, parent_id=question.id, role="assistant", content=f"a{number}")
        store.vote(reply.id, 1)
        if number == 0:
            store.correct(reply.id, "better")
        if number == 1:
            store.delete(conversation_id)
    assert [row["prompt"][0]["content"] for row in export_training(store, "kto")] == ["q2", "q0"]
    assert [row["chosen"][0]["content"] for row in export_training(store, "preference")] == ["better"]
    assert [row["messages"][1]["content"] for row in export_training(store, "sft")] == ["a2", "better"]
    store.vote(reply.id, 0)
    assert len(list(export_training(store, "sft"))) == 1
    assert len(list(export_training(store, "sft", everything=True))) == 2


def test_a_streaming_reply_is_taken_in_as_interrupted(store: Store) -> None:
    text = to_json(tree(message("a1", None, "assistant", status="streaming")))
    (kept,) = store.get(import_conversation(store, text)).messages.values()
    assert kept.status == "interrupted"
    assert store.recover() == 0


def node(role: str | None, parent: str | None, *parts: Any, kind: str = "text", **fields: Any) -> dict[str, Any]:
    content = {"content_type": kind, "parts": list(parts)}
    said = {"author": {"role": role}, "content": content, "create_time": 1744577557.25, "recipient": "all", **fields}
    return {"parent": parent, "children": [], "message": said if role else None}


CHATGPT = {
    "title": "Rainbows",
    "create_time": 1744577000.5,
    "update_time": 1744578000.0,
    "conversation_id": "x",
    "current_node": "picture",
    "mapping": {
        "root": node(None, None),
        "system": node("system", "root", "", metadata={"is_visually_hidden_from_conversation": True}),
        "custom": node(
            "user",
            "system",
            kind="user_editable_context",
            metadata={
                "user_context_message_data": {"about_user_message": "I am Ann.", "about_model_message": "Rhyme."}
            },
        ),
        "q1": node("user", "custom", "What makes", "a rainbow? \ud83d"),
        "thoughts": node("assistant", "q1", kind="thoughts"),
        "search": node("assistant", "thoughts", "search('rainbow')", recipient="web"),
        "found": node("tool", "search", "results"),
        "a1": node("assistant", "found", "Sunlight.", metadata={"model_slug": "gpt-4o"}),
        "a1b": node("assistant", "q1", "Rain.", metadata={"model_slug": "gpt-4o"}),
        "q2": node("user", "a1", {"content_type": "image_asset_pointer"}, "And this?", kind="multimodal_text"),
        "picture": node("tool", "q2", {"content_type": "image_asset_pointer"}, kind="multimodal_text"),
    },
}


def test_chatgpt_s_tree_is_taken_in(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "conversations.json"
    empty = {"title": "empty", "mapping": {"root": node(None, None)}}
    file.write_text(json.dumps([CHATGPT, empty]))
    (conversation_id,) = import_conversations(store, file)
    copy = store.get(conversation_id)
    assert copy.title == "Rainbows"
    assert [(m.role, m.content) for m in copy.path()] == [
        ("user", "What makes\n\na rainbow? \ufffd"),
        ("assistant", "Sunlight."),
        ("user", "And this?"),
    ]
    first_reply = copy.path()[1]
    assert [copy.messages[name].content for name in copy.siblings(first_reply.id)] == ["Sunlight.", "Rain."]
    assert first_reply.model == "gpt-4o"
    assert first_reply.created.isoformat() == "2025-04-13T20:52:37.250000+00:00"
    assert copy.settings == {"system_prompt": "I am Ann.\n\nRhyme."}


OPEN_WEBUI = {
    "id": "x",
    "user_id": "y",
    "title": "Goldwater",
    "created_at": 1744577557,
    "chat": {
        "models": ["deepseek"],
        "params": {"system": "Be exact."},
        "history": {
            "currentId": "a2",
            "messages": {
                # children may stand before their parents
                "a1": {"id": "a1", "parentId": "q1", "role": "assistant", "content": "A rule.", "model": "deepseek"},
                "q1": {"id": "q1", "parentId": None, "role": "user", "content": "What is it?", "timestamp": 1744577557},
                "a2": {
                    "id": "a2",
                    "parentId": "q1",
                    "role": "assistant",
                    "content": "The Goldwater rule.",
                    "timestamp": 1744577560000,
                    "annotation": {"rating": 1},
                },
                "empty": {"id": "empty", "parentId": "a2", "role": "assistant", "content": ""},
            },
        },
    },
}


@pytest.mark.parametrize("record", [OPEN_WEBUI, {**OPEN_WEBUI["chat"], "title": "Goldwater"}])  # type: ignore[dict-item]
def test_open_webui_s_tree_is_taken_in(store: Store, record: dict[str, Any]) -> None:
    copy = store.get(import_conversation(store, "\ufeff" + json.dumps([record])))
    assert copy.title == "Goldwater"
    assert copy.settings == {"system_prompt": "Be exact."}
    assert [(m.role, m.content, m.vote) for m in copy.path()] == [
        ("user", "What is it?", 0),
        ("assistant", "The Goldwater rule.", 1),
    ]
    assert copy.path()[1].created.year == 2025
    assert len(copy.messages) == 3


def changed(**fields: Any) -> dict[str, Any]:
    """Our JSON of one question and one answer, with something else in it."""
    record = json.loads(to_json(tree(message("q1", None, "user"), message("a1", "q1", "assistant"))))
    return {**record, **fields}


def changed_message(**fields: Any) -> dict[str, Any]:
    record = changed()
    record["messages"][1] |= fields
    return record


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not a conversation that Parley exported"),
        ("{", "not JSON: .* line 1, column 2"),
        ("[" * 100_000, "cannot be read"),
        ("[]", "no conversation with messages"),
        ("[1]", "should be an object, not int"),
        ("{}", "no conversation that Parley knows"),
        ("[" + "9" * 5000 + "]", "cannot be read"),
        (json.dumps([CHATGPT, {"mapping": []}]), "Conversation 2 of 2: .* mapping"),
        (json.dumps({"mapping": {"a": 3}}), "mapping.a"),
        (json.dumps({"chat": 3}), "chat"),
        (json.dumps({"history": {"messages": 3}}), "history.messages"),
        (json.dumps({"mapping": {"a": node("user", "b", "x"), "b": node("user", "a", "y")}}), "before itself"),
        (
            json.dumps({"mapping": {"a": node("user", "b", "x"), "b": node(None, "c"), "c": node(None, "b")}}),
            "before it",
        ),
        (json.dumps(changed(version=2)), "newer Parley"),
        (json.dumps(changed(version="x")), "version"),
        (json.dumps(changed(messages=3)), "messages: "),
        (json.dumps(changed(messages=[3])), "messages.0: "),
        (json.dumps(changed(head="zz")), "'zz' as head"),
        (json.dumps(changed_message(beside="zz")), "'zz' as beside"),
        (json.dumps(changed_message(role="wizard")), "messages.1.role"),
        (json.dumps(changed_message(parent_id="zz")), "'a1' answers 'zz'"),
        (json.dumps(changed_message(parent_id="a1")), "before itself"),
        (json.dumps(changed_message(id="q1")), "Two messages"),
        (json.dumps(changed_message(vote=5)), "messages.1.vote"),
        (json.dumps(changed_message(created="yesterday")), "messages.1.created"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_taken_in(store: Store, text: str, says: str) -> None:
    good = to_json(tree(message("q1", None, "user")))
    with pytest.raises(BadDocument, match=says):
        import_conversations(store, text)
    if text.startswith("{") and text != "{":
        with pytest.raises(BadDocument, match="Conversation 2 of 2"):
            import_conversations(store, f"[{good}, {text}]")
    assert store.conversations() == []


def test_a_failure_in_the_middle_takes_nothing_in(store: Store) -> None:
    good = tree(message("q1", None, "user"))
    unstorable = tree(message("q1", None, "user", settings={"not json": object()}))
    with pytest.raises(TypeError):
        store.adopt([good, unstorable])
    assert store.conversations() == []
    assert store.create()  # the lock was given back


def test_files_that_cannot_be_read_are_named(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadDocument, match=r"nowhere\.json cannot be read: No such file"):
        import_conversation(store, tmp_path / "nowhere.json")
    archive = tmp_path / "export.zip"
    archive.write_bytes(b"PK\x03\x04\xff\xfe\x00")
    with pytest.raises(BadDocument, match=r"export\.zip is not text.*unpack it"):
        import_conversation(store, archive)
    monkeypatch.setattr(exports, "LARGEST_IMPORT_BYTES", 3)
    with pytest.raises(BadDocument, match=r"export\.zip is too large"):
        import_conversation(store, archive)


KEYS = [
    "mapping",
    "message",
    "author",
    "role",
    "content",
    "parts",
    "chat",
    "history",
    "messages",
    "parentId",
    "currentId",
    "title",
    "params",
    "create_time",
    "timestamp",
    "metadata",
    "a",
    "b",
    "format",
    "version",
    "created",
    "settings",
    "head",
]
json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(KEYS),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(deadline=None, max_examples=300)
@given(json_like)
def test_any_json_is_refused_or_read(value: Any) -> None:
    try:
        exports._conversations(json.dumps([{"mapping": {"a": value}}, {"chat": value}]))
        exports._conversations(json.dumps(value))
        from_record({"format": "parley-conversation", **(value if isinstance(value, dict) else {})})
    except BadDocument as error:
        assert error.message
