"""What nobody who means well sends: each is answered with 400 in OpenAI's shape, and nothing of ours breaks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import httpx
import pytest

from assistant.engines.fake import FakeEngine
from assistant.engines.protocol import Delta, TokenProbability
from tests.ui.api.conftest import Start
from ui.api.schema import DEEPEST, MOST_VALUES

CHAT, RESPONSES, TEXT = "/v1/chat/completions", "/v1/responses", "/v1/completions"
ASK = '"messages": [{"role": "user", "content": "Hello"}]'
MANY = {str(number): "x" for number in range(1001)}


def nested(levels: int) -> str:
    return '{"a":' * (levels - 1) + "{}" + "}" * (levels - 1)


def schemas(schema: str) -> list[tuple[str, str]]:
    """Every place in which a request can bring a JSON Schema."""
    flat = f'"name": "f", "parameters": {schema}'
    named = f'{{"type": "json_schema", "json_schema": {{"name": "x", "schema": {schema}}}}}'
    return [
        (CHAT, f'{{{ASK}, "tools": [{{"type": "function", "function": {{{flat}}}}}]}}'),
        (CHAT, f'{{{ASK}, "response_format": {named}}}'),
        (RESPONSES, f'{{"input": "Hello", "tools": [{{"type": "function", {flat}}}]}}'),
        (RESPONSES, f'{{"input": "Hello", "text": {{"format": {{"type": "json_schema", "schema": {schema}}}}}}}'),
    ]


BODIES = [
    *(each for levels in (DEEPEST + 1, 300, 900, 5000, 200_000) for each in schemas(nested(levels))),
    *(each for number in ("NaN", "Infinity", "-Infinity", "1e999") for each in schemas(f'{{"minimum": {number}}}')),
    *schemas(json.dumps({"enum": list(range(MOST_VALUES + 1))})),
    *((path, nested(200_000)) for path in (CHAT, RESPONSES, "/v1/embeddings", "/v1/translate")),
    *((CHAT, f'{{{ASK}, "temperature": {number}}}') for number in ("NaN", "Infinity", "1e999", "9" * 400)),
    (CHAT, f'{{{ASK}, "n": {"9" * 400}}}'),
    (CHAT, f'{{{ASK}, "n": {"9" * 5000}}}'),
    (CHAT, f'{{{ASK}, "seed": -1}}'),
    (CHAT, f'{{{ASK}, "max_tokens": true}}'),
    (CHAT, f'{{{ASK}, "stop": [""]}}'),
    (CHAT, f'{{{ASK}, "model": "\\ud800"}}'),
    (CHAT, f'{{{ASK}, "tool_choice": "required", "tools": []}}'),
    (CHAT, f'{{{ASK}, "tools": {json.dumps([{"type": "function", "function": {"name": "f"}}] * 129)}}}'),
    (CHAT, '{"messages": {"role": "user"}}'),
    (CHAT, '{"messages": [null]}'),
    (CHAT, "[]"),
    (CHAT, "null"),
    (CHAT, ""),
    (CHAT, "{"),
    (RESPONSES, '{"input": "Hello", "temperature": NaN}'),
    (RESPONSES, '{"input": [{"type": "message", "role": "user", "content": "\\udfff"}]}'),
    (TEXT, '{"prompt": [], "n": 1}'),
    ("/v1/summarize", '{"input": "One. Two.", "share": NaN}'),
    ("/v1/translate", '{"input": "Hello", "target": "de", "glossary": {"": "x"}}'),
    ("/v1/translate", f'{{"input": "Hello", "target": "de", "glossary": {json.dumps(MANY)}}}'),
]


def test_bodies(start: Start) -> None:
    wrong: list[str] = []
    with start().http() as client:
        for path, body in BODIES:
            answer = client.post(path, content=body, headers={"Content-Type": "application/json"})
            told = answer.json().get("error", {}).get("message")
            if answer.status_code != 400 or not told:
                wrong.append(f"{answer.status_code} for {path} {body[:120]}: {answer.text[:200]}")
        assert client.post(CHAT, content=f"{{{ASK}}}", headers={"Content-Type": "application/json"}).status_code == 200
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("body", "headers", "said"),
    [
        ('{"messages": ]', {}, "not JSON: Expecting value, at character 13"),
        (b"\xff\xfe{", {}, "not UTF-8"),
        ("", {}, "has to be a JSON object"),
        ("[]", {}, "has to be a JSON object"),
        (f"{{{ASK}}}", {"Content-Type": "application/x-www-form-urlencoded"}, "Content-Type: application/json"),
    ],
)
def test_a_body_that_is_no_json_object_is_told_apart(start: Start, body: Any, headers: Any, said: str) -> None:
    """The last is `curl -d` without a header."""
    with start().http() as client:
        error = client.post(CHAT, content=body, headers={"Content-Type": "application/json", **headers}).json()["error"]
        assert said in error["message"] and error["param"] is None


def test_what_nobody_reads_may_be_deep_and_breaks_nothing(start: Start) -> None:
    with start().http() as client:
        for levels in range(800, 1000, 5):  # about where Python's own patience ends
            body = f'{{{ASK}, "metadata": {nested(levels)}}}'
            answer = client.post(CHAT, content=body, headers={"Content-Type": "application/json"})
            assert answer.status_code in (200, 400), f"{levels}: {answer.text}"


def test_schemas_of_the_deepest_kind_are_read(start: Start) -> None:
    with start().http() as client:
        for path, body in schemas(nested(DEEPEST)):
            answer = client.post(path, content=body, headers={"Content-Type": "application/json"})
            assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/json; charset=utf-16"},
        {"Content-Type": ";;;/"},
        {"Content-Type": "multipart/form-data"},
        {"Authorization": b"Bearer \xff\xfe"},
        {"Authorization": "Bearer"},
        {"Authorization": "Basic " + "x" * 10_000},
        {"X-Request-Id": "x" * 10_000, "Accept": "*/*;q=z", "Accept-Encoding": "zstd"},
    ],
)
def test_headers(start: Start, headers: dict[str, Any]) -> None:
    body = f"{{{ASK}}}".encode()
    for keys in (False, True):
        with start(keys=keys).http() as client:
            answer = client.post(CHAT, content=body, headers=headers)
            assert answer.status_code in ((401,) if keys else (200, 400)), answer.text
            assert answer.headers["x-request-id"] not in headers.get("X-Request-Id", "")


@pytest.mark.parametrize("bytes", [b"\xff\xfe{", b'{"messages": "\xc3\x28"}', "{}".encode("utf-16"), b"\x00" * 100])
def test_bytes_that_are_no_text(start: Start, bytes: bytes) -> None:
    with start().http() as client:
        answer = client.post(CHAT, content=bytes, headers={"Content-Type": "application/json"})
        assert answer.status_code == 400 and answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "path", ["/v1/models/%ff", "/v1/models/%ed%a0%80", "/v1/models/..%2f..%2fetc%2fpasswd", "/v1/models/" + "x" * 5000]
)
def test_paths(start: Start, path: str) -> None:
    with start().http() as client:
        answer = client.get(path)
        assert answer.status_code == 404 and answer.json()["error"]["code"] == "model_not_found"


def test_a_token_that_cannot_come_is_a_number_all_the_same(start: Start) -> None:
    class Sure(FakeEngine):
        def generate(self, *given: Any, **more: Any) -> Iterator[Delta]:
            shown: Sequence[tuple[str, float]] = (("yes", 0.0), ("no", float("-inf")))
            yield Delta("yes", tokens=1, probabilities=(TokenProbability("yes", 0.0, tuple(shown)),))
            yield from super().generate(*given, **more)

    body = {"messages": [{"role": "user", "content": "Hello"}], "logprobs": True, "top_logprobs": 2}
    with start(Sure()).http() as client:
        whole = client.post(CHAT, json=body)
        assert whole.status_code == 200, whole.text
        assert whole.json()["choices"][0]["logprobs"]["content"][0]["top_logprobs"][1]["logprob"] == -9999.0
        streamed: httpx.Response = client.post(CHAT, json={**body, "stream": True})
        assert "Infinity" not in streamed.text and "-9999.0" in streamed.text
