from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx2
import openai
import pytest

from assistant.engines.openai import OpenAIEngine
from assistant.engines.openai_failures import failure
from assistant.engines.protocol import Capability, Delta, Message, Sampling, ScoreRequest, Usage
from assistant.engines.remote import Remote
from assistant.errors import CapabilityMissing, EngineFailed, ModelNotAvailable, ParleyError, TextTooLong
from tests.assistant.embedded import LlamaCpp

HI = [Message("user", "Hi")]
REMOTE = Remote("m", "http://h/v1")


def chunk(text: str | None = None, finish: str | None = None, **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": {"content": text} if text is not None else {}, "finish_reason": finish}
    return {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice | more]}


def usage(prompt: int, completion: int, **more: Any) -> dict[str, Any]:
    counts = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    return {**chunk(), "choices": [], "usage": counts | more}


Answer = tuple[int, Any] | list[Any]
"""A status and a JSON body; or the events of a stream, where a callable is run and adds none."""


@dataclass
class Server:
    """A server that says what the test tells it to, and remembers what it was asked."""

    answer: Callable[[dict[str, Any]], Answer]
    models: tuple[int, Any] = (200, {"object": "list", "data": [{"id": "m", "object": "model"}]})
    asked: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    headers: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    hung_up: threading.Event = field(default_factory=threading.Event)
    url: str = ""


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    running: list[ThreadingHTTPServer] = []

    def start(answer: Callable[[dict[str, Any]], Answer] | Answer, **settings: Any) -> Server:
        server = Server(answer if callable(answer) else lambda _: answer, **settings)

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, format: str, *args: Any) -> None: ...

            def do_GET(self) -> None:
                self.reply(*server.models)

            def do_POST(self) -> None:
                server.asked.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
                server.headers.append(dict(self.headers))
                answer = server.answer(server.asked[-1])
                if isinstance(answer, tuple):
                    self.reply(*answer)
                else:
                    self.stream(answer)

            def reply(self, status: int, body: Any) -> None:
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def stream(self, events: list[Any]) -> None:
                self.send_response(200)
                self.send_header("content-type", "text/event-stream")
                self.end_headers()
                try:
                    for event in events:
                        if callable(event):
                            event()
                            continue
                        line = event if isinstance(event, str) else json.dumps(event)
                        self.wfile.write(f"data: {line}\n\n".encode())
                        self.wfile.flush()
                except OSError:
                    server.hung_up.set()

        listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        listening.daemon_threads = True
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        running.append(listening)
        server.url = f"http://127.0.0.1:{listening.server_address[1]}/v1"
        return server

    yield start
    for listening in running:
        listening.shutdown()
        listening.server_close()


def read(deltas: Iterator[Delta]) -> tuple[str, Usage, list[Delta]]:
    seen = list(deltas)
    assert [delta.usage is not None for delta in seen] == [False] * (len(seen) - 1) + [True]
    made = seen[-1].usage
    assert made is not None
    return "".join(delta.text for delta in seen), made, seen


def test_a_reply(serve: Callable[..., Server]) -> None:
    details = {"prompt_tokens_details": {"cached_tokens": 7}}
    server = serve([chunk(""), chunk("Hel"), chunk("lo."), chunk(finish="stop"), usage(40, 3, **details), "[DONE]"])
    text, made, _ = read(OpenAIEngine("m", server.url).generate(HI, Sampling(seed=3, stop=("X",), repeat_penalty=1.1)))
    assert text == "Hello."
    assert (made.prompt_tokens, made.completion_tokens, made.cached_tokens, made.finish) == (40, 3, 7, "stop")
    assert 0 < made.time_to_first_token <= made.seconds
    assert server.asked == [
        {
            "model": "m",
            "messages": [{"role": "user", "content": "Hi"}],
            "stream": True,
            "stream_options": {"include_usage": True},
            "temperature": 0.7,
            "top_p": 0.95,
            "top_k": 40,
            "min_p": 0.05,
            "repeat_penalty": 1.1,
            "repetition_penalty": 1.1,
            "max_tokens": 1024,
            "seed": 3,
            "stop": ["X"],
        }
    ]


def test_a_text_goes_on_as_it_stands(serve: Callable[..., Server]) -> None:
    pieces = [
        {**chunk(), "object": "text_completion", "choices": [{"index": 0, "text": text}]} for text in [" Pa", "ris"]
    ]
    end = {**chunk(), "choices": [{"index": 0, "text": "", "finish_reason": "length"}]}
    server = serve([*pieces, end, usage(5, 2), "[DONE]"])
    text, made, _ = read(OpenAIEngine("m", server.url).generate("The capital is", Sampling(max_tokens=2)))
    assert (text, made.prompt_tokens, made.finish) == (" Paris", 5, "length")
    assert server.asked[0]["prompt"] == "The capital is"
    assert "messages" not in server.asked[0]


def test_settings_that_are_off_are_not_sent(serve: Callable[..., Server]) -> None:
    server = serve([chunk("x", finish="length"), "[DONE]"])
    sampling = Sampling(temperature=0, top_k=0, min_p=0, max_tokens=5)
    _, made, _ = read(OpenAIEngine("m", server.url).generate(HI, sampling))
    assert made.finish == "length" and made.completion_tokens == 1
    assert set(server.asked[0]) == {
        "model",
        "messages",
        "stream",
        "stream_options",
        "temperature",
        "top_p",
        "max_tokens",
    }


def test_probabilities(serve: Callable[..., Server]) -> None:
    token = {"token": "Hi", "logprob": -0.25, "bytes": [72, 105]}
    others = [{"token": "Hi", "logprob": -0.25, "bytes": None}, {"token": "Yo", "logprob": -2.0, "bytes": None}]
    logprobs = {"content": [{**token, "top_logprobs": others}], "refusal": None}
    server = serve([chunk("Hi", logprobs=logprobs), chunk(finish="stop"), "[DONE]"])
    _, _, seen = read(OpenAIEngine("m", server.url).generate(HI, Sampling(), probabilities=50))
    assert seen[0].probabilities[0].alternatives == (("Hi", -0.25), ("Yo", -2.0))
    assert server.asked[0]["top_logprobs"] == 20


def test_settings_that_the_server_does_not_know_are_left_out_from_then_on(serve: Callable[..., Server]) -> None:
    def strict(asked: dict[str, Any]) -> Answer:
        for name in ("min_p", "top_k", "max_tokens", "stream_options"):
            if name in asked:
                return 400, {"error": {"message": f"Unrecognized request argument supplied: {name}", "code": None}}
        return [chunk("ok", finish="stop"), "[DONE]"]

    server = serve(strict)
    engine = OpenAIEngine("m", server.url)
    text, made, _ = read(engine.generate(HI, Sampling(max_tokens=9)))
    assert text == "ok" and made.prompt_tokens > 0
    assert server.asked[-1]["max_completion_tokens"] == 9
    before = len(server.asked)
    read(engine.generate(HI, Sampling()))
    assert len(server.asked) == before + 1
    assert "min_p" in " ".join(engine.notes)


def test_cancel_hangs_up_even_while_the_server_is_silent(serve: Callable[..., Server]) -> None:
    pause = threading.Event()
    server = serve([chunk("one"), lambda: pause.wait(20), *([chunk("x")] * 100)])
    cancel = threading.Event()
    deltas = OpenAIEngine("m", server.url).generate(HI, Sampling(), cancel=cancel)
    assert next(deltas).text == "one"
    cancel.set()
    start = time.perf_counter()
    _, made, _ = read(deltas)
    assert made.finish == "cancelled" and time.perf_counter() - start < 1
    time.sleep(0.2)
    pause.set()
    assert server.hung_up.wait(5)


def test_closing_the_iterator_hangs_up(serve: Callable[..., Server]) -> None:
    server = serve([chunk("one"), *([lambda: time.sleep(0.02), chunk("x")] * 500)])
    deltas = OpenAIEngine("m", server.url).generate(HI, Sampling())
    next(deltas)
    deltas.close()  # type: ignore[attr-defined]
    assert server.hung_up.wait(5)


def test_two_conversations_at_once(serve: Callable[..., Server]) -> None:
    both = threading.Barrier(2, timeout=10)
    server = serve(lambda asked: [chunk(asked["messages"][0]["content"]), both.wait, chunk("!", finish="stop")])
    engine = OpenAIEngine("m", server.url)
    replies: list[str] = []

    def converse(text: str) -> None:
        replies.append(read(engine.generate([Message("user", text)], Sampling()))[0])

    threads = [threading.Thread(target=converse, args=(text,)) for text in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(replies) == ["a!", "b!"]


def test_a_stream_that_breaks_off(serve: Callable[..., Server]) -> None:
    server = serve([chunk("Hel")])
    with pytest.raises(EngineFailed, match="ended before the reply did"):
        list(OpenAIEngine("m", server.url).generate(HI, Sampling()))


def test_estimates_learn_from_the_server(serve: Callable[..., Server]) -> None:
    server = serve([chunk("x", finish="stop"), usage(1000, 1), "[DONE]"])
    engine = OpenAIEngine("m", server.url)
    question = [Message("user", "word " * 400)]
    assert engine.count_tokens(question) == pytest.approx(2000 / 3.5, abs=10)
    read(engine.generate(question, Sampling()))
    assert engine.count_tokens(question) == pytest.approx(1000, abs=2)


@pytest.mark.parametrize(
    ("fields", "asked", "expected"),
    [
        ({"max_model_len": 32768}, 4096, 32768),
        ({"context_length": 16384}, None, 16384),
        ({}, 4096, 4096),
        ({}, None, 8192),
    ],
)
def test_context_length(fields: dict[str, Any], asked: int | None, expected: int, serve: Callable[..., Server]) -> None:
    server = serve([], models=(200, {"object": "list", "data": [{"id": "m", "object": "model", **fields}]}))
    assert OpenAIEngine("m", server.url, context_length=asked).context_length == expected


def test_the_key_is_sent(serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARLEY_OPENAI_KEY", "secret")
    server = serve([chunk("x", finish="stop")])
    read(OpenAIEngine("m", server.url).generate(HI, Sampling()))
    assert {name.lower(): value for name, value in server.headers[0].items()}["authorization"] == "Bearer secret"


def test_what_it_cannot_do(serve: Callable[..., Server]) -> None:
    engine = OpenAIEngine("m", serve([]).url)
    assert engine.capabilities == {Capability.GENERATE, Capability.SCHEMA, Capability.TOOLS}
    assert engine.model == f"openai:m@{engine.remote.url}"
    with pytest.raises(CapabilityMissing):
        engine.score([ScoreRequest("a", "b")])


def test_a_server_without_a_list_of_models_is_fine(serve: Callable[..., Server]) -> None:
    assert OpenAIEngine("m", serve([], models=(404, {"error": {"message": "no"}})).url).context_length == 8192


def test_nobody_there() -> None:
    with pytest.raises(EngineFailed, match="No server answers"):
        OpenAIEngine("m", "http://127.0.0.1:9/v1")


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (401, {"error": {"message": "Incorrect API key provided"}}, EngineFailed),
        (403, {"error": {"message": "not yours"}}, EngineFailed),
        (404, {"error": {"message": "The model `m` does not exist"}}, ModelNotAvailable),
        (400, {"error": {"message": "This model's maximum context length is 4096 tokens."}}, TextTooLong),
        (400, {"error": {"message": "no words", "code": "context_length_exceeded"}}, TextTooLong),
        (
            400,
            {
                "error": {
                    "message": "the request exceeds the available context size",
                    "type": "exceed_context_size_error",
                }
            },
            TextTooLong,
        ),
        (422, {"error": "Input validation error: `inputs` must have less than 10 tokens"}, EngineFailed),
        (413, {"error": {"message": "too many tokens"}}, TextTooLong),
        (409, {"error": {"message": "conflict"}}, EngineFailed),
        (418, b"<html>", EngineFailed),
        (200, b"<html>a page</html>", EngineFailed),
    ],
)
def test_answers_of_a_server_that_refuses(
    status: int, body: Any, expected: type[ParleyError], serve: Callable[..., Server]
) -> None:
    engine = OpenAIEngine("m", serve((status, body)).url)
    with pytest.raises(expected) as caught:
        list(engine.generate(HI, Sampling()))
    assert type(caught.value) is expected and caught.value.__cause__ is not None


def test_an_error_in_the_middle_of_a_stream(serve: Callable[..., Server]) -> None:
    server = serve([chunk("Hel"), {"error": {"message": "CUDA out of memory", "code": 500}}])
    with pytest.raises(EngineFailed, match="CUDA out of memory"):
        list(OpenAIEngine("m", server.url).generate(HI, Sampling()))


def response(status: int) -> httpx2.Response:
    return httpx2.Response(status, request=httpx2.Request("POST", "http://h/v1"))


def status_error(kind: type[openai.APIStatusError], status: int) -> openai.APIStatusError:
    return kind("said", response=response(status), body={"message": "said"})


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (openai.APITimeoutError(request=httpx2.Request("POST", "http://h")), EngineFailed),
        (openai.APIConnectionError(request=httpx2.Request("POST", "http://h")), EngineFailed),
        (status_error(openai.AuthenticationError, 401), EngineFailed),
        (status_error(openai.PermissionDeniedError, 403), EngineFailed),
        (status_error(openai.NotFoundError, 404), ModelNotAvailable),
        (status_error(openai.RateLimitError, 429), EngineFailed),
        (status_error(openai.BadRequestError, 400), EngineFailed),
        (status_error(openai.UnprocessableEntityError, 422), EngineFailed),
        (status_error(openai.ConflictError, 409), EngineFailed),
        (status_error(openai.InternalServerError, 500), EngineFailed),
        (openai.APIResponseValidationError(response(200), body=None), EngineFailed),
        (openai.APIError("maximum context length is 10", httpx2.Request("POST", "http://h"), body=None), TextTooLong),
        (openai.APIError("said", httpx2.Request("POST", "http://h"), body=None), EngineFailed),
        (openai.OpenAIError("said"), EngineFailed),
        (json.JSONDecodeError("said", "", 0), EngineFailed),
        (ConnectionError("said"), EngineFailed),
        (TextTooLong("already ours"), TextTooLong),
    ],
)
def test_every_error_of_the_client_is_ours(error: Exception, expected: type[ParleyError]) -> None:
    made = failure(error, REMOTE)
    assert type(made) is expected and made.message


def test_no_error_of_the_client_was_forgotten() -> None:
    """A new class in the client shows here: it must be put into the table above, or be none of ours."""
    known = {
        *("OpenAIError", "APIError", "APIStatusError", "APITimeoutError", "APIConnectionError", "AuthenticationError"),
        *("PermissionDeniedError", "NotFoundError", "RateLimitError", "BadRequestError", "UnprocessableEntityError"),
        *("ConflictError", "InternalServerError", "APIResponseValidationError"),
    }
    unused = {"LengthFinishReasonError", "ContentFilterFinishReasonError", "InvalidWebhookSignatureError"}
    others = {"OAuthError", "SubjectTokenProviderError", "WebSocketConnectionClosedError", "WebSocketQueueFullError"}
    theirs = {name for name in dir(openai) if name.endswith("Error") and not name.startswith("_")}
    assert theirs - known - unused - others == set()


@pytest.mark.model
def test_a_real_server(llama_cpp: LlamaCpp) -> None:
    """llama.cpp's own server, over HTTP."""
    engine = OpenAIEngine("anything", f"{llama_cpp.address}/v1")
    question = [Message("system", "You are a helpful assistant."), Message("user", "What is the capital of France?")]
    text, made, seen = read(engine.generate(question, Sampling(temperature=0, max_tokens=24), probabilities=3))
    assert "Paris" in text
    assert made.finish in ("stop", "length") and 0 < made.completion_tokens <= 24
    assert "".join(each.text for delta in seen for each in delta.probabilities).startswith(text[:10])
    assert all(len(each.alternatives) == 3 for delta in seen for each in delta.probabilities)
    with pytest.raises(TextTooLong):
        list(engine.generate([Message("user", "word " * 3000)], Sampling(max_tokens=1)))
    cancel = threading.Event()
    deltas = engine.generate([Message("user", "Tell me a long story.")], Sampling(seed=1), cancel=cancel)
    next(deltas)
    cancel.set()
    assert read(deltas)[1].finish == "cancelled"
