"""What a person does on the page, without a browser: the actions, the transcript, the stream, the server's doors."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from assistant.engines.fake import FakeEngine
from assistant.errors import BadDocument, UnknownConversation, UserError
from assistant.service import QUICK_MODEL, Assistant
from assistant.settings import ChatSettings
from ui.web.actions import ChatActions, Shown, how_long_ago
from ui.web.stream import events
from ui.web.transcript import SHOWN_AT_ONCE, cost

SETTINGS = ChatSettings(model=QUICK_MODEL)


@pytest.fixture
def actions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ChatActions]:
    monkeypatch.setattr("assistant.sources.locate", lambda entry: tmp_path)
    assistant = Assistant(open_engine=lambda *_, **__: FakeEngine(lambda messages: f"**Re** {messages[-1].content}"))
    yield ChatActions(assistant)
    assistant.close()


def settled(actions: ChatActions, shown: Shown) -> Shown:
    """Once its replies are complete, as the page does when a stream ends."""
    for reply in actions.assistant.live(shown["conversation"]):
        assert reply.wait(10)
    return actions.act({"kind": "finished", "id": ""}, shown["conversation"], SETTINGS)


def test_the_first_question_makes_a_conversation(actions: ChatActions) -> None:
    shown = actions.send("", "  Hello there ", [], SETTINGS)
    assert shown["clear"]
    shown = settled(actions, shown)
    question, reply = shown["transcript"]["messages"]
    assert "Hello there" in question["html"]
    assert "<strong>Re</strong> Hello there" in reply["html"]
    assert "tokens" in reply["html"]
    assert [item["title"] for item in shown["sidebar"]["items"]] == ["Hello there"]
    assert not shown["busy"]


def test_what_the_page_s_controls_hold_unchanged_is_no_choice(actions: ChatActions) -> None:
    """Else a greedy model, asked to write again, would find that greed was asked for."""
    advised = asdict(actions.assistant.sampling(QUICK_MODEL))
    given = ChatSettings(model=QUICK_MODEL, sampling={**advised, "top_k": 7})
    shown = settled(actions, actions.send("", "Hello", [], given))
    reply = actions.assistant.store.get(shown["conversation"]).path()[-1]
    assert reply.settings["sampling"] == {"top_k": 7}


@pytest.mark.parametrize("usage", [{}, {"completion_tokens": 7}, {"finish": "length"}, {"tokens_per_second": 3.0}])
def test_a_reply_that_tells_little_of_its_cost_is_shown(actions: ChatActions, usage: dict[str, Any]) -> None:
    """Conversations come from other programs, too."""
    shown = settled(actions, actions.send("", "Hello", [], SETTINGS))
    reply = actions.assistant.store.get(shown["conversation"]).path()[-1]
    told = cost(replace(reply, usage=usage))
    assert ("7 tokens" in told) == ("completion_tokens" in usage)
    assert "first after" not in told


@pytest.mark.parametrize("text", ["", "   \n"])
def test_nothing_is_not_sent_and_makes_no_conversation(actions: ChatActions, text: str) -> None:
    with pytest.raises(UserError, match="nothing to send"):
        actions.send("", text, [], SETTINGS)
    assert actions.sidebar("")["items"] == []


def test_a_document_that_cannot_be_read_makes_no_conversation(actions: ChatActions, tmp_path: Path) -> None:
    file = tmp_path / "picture.txt"
    file.write_bytes(bytes(range(256)))
    with pytest.raises(BadDocument):
        actions.send("", "What is it?", [str(file)], SETTINGS)
    assert actions.sidebar("")["items"] == []


def test_the_page_of_a_deleted_conversation_is_an_empty_one(actions: ChatActions) -> None:
    assert actions.open("gone")["conversation"] == ""
    with pytest.raises(UnknownConversation):
        actions.send("gone", "Hello", [], SETTINGS)


def test_delete_and_undo(actions: ChatActions) -> None:
    current = settled(actions, actions.send("", "Hello", [], SETTINGS))["conversation"]
    shown = actions.act_on_list({"kind": "delete", "id": current}, current, "", 100)
    assert shown["conversation"] == "" and shown["sidebar"]["items"] == []
    assert shown["sidebar"]["undo"] == {"id": current, "title": "Hello"}
    shown = actions.act_on_list({"kind": "undo", "id": current}, "", "", 100)
    assert shown["conversation"] == current and len(shown["transcript"]["messages"]) == 2


def test_votes_branches_and_corrections(actions: ChatActions) -> None:
    shown = settled(actions, actions.send("", "Hello", [], SETTINGS))
    current, reply = shown["conversation"], shown["transcript"]["messages"][1]["id"]
    actions.act({"kind": "vote", "id": reply, "value": "-1"}, current, SETTINGS)
    assert actions.assistant.store.message(reply).vote == -1
    shown = actions.act({"kind": "correct", "id": reply, "text": "Better"}, current, SETTINGS)
    assert "Better" in shown["transcript"]["messages"][1]["html"]
    shown = settled(
        actions,
        actions.act({"kind": "edit", "id": shown["transcript"]["messages"][0]["id"], "text": "Hi"}, current, SETTINGS),
    )
    assert "2/2" in shown["transcript"]["messages"][0]["html"]
    first = actions.assistant.store.get(current).siblings(shown["transcript"]["messages"][0]["id"])[0]
    shown = actions.act({"kind": "branch", "target": first}, current, SETTINGS)
    assert "Hello" in shown["transcript"]["messages"][0]["html"]


@pytest.mark.parametrize("event", [{}, {"kind": "explode"}, {"kind": "edit", "id": "x", "text": " "}])
def test_events_that_make_no_sense_are_refused(actions: ChatActions, event: dict[str, str]) -> None:
    current = settled(actions, actions.send("", "Hello", [], SETTINGS))["conversation"]
    with pytest.raises(UserError):
        actions.act(event, current, SETTINGS)


def test_a_long_conversation_draws_its_end_first(actions: ChatActions) -> None:
    store = actions.assistant.store
    current, parent = store.create(), None
    for number in range(SHOWN_AT_ONCE + 10):
        role = "user" if number % 2 == 0 else "assistant"
        parent = store.add_message(current, parent_id=parent, role=role, content=f"m{number}").id  # type: ignore[arg-type]
    drawn = actions.open(current)["transcript"]
    assert len(drawn["messages"]) == SHOWN_AT_ONCE and drawn["earlier"] == 10
    drawn = actions.act({"kind": "earlier"}, current, SETTINGS)["transcript"]
    assert len(drawn["messages"]) == SHOWN_AT_ONCE + 10 and drawn["earlier"] == 0


def test_hostile_text_is_text_in_every_part_of_a_message(actions: ChatActions, tmp_path: Path) -> None:
    hostile = '"><img src=x onerror=alert(1)></template><script>alert(2)</script>'
    file = tmp_path / "x.txt"
    file.write_text(hostile)
    shown = settled(actions, actions.send("", hostile, [str(file)], SETTINGS))
    html = "".join(message["html"] for message in shown["transcript"]["messages"])
    assert "<img" not in html and "<script" not in html
    assert html.count("</template>") == 2


def test_the_stream_ends_with_the_whole_text(actions: ChatActions) -> None:
    text = "First.\n\nSecond with `code`.\n\n```py\nx = 1\n\ny = 2\n```\n\nEnd."
    actions.assistant._open_engine = lambda *_, **__: FakeEngine(text, seconds_per_token=0.06)
    shown = actions.send("", "Go", [], SETTINGS)
    (reply,) = actions.assistant.live(shown["conversation"])

    async def read() -> list[dict[str, object]]:
        return [json.loads(event.removeprefix("data: ")) async for event in events(reply)]

    with ThreadPoolExecutor() as elsewhere:  # the browser tests leave a running event loop in this thread
        changes = elsewhere.submit(asyncio.run, read()).result()
    assert changes[-1]["done"] and not any("done" in change for change in changes[:-1])
    html = "".join(str(change["append"]) for change in changes) + str(changes[-1]["tail"])
    assert html.count("<p>") == 3 and html.count("<pre") == 1
    assert len(changes) > 3


@pytest.mark.parametrize(
    ("then", "heading"),
    [
        ("2026-11-22T00:10", "Today"),
        ("2026-11-21T23:50", "Yesterday"),
        ("2026-11-17T12:00", "Earlier this week"),
        ("2026-03-01T12:00", "March"),
        ("2025-03-01T12:00", "March 2025"),
    ],
)
def test_the_sidebar_files_by_day(then: str, heading: str) -> None:
    assert how_long_ago(datetime.fromisoformat(then), datetime.fromisoformat("2026-11-22T10:00")) == heading


@pytest.fixture
def client(actions: ChatActions) -> TestClient:
    from ui.web.app import create_app

    return TestClient(create_app(actions.assistant), base_url="http://127.0.0.1:7860")


def test_only_loopback_names_are_answered(client: TestClient) -> None:
    assert client.get("/").status_code == 200
    for host in ("evil.example", "evil.example:99999", "127.0.0.1:99999"):
        assert client.get("/", headers={"host": host}).status_code == 403, host
    assert client.get("/parley/replies/x", headers={"host": "evil.example:7860"}).status_code == 403


def test_pages_carry_a_policy_that_fetches_nothing_from_elsewhere(client: TestClient) -> None:
    policy = client.get("/").headers["content-security-policy"]
    for part in ("default-src 'self'", "connect-src 'self'", "img-src 'self' data: blob:", "frame-ancestors 'none'"):
        assert part in policy


def test_files_of_conversations_and_training_data(actions: ChatActions, client: TestClient) -> None:
    shown = settled(actions, actions.send("", "Hello", [], SETTINGS))
    current, reply = shown["conversation"], shown["transcript"]["messages"][1]["id"]
    actions.assistant.store.vote(reply, 1)
    saved = client.get(f"/parley/conversations/{current}.json")
    assert saved.headers["content-disposition"] == 'attachment; filename="Hello.json"'
    assert "Hello" in saved.text
    assert "Hello" in client.get(f"/parley/conversations/{current}.md").text
    assert json.loads(client.get("/parley/training/kto.jsonl").text)["label"] is True
    for wrong in ("conversations/gone.json", f"conversations/{current}.exe", "training/none.jsonl", "replies/gone"):
        assert client.get(f"/parley/{wrong}").status_code == 404
