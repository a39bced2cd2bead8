"""`parley keys`, `parley accounts` and `parley serve`, as a person types them."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner, Result

from ui import cli
from ui.accounts import Accounts
from ui.api.keys import Keys
from ui.api.state import Serving

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
        (["serve", "--deadline", "nan"], 2, "deadline_seconds"),
        (["serve", "--deadline", "inf"], 2, "deadline_seconds"),
        (["serve", "--body-mb", "nan"], 2, "--body-mb"),
        (["serve", "--body-mb", "inf"], 2, "--body-mb"),
        (["serve", "--body-mb", "0.0001"], 2, "body_bytes"),
        (["serve", "--at-once", "9" * 400], 2, "at_once"),
        (["serve", "--https"], 2, "--ui"),
        (["serve", "--replicas", "1", "--port", "0"], 2, "port"),
        (["keys", "create", "x", "--days", "nan"], 2, "days"),
        (["eval", "gate", "--baseline", "a", "--candidate", "b", "--max-drop", "nan"], 2, "--max-drop"),
        (["serve", "--model", "no such model"], 2, "no model"),
        (["ui", "--host", "0.0.0.0", "--no-browser"], 2, "nobody who could log in"),
    ],
)
def test_servers_that_do_not_start(parley: Parley, words: list[str], code: int, said: str) -> None:
    done = parley(*words)
    assert done.exit_code == code and said in done.stderr


def test_who_comes_in_is_what_was_said(parley: Parley, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[tuple[Serving, dict[str, object]]] = []
    monkeypatch.setattr("ui.api.server.serve", lambda serving, **more: begun.append((serving, more)))
    for words in ([], ["--auth", "none"], ["--auth", "keys"], ["--host", "0.0.0.0"], ["--ui", "--https"]):
        assert parley("serve", *words).exit_code == 0
    said = [(serving.keys, serving.forwarded) for serving, _ in begun]
    assert said == [(False, False), (False, True), (True, False), (True, False), (False, False)]
    assert begun[-1][1] == {"page": True, "https": True}


@pytest.mark.parametrize("words", [["keys", "list"], ["keys", "create", "x"], ["accounts", "list"], ["models", "list"]])
def test_a_home_that_cannot_be_had_is_told(
    parley: Parley, words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    for place in (tmp_path / "file", tmp_path / "file" / "home", "~nobody-of-that-name/home"):
        monkeypatch.setenv("PARLEY_HOME", str(place))
        done = parley(*words)
        assert done.exit_code == 2 and done.stderr.startswith("parley: Parley cannot keep its things in"), place
        assert "PARLEY_HOME" in done.stderr


def test_keys_that_cannot_be_written_are_told_of(parley: Parley, parley_home: Path) -> None:
    (parley_home / "keys.lock").mkdir(
        parents=True
    )  # in the place of a folder that is not one's own: root may write there
    for words in (["create", "x"], ["revoke", "x"]):
        done = parley("keys", *words)
        assert done.exit_code == 1 and "keys.json cannot be written" in done.stderr


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
    assert client.get("/health").status_code == 200  # it says so once it listens
    body = {"model": "smollm2-135m-instruct", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 4}
    assert client.post("/v1/chat/completions", json=body).json()["usage"]["completion_tokens"] == 4
    process.send_signal(how)
    assert process.wait(30) == code
    assert "chat/completions" in (Path(os.environ["PARLEY_HOME"]) / "logs" / "api.jsonl").read_text()


def test_page_and_api_on_the_port_that_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARLEY_MODELS", str(tmp_path / "none"))
    program = str(Path(sys.executable).with_name("parley"))
    words = [program, "serve", "--ui", "--port", "0"]
    process = subprocess.Popen(words, env=os.environ, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        told = re.search(r"http://127\.0\.0\.1:[1-9]\d*", process.stdout.readline())
        assert told is not None
        with httpx.Client(base_url=told[0], timeout=60) as client:
            assert client.get("/health").json() == {"status": "ok"}
            assert "gradio_config" in client.get("/", headers={"accept": "text/html"}).text
            assert client.get("/parley/training/sft.jsonl").status_code == 200
            assert client.get("/v1/models").json()["object"] == "list"
            assert client.post("/v1/nothing", json={}).json()["error"]["message"]
            for path in ("/", "/train", "/health", "/v1/models"):  # nobody has to log in, so nobody comes by a proxy
                assert client.get(path, headers={"x-forwarded-for": "10.0.0.1"}).status_code == 403, path
                assert client.get(path, headers={"host": "evil.example"}).status_code == 403, path
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == -signal.SIGTERM
    finally:
        process.kill()
        process.wait()
