"""Who may come in, how much, and what is written down of it."""

from __future__ import annotations

import json
import logging
import re
import socket
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import openai
import pytest

from assistant.engines.fake import FakeEngine
from assistant.errors import BadSettings, StoreFailed
from tests.ui.api.conftest import Start, until
from ui.api.keys import Keys
from ui.api.logs import audit_to
from ui.api.server import check
from ui.api.state import Serving

MODEL = "smollm2-135m-instruct"
ASK = [{"role": "user", "content": "My secret plan"}]


def test_only_a_valid_key_comes_in(start: Start) -> None:
    keys = Keys()
    _, good = keys.create("good")
    _, old = keys.create("old", days=1)
    server = start(keys=True)
    assert server.openai(good).chat.completions.create(model=MODEL, messages=ASK).choices
    for bad in ("none", good[:-1], good + "x", keys.list()[0].digest):
        with pytest.raises(openai.AuthenticationError) as error:
            server.openai(bad).models.list()
        assert error.value.code == "invalid_api_key"
    assert server.http().get("/v1/models").status_code == 401
    assert server.http().get("/metrics").status_code == 401
    assert server.http().get("/health").status_code == 200
    assert server.openai(old).models.list().data
    keys.revoke("old")
    with pytest.raises(openai.AuthenticationError):
        server.openai(old).models.list()


def test_a_key_does_what_it_is_for_and_no_more(start: Start) -> None:
    _, secret = Keys().create("reader", scopes=["embeddings"])
    client = start(keys=True).openai(secret)
    assert client.embeddings.create(model="all-minilm-l6-v2", input="x").data
    assert client.models.list().data
    with pytest.raises(openai.PermissionDeniedError):
        client.chat.completions.create(model=MODEL, messages=ASK)


def test_a_key_has_a_pace(start: Start) -> None:
    _, secret = Keys().create("slow", a_minute=2)
    client = start(keys=True).http(secret)
    assert [client.get("/v1/models").status_code for _ in range(3)] == [200, 200, 429]
    answer = client.get("/v1/models")
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert answer.json()["error"]["code"] == "rate_limit_exceeded"


def test_a_key_has_so_many_requests_open(start: Start) -> None:
    _, secret = Keys().create("one", at_once=1)
    server = start(FakeEngine("word " * 400, seconds_per_token=0.01), keys=True)
    body = {"model": MODEL, "messages": ASK, "stream": True}
    with server.http(secret) as client, client.stream("POST", "/v1/chat/completions", json=body) as first:
        assert first.status_code == 200
        refused = server.http(secret).get("/v1/models")
        assert refused.status_code == 429 and refused.json()["error"]["code"] == "too_many_open"
    until(lambda: server.http(secret).get("/v1/models").status_code == 200)


def test_a_reply_that_breaks_off_is_counted_as_a_failure(start: Start) -> None:
    server = start(FakeEngine("word " * 400, seconds_per_token=0.05), deadline_seconds=1)
    body = {"model": MODEL, "messages": ASK, "stream": True}
    with server.http() as client:
        assert "deadline_exceeded" in client.post("/v1/chat/completions", json=body).text
        counted = client.get("/metrics").text
    assert 'parley_requests_total{route="/v1/chat/completions",status="504"} 1.0' in counted
    (memory,) = [line for line in counted.splitlines() if line.startswith("parley_resident_bytes ")]
    assert float(memory.split()[1]) > 1e7


def test_keys_are_kept_as_hashes_in_a_private_file() -> None:
    keys = Keys()
    key, secret = keys.create("one", days=2)
    text = keys.path.read_text()
    assert secret not in text and secret.removeprefix("parley-") not in text
    assert stat.S_IMODE(keys.path.stat().st_mode) == 0o600
    assert keys.find(secret) == key
    late = json.loads(text)
    late[0]["expires"] = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    keys.path.write_text(json.dumps(late))
    assert keys.find(secret) is None and keys.list()[0].state == "expired"


@pytest.mark.parametrize(
    "wrong", [{"scopes": ["root"]}, {"scopes": []}, {"days": 0}, {"days": -1}, {"a_minute": -1}, {"name": " "}]
)
def test_keys_that_cannot_be(wrong: dict[str, object]) -> None:
    with pytest.raises(BadSettings):
        Keys().create(**{"name": "x", **wrong})  # type: ignore[arg-type]
    assert Keys().list() == []


def test_a_damaged_file_of_keys_lets_nobody_in(start: Start) -> None:
    _, secret = Keys().create("one")
    server = start(keys=True)
    Keys().path.write_text("{")
    assert server.http(secret).get("/v1/models").status_code == 503
    with pytest.raises(StoreFailed):
        Keys().create("two")


def test_a_server_that_others_reach_wants_a_key() -> None:
    with pytest.raises(BadSettings, match="no valid key"):
        check(Serving(host="0.0.0.0", keys=True), Keys())
    Keys().create("one")
    check(Serving(host="0.0.0.0", keys=True), Keys())
    with pytest.raises(BadSettings, match=r"at_once.*waiting"):
        check(Serving(at_once=0, waiting=-1), Keys())


def test_a_request_that_is_too_large(start: Start) -> None:
    client = start(body_bytes=2000).http()
    large = {"model": MODEL, "messages": [{"role": "user", "content": "x" * 3000}]}
    assert client.post("/v1/chat/completions", json=large).status_code == 413

    def pieces() -> object:
        for _ in range(10):
            yield b"x" * 1000

    answer = client.post("/v1/chat/completions", content=pieces())  # type: ignore[arg-type]
    assert answer.status_code == 413 and "too" in answer.json()["error"]["message"].lower()


def test_names_of_other_hosts_do_not_reach_a_loopback_server(start: Start) -> None:
    client = start().http()
    for host in ("evil.example", "evil.example:8000", "127.0.0.1.evil.example", "127.0.0.1:99999", ""):
        assert client.get("/v1/models", headers={"Host": host}).status_code == 403, host


def test_a_proxy_before_a_server_without_keys_is_refused(start: Start) -> None:
    client = start().http()
    for name in ("X-Forwarded-For", "X-Forwarded-Proto", "X-Real-IP", "Forwarded", "Via"):
        refused = client.get("/v1/models", headers={name: "10.0.0.1"})
        assert refused.status_code == 403 and "--auth keys" in refused.json()["error"]["message"], name
    said = start(forwarded=True).http()
    assert said.get("/v1/models", headers={"X-Forwarded-For": "10.0.0.1"}).status_code == 200
    assert said.get("/v1/models", headers={"X-Forwarded-For": "10.0.0.1", "Host": "evil.example"}).status_code == 403


def test_with_keys_the_name_and_the_way_do_not_matter(start: Start) -> None:
    _, secret = Keys().create("one")
    server = start(keys=True)
    by_proxy = {"Host": "parley.example.org", "X-Forwarded-For": "10.0.0.1", "X-Forwarded-Proto": "https"}
    assert server.http(secret).get("/v1/models", headers=by_proxy).status_code == 200
    assert server.http().get("/v1/models", headers=by_proxy).status_code == 401


def test_a_body_that_does_not_come_ends_the_request(start: Start) -> None:
    server = start(deadline_seconds=0.5)
    port = int(server.url.rpartition(":")[2])
    head = "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=20) as line:
        line.sendall(f"{head}Content-Length: 100\r\n\r\n{{".encode())
        told = b"".join(iter(lambda: line.recv(4096), b""))  # until the server hangs up
    assert told.startswith(b"HTTP/1.1 408 ") and b"invalid_request_error" in told


def test_no_web_page_may_call_unless_it_is_named(start: Start) -> None:
    ask = {"Origin": "https://a.example", "Access-Control-Request-Method": "POST"}
    closed = start().http().options("/v1/chat/completions", headers=ask)
    assert "access-control-allow-origin" not in closed.headers
    client = start(origins=("https://a.example",)).http()
    assert client.options("/v1/chat/completions", headers=ask).headers["access-control-allow-origin"] == ask["Origin"]
    other = client.options("/v1/chat/completions", headers={**ask, "Origin": "https://b.example"})
    assert "access-control-allow-origin" not in other.headers


def test_headers_and_a_number_for_each_request(start: Start) -> None:
    answer = start().http().get("/health")
    assert answer.headers["x-content-type-options"] == "nosniff" and answer.headers["x-request-id"]
    assert "server" not in answer.headers


def test_the_log_has_every_request_and_no_text(start: Start, tmp_path: Path) -> None:
    audit_to(tmp_path / "logs" / "api.jsonl")
    key, secret = Keys().create("one")
    server = start(keys=True)
    server.openai(secret).chat.completions.create(model=MODEL, messages=ASK)
    server.http().get("/v1/models")
    log = tmp_path / "logs" / "api.jsonl"
    until(lambda: log.read_text().count("\n") == 2)  # the line comes after the answer
    for handler in logging.getLogger("parley.audit").handlers:
        handler.close()
    text = log.read_text()
    assert "secret" not in text and secret not in text
    lines = [json.loads(line) for line in text.splitlines()]
    assert [(each["route"], each["status"], each["key"]) for each in lines] == [
        ("/v1/chat/completions", 200, key.id),
        ("other", 401, ""),
    ]
    assert lines[0]["model"] == MODEL and lines[0]["tokens"] == 12
    for each in lines:
        assert datetime.fromisoformat(each["time"]).tzinfo is not None
        assert (each["level"], each["logger"], each["message"]) == ("INFO", "parley.audit", "request")


def test_a_server_leaves_the_handlers_of_the_rest_of_the_process_open(start: Start) -> None:
    class Handler(logging.Handler):
        closed = False

        def close(self) -> None:
            self.closed = True
            super().close()

    handler = Handler()
    start()
    assert not handler.closed


def test_the_page_of_the_schema_comes_from_here_alone(start: Start) -> None:
    client = start().http()
    page = client.get("/docs").text
    addresses = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert addresses and all(each.startswith("docs/static/") for each in addresses)
    assert all(client.get(f"/{each}").status_code == 200 for each in addresses)
    assert "http" not in re.sub(r"<!--.*?-->", "", page).replace("httpS", "")


def test_figures_for_prometheus(start: Start) -> None:
    server = start()
    server.openai().chat.completions.create(model=MODEL, messages=ASK)
    client = server.http()
    until(lambda: 'parley_requests_total{route="/v1/chat/completions",status="200"} 1.0' in client.get("/metrics").text)
    text = client.get("/metrics").text
    assert f'parley_tokens_total{{kind="completion",model="{MODEL}"}} 5.0' in text
    assert 'parley_running{line="writing"} 0.0' in text and "process_resident_memory_bytes" in text
