"""The official client goes through what the API offers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import openai
import pytest

from assistant.engines.fake import FakeEngine
from assistant.engines.protocol import Delta, Message, Sampling
from tests.ui.api.conftest import Start

MODEL = "smollm2-135m-instruct"
ASK = [{"role": "user", "content": "Hello there"}]


def test_models(start: Start) -> None:
    client = start().openai()
    keys = [model.id for model in client.models.list()]
    assert MODEL in keys and "all-minilm-l6-v2" in keys
    assert client.models.retrieve(MODEL).id == MODEL
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("gpt-9")


def test_a_reply(start: Start) -> None:
    found = start().openai().chat.completions.create(model=MODEL, messages=ASK)
    (choice,) = found.choices
    assert choice.message.content == "You said: Hello there"
    assert (choice.finish_reason, found.model, found.object) == ("stop", MODEL, "chat.completion")
    assert found.usage is not None
    assert (found.usage.prompt_tokens, found.usage.completion_tokens) == (6, 4)


def test_a_stream(start: Start) -> None:
    told = (
        start()
        .openai()
        .chat.completions.create(model=MODEL, messages=ASK, stream=True, stream_options={"include_usage": True})
    )
    chunks = list(told)
    assert chunks[0].choices[0].delta.role == "assistant"
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "You said: Hello there"
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
    assert chunks[-1].choices == [] and chunks[-1].usage is not None and chunks[-1].usage.total_tokens == 10
    assert len({c.id for c in chunks}) == 1


def test_several_replies_and_their_length(start: Start) -> None:
    client = start().openai()
    found = client.chat.completions.create(model=MODEL, messages=ASK, n=3, max_completion_tokens=2)
    assert [c.index for c in found.choices] == [0, 1, 2]
    assert {(c.message.content, c.finish_reason) for c in found.choices} == {("You said:", "length")}
    chunks = list(client.chat.completions.create(model=MODEL, messages=ASK, n=2, stream=True))
    for index in (0, 1):
        said = [c.choices[0].delta.content or "" for c in chunks if c.choices[0].index == index]
        assert "".join(said) == "You said: Hello there"


def test_probabilities(start: Start) -> None:
    found = start().openai().chat.completions.create(model=MODEL, messages=ASK, logprobs=True, top_logprobs=1)
    shown = found.choices[0].logprobs
    assert shown is not None and shown.content is not None
    assert "".join(token.token for token in shown.content) == "You said: Hello there"
    assert shown.content[0].top_logprobs[0].token == "You"


def test_roles_and_parts_reach_the_model(start: Start) -> None:
    seen: list[Sequence[Message]] = []
    engine = FakeEngine(lambda messages: seen.append(messages) or "ok")
    start(engine).openai().chat.completions.create(
        model=MODEL,
        messages=[
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
            {
                "role": "assistant",
                "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
            },
            {"role": "tool", "tool_call_id": "1", "content": "42"},
        ],
    )
    assert [(m.role, m.content) for m in seen[0]] == [
        ("system", "Be brief."), ("user", "ab"), ("assistant", ""), ("tool", "42")
    ]  # fmt: skip
    assert seen[0][2].tool_calls[0].name == "f" and seen[0][3].tool_call_id == "1"


def test_tools_and_json(start: Start) -> None:
    client = start().openai()
    tool = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
    found = client.chat.completions.create(model=MODEL, messages=ASK, tools=[tool])
    (call,) = found.choices[0].message.tool_calls or []
    assert (call.function.name, found.choices[0].finish_reason) == ("weather", "tool_calls")
    chunks = list(client.chat.completions.create(model=MODEL, messages=ASK, tools=[tool], stream=True))
    parts = [part for c in chunks for part in c.choices[0].delta.tool_calls or ()]
    assert parts[0].id and parts[0].function and parts[0].function.name == "weather"
    schema = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}
    found = client.chat.completions.create(model=MODEL, messages=ASK, response_format=schema)
    assert json.loads(found.choices[0].message.content or "")


def test_text_is_gone_on_with(start: Start) -> None:
    client = start().openai()
    found = client.completions.create(model=MODEL, prompt=["one", "two"], max_tokens=5)
    assert [choice.text for choice in found.choices] == ["You said: one", "You said: two"]
    with pytest.raises(openai.BadRequestError, match="128 replies"):
        client.completions.create(model=MODEL, prompt=["one"] * 65, n=2)
    chunks = list(client.completions.create(model=MODEL, prompt="one", stream=True))
    assert "".join(c.choices[0].text for c in chunks) == "You said: one"


def test_stop_and_seed_reach_the_engine(start: Start) -> None:
    heard: list[Sampling] = []

    class Noting(FakeEngine):
        def generate(self, messages: Any, sampling: Sampling, **more: Any) -> Iterator[Delta]:
            heard.append(sampling)
            return super().generate(messages, sampling, **more)

    start(Noting()).openai().chat.completions.create(model=MODEL, messages=ASK, stop=["\n\n", "END"], seed=7)
    assert [(tuple(each.stop), each.seed) for each in heard] == [(("\n\n", "END"), 7)]


def test_embeddings(start: Start) -> None:
    client = start().openai()
    found = client.embeddings.create(model="all-minilm-l6-v2", input=["abc", "cba", "xyz"])
    rows = np.array([each.embedding for each in found.data])
    assert np.allclose(rows[0], rows[1]) and np.allclose(np.linalg.norm(rows, axis=1), 1)
    plain = client.embeddings.create(model="all-minilm-l6-v2", input="abc", encoding_format="float")
    assert np.allclose(plain.data[0].embedding, rows[0], atol=1e-6)  # the client asks for base64 by itself
    assert plain.usage.prompt_tokens == 5


def test_responses(start: Start) -> None:
    client = start().openai()
    found = client.responses.create(model=MODEL, input="Hello there", instructions="Be brief.")
    assert (found.output_text, found.status) == ("You said: Hello there", "completed")
    assert found.usage is not None and found.usage.output_tokens == 4
    with client.responses.stream(model=MODEL, input=[{"role": "user", "content": "Hello there"}]) as stream:
        said = [event.delta for event in stream if event.type == "response.output_text.delta"]
        assert "".join(said) == "You said: Hello there"
        assert stream.get_final_response().output_text == "You said: Hello there"
    cut = client.responses.create(model=MODEL, input="Hello there", max_output_tokens=1)
    assert (cut.status, cut.incomplete_details and cut.incomplete_details.reason) == ("incomplete", "max_output_tokens")
    with pytest.raises(openai.BadRequestError):
        client.responses.create(model=MODEL, input="x", previous_response_id="resp_1")


def test_responses_with_tools(start: Start) -> None:
    seen: list[Sequence[Message]] = []
    client = start(FakeEngine(lambda messages: seen.append(messages) or "ok")).openai()
    tool = {"type": "function", "name": "weather", "parameters": {"type": "object"}}
    (call,) = client.responses.create(model=MODEL, input="x", tools=[tool]).output  # type: ignore[list-item]
    assert call.type == "function_call" and call.name == "weather"
    with client.responses.stream(model=MODEL, input="x", tools=[tool]) as stream:  # type: ignore[list-item]
        (streamed,) = stream.get_final_response().output
    assert streamed.type == "function_call" and streamed.arguments == call.arguments
    back = {"type": "function_call_output", "call_id": call.call_id, "output": "rain"}
    client.responses.create(model=MODEL, input=[{"role": "user", "content": "x"}, call.model_dump(), back])  # type: ignore[list-item]
    assert [m.role for m in seen[-1]] == ["user", "assistant", "tool"]
    assert seen[-1][1].tool_calls[0].id == call.call_id


PASSED = {"n": 1, "stop": [], "seed": None, "logprobs": False, "top_logprobs": 0, "store": False, "user": "me"}
PASSED |= {"stream": False, "max_tokens": None, "response_format": None, "tools": None}


@pytest.mark.parametrize(
    ("path", "body", "refused"),
    [
        (
            "responses",
            {},
            {"n": 2, "stop": "x", "seed": 1, "top_logprobs": 3, "max_tool_calls": 1, "prompt": {}, "max_tokens": 9},
        ),
        ("sentiment", {}, {"n": 2, "stop": ["x"], "seed": 0, "logprobs": True, "stream": True, "max_tokens": 9}),
        ("completions", {"prompt": "x", "logprobs": None}, {"response_format": {"type": "json_object"}, "tools": [{}]}),
        ("embeddings", {}, {"n": 2, "prompt": "x"}),
        ("chat/completions", {"messages": ASK, "input": None}, {"prompt": "x", "web_search_options": {}}),
    ],
)
def test_what_an_address_would_pass_over_is_refused(
    start: Start, path: str, body: dict[str, object], refused: dict[str, object]
) -> None:
    body = {"input": "Hello there", **body}
    with start().http() as client:
        for name, value in refused.items():
            answer = client.post(f"/v1/{path}", json={**body, name: value})
            assert answer.status_code == 400, name
            assert f"{name} is not supported" in answer.json()["error"]["message"]
        assert client.post(f"/v1/{path}", json={**PASSED, **body}).status_code == 200


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        ({"model": "gpt-9"}, 404, "model_not_found"),
        ({"model": "/etc/passwd"}, 404, "model_not_found"),
        ({"model": "../../etc"}, 404, "model_not_found"),
        ({"model": "openai:x@http://169.254.169.254/v1"}, 404, "model_not_found"),
        ({"messages": [{"role": "user", "content": "word " * 5000}]}, 400, "context_length_exceeded"),
        ({"messages": []}, 400, None),
        ({"messages": [{"role": "wizard", "content": "x"}]}, 400, None),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]}, 400, None),
        ({"messages": [{"role": "tool", "content": "x"}]}, 400, "bad_request"),
        ({"temperature": 9}, 400, None),
        ({"n": 1000}, 400, None),
        ({"frequency_penalty": 1.0}, 400, None),
        ({"tool_choice": "required"}, 400, "bad_request"),
    ],
)
def test_what_cannot_be_served(start: Start, asked: dict[str, object], status: int, code: str | None) -> None:
    client = start().openai()
    with pytest.raises(openai.APIStatusError) as error:
        client.chat.completions.create(**{"model": MODEL, "messages": ASK, **asked})  # type: ignore[call-overload]
    assert error.value.status_code == status
    body = error.value.body
    assert isinstance(body, dict) and body["message"] and body["code"] == code
    with pytest.raises(openai.APIStatusError):
        list(client.chat.completions.create(**{"model": MODEL, "messages": ASK, "stream": True, **asked}))  # type: ignore[call-overload]
