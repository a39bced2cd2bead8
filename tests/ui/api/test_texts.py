"""The text tasks over HTTP: one text and several, in their order, and what cannot be done."""

from __future__ import annotations

import pytest

from assistant.engines.fake import FakeEngine
from tests.ui.api.conftest import Start

TRANSLATE = {"target": "de", "source": "en", "model": "smollm2-135m-instruct"}
SUMMARIZE = {"sentences": 1, "way": "extractive"}
TEXT = "The sea is calm today. The boats went out at six. They came back with fish in the evening."


@pytest.mark.parametrize(
    ("task", "more", "has"),
    [("sentiment", {}, "sentences"), ("translate", TRANSLATE, "translation"), ("summarize", SUMMARIZE, "sentences")],
)
def test_one_text_and_several(start: Start, task: str, more: dict[str, object], has: str) -> None:
    with start(FakeEngine()).http() as client:
        one = client.post(f"/v1/{task}", json={"input": TEXT, **more})
        assert one.status_code == 200, one.text
        (found,) = one.json()["data"]
        assert found["index"] == 0 and has in found
        texts = [TEXT, "Two cats sleep. One cat eats.", "One dog."]
        several = client.post(f"/v1/{task}", json={"input": texts, **more}).json()["data"]
        assert [each["index"] for each in several] == [0, 1, 2]
        assert several[0] == found
        assert len({str({**each, "index": 0}) for each in several}) > 1


def test_a_model_of_the_command_line_is_the_default_for_what_it_can_do(start: Start) -> None:
    server = start(FakeEngine(), models=("openai:big@http://127.0.0.1:9/v1", "all-minilm-l6-v2"))
    with server.http() as client:
        for path in ("sentiment", "embeddings"):
            assert client.post(f"/v1/{path}", json={"input": TEXT}).status_code == 200
    assert server.state.chat_model(None)[1] == "big"
    assert server.state.key(None, "translate") == "openai:big@http://127.0.0.1:9/v1"
    assert server.state.key(None, "embed") == "all-minilm-l6-v2"
    assert server.state.key(None, "sentiment") is None


@pytest.mark.parametrize(
    ("task", "body"),
    [
        ("translate", {"input": "Hello", "target": "xx-nothing"}),
        ("translate", {"input": [], "target": "de"}),
        ("sentiment", {"input": "  "}),
        ("summarize", {"input": TEXT, "way": "sing"}),
        ("summarize", {"input": TEXT, "sentences": 0}),
    ],
)
def test_what_cannot_be_done_is_told(start: Start, task: str, body: dict[str, object]) -> None:
    with start(FakeEngine()).http() as client:
        answer = client.post(f"/v1/{task}", json=body)
    assert answer.status_code in (400, 422)
    assert answer.json()["error"]["message"]
