"""`parley keys`, `parley accounts` and `parley serve`, as a person types them."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner, Result

from ui import cli
from ui.accounts import Accounts
from ui.api.keys import Keys

Parley = Callable[..., Result]


def test_keys(parley: Parley) -> None:
    assert "no keys" in parley("keys", "list").stderr
    made = parley("keys", "create", "note book", "--scope", "chat", "--days", "2", "--a-minute", "60", "--json")
    secret = json.loads(made.stdout)["key"]
    assert Keys().find(secret) is not None
    plain = parley("keys", "create", "other")
    assert plain.stdout.startswith("parley-") and Keys().find(plain.stdout.strip()) is not None
    listed = parley("keys", "list").stdout
    assert "note book" in listed and "chat" in listed and "all" in listed and secret not in listed
    assert all("digest" not in each for each in json.loads(parley("keys", "list", "--json").stdout))
    assert parley("keys", "revoke", "other").exit_code == 0
    assert Keys().find(plain.stdout.strip()) is None
    for wrong in (["revoke", "other"], ["create", "x", "--scope", "root"], ["create", ""]):
        done = parley("keys", *wrong)
        assert done.exit_code == 2 and done.stderr.startswith("parley: ")


def test_accounts() -> None:
    def typed(*words: str, password: str = "") -> Result:
        return CliRunner().invoke(cli.app, ["accounts", *words], input=password + "\n")

    assert typed("add", "ada", "--role", "admin", password="correct horse").exit_code == 0
    assert json.loads(typed("list", "--json").stdout) == [{"name": "ada", "role": "admin"}]
    assert typed("password", "ada", password="another horse").exit_code == 0
    assert Accounts().check("ada", "another horse") is not None
    for words, password in ((("add", "bob"), "short"), (("add", "ada"), "correct horse"), (("remove", "bob"), "")):
        assert typed(*words, password=password).exit_code == 2
    assert typed("remove", "ada").exit_code == 0 and Accounts().list() == []


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["serve", "--host", "0.0.0.0"], 2, "no valid key"),
        (["serve", "--auth", "maybe"], 2, "auto, keys or none"),
        (["serve", "--deadline", "0"], 2, "deadline_seconds"),
        (["serve", "--model", "no such model"], 2, "no model"),
        (["ui", "--host", "0.0.0.0", "--no-browser"], 2, "nobody who could log in"),
    ],
)
def test_servers_that_do_not_start(parley: Parley, words: list[str], code: int, said: str) -> None:
    done = parley(*words)
    assert done.exit_code == code and said in done.stderr


def test_a_port_that_is_taken(parley: Parley) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        done = parley("serve", "--port", str(other.getsockname()[1]))
        assert done.exit_code == 1 and "cannot be used" in done.stderr


@pytest.mark.model
@pytest.mark.parametrize(("how", "code"), [(signal.SIGTERM, -signal.SIGTERM), (signal.SIGINT, 130)])
def test_a_server_from_its_start_to_its_end(how: signal.Signals, code: int) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = str(Path(sys.executable).with_name("parley"))
    process = subprocess.Popen(
        [program, "serve", "--port", str(port)], env=os.environ, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert f"http://127.0.0.1:{port}/v1, for this machine" in process.stdout.readline()
    client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60)
    ends = time.monotonic() + 60
    while time.monotonic() < ends:
        try:
            client.get("/health")
            break
        except httpx.ConnectError:
            time.sleep(0.1)
    body = {"model": "smollm2-135m-instruct", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 4}
    assert client.post("/v1/chat/completions", json=body).json()["usage"]["completion_tokens"] == 4
    process.send_signal(how)
    assert process.wait(30) == code
    assert "chat/completions" in (Path(os.environ["PARLEY_HOME"]) / "logs" / "api.jsonl").read_text()
