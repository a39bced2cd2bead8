"""`parley doctor`: finds what is broken, says what to do, and keeps its time."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from assistant import paths
from assistant.store import Store
from ui.terminal import checkup, network
from ui.terminal.network import Answer

HERE = Answer("https://there.example", True, 0.1)
GONE = Answer("https://gone.example", False, 2.0, "no answer")


@pytest.fixture
def asked(monkeypatch):
    """Put answers in the place of the network: asked(hub, index)."""

    def set_answers(hub: Answer, index: Answer) -> None:
        monkeypatch.setattr(network, "ask", lambda: (hub, index))

    set_answers(GONE, HERE)
    return set_answers


def examined(parley) -> tuple[int, dict]:
    done = parley("doctor", "--json")
    return done.exit_code, json.loads(done.stdout)


def test_all_is_well(fake, asked, parley):
    code, found = examined(parley)
    assert (code, found["healthy"], found["problems"]) == (0, True, [])
    assert found["versions"]["torch"] and found["versions"]["python"]
    assert found["memory"]["total_bytes"] > found["memory"]["free_bytes"] > 0
    assert found["disk"]["free_bytes"] > 0
    assert [model["key"] for model in found["models"]] == ["smollm2-135m-instruct"]
    assert found["network"]["index"] == {"url": HERE.url, "reachable": True, "seconds": 0.1, "reason": ""}
    done = parley("doctor")
    assert done.exit_code == 0 and "All is well" in done.stdout and "smollm2" in done.stdout


def test_no_model_is_essential_only_where_none_can_be_fetched(models, asked, parley):
    code, found = examined(parley)
    assert code == 0 and "No chat model" in found["problems"][0]["what"]
    asked(GONE, GONE)
    code, found = examined(parley)
    assert code == 1 and found["problems"][0]["essential"] and "--from" in found["problems"][0]["fix"]


def test_damaged_and_unfinished_models(fake, asked, parley, models):
    (models / "smollm2-135m-instruct" / "model.gguf").write_bytes(b"G")
    (models / "qwen2.5-coder-1.5b-instruct.partial").mkdir()
    _, found = examined(parley)
    said = " ".join(problem["what"] for problem in found["problems"])
    assert "smollm2-135m-instruct is damaged" in said and "fetch of qwen2.5-coder-1.5b-instruct is unfinished" in said


def test_a_damaged_database(fake, asked, parley):
    Store().close()
    paths.database_path().write_bytes(b"no database at all" * 100)
    code, found = examined(parley)
    assert code == 1 and "cannot be read" in found["problems"][0]["what"]


def test_a_database_in_use_is_no_problem(fake, asked, parley):
    store = Store()
    store.create(title="open")
    with sqlite3.connect(paths.database_path()) as writer:
        writer.execute("BEGIN IMMEDIATE")
        assert examined(parley)[0] == 0


@pytest.mark.skipif(os.geteuid() == 0, reason="root can write everywhere")
def test_a_data_folder_that_cannot_be_written(fake, asked, parley, parley_home):
    parley_home.mkdir()
    parley_home.chmod(0o500)
    code, found = examined(parley)
    assert code == 1 and "cannot be written" in found["problems"][0]["what"]


def test_a_data_folder_that_cannot_be_made(fake, asked, parley, parley_home, monkeypatch):
    monkeypatch.delenv("PARLEY_MODELS")
    parley_home.write_text("no folder")
    code, found = examined(parley)
    assert code == 1 and any("a file is there" in problem["what"] for problem in found["problems"])
    assert found["disk"]["free_bytes"] > 0
    assert "a file is there" in parley("doctor").stdout


def test_a_catalogue_with_mistakes(fake, asked, parley):
    (paths.home() / "catalogue.toml").write_text("[models.x]\nfamily = 'tree'\n")
    code, found = examined(parley)
    assert code == 1 and any("catalogue.toml" in problem["what"] for problem in found["problems"])


def test_missing_and_old_packages(fake, asked, parley, monkeypatch):
    monkeypatch.setattr(checkup, "requirements", lambda: ["torch>=99", "nosuchpackage>=1", 'pywin32; os_name == "nt"'])
    code, found = examined(parley)
    said = " ".join(problem["what"] for problem in found["problems"])
    assert code == 1 and "Parley needs torch>=99" in said and "nosuchpackage is missing" in said
    assert "pywin32" not in said


def test_questions_are_asked_side_by_side_and_left_when_late():
    started = time.monotonic()
    answers = network.side_by_side(
        {"slow": lambda: time.sleep(30), "late": lambda: time.sleep(30), "quick": lambda: "yes"}, 0.3
    )
    assert time.monotonic() - started < 2
    assert answers == {"slow": None, "late": None, "quick": "yes"}


class Index(BaseHTTPRequestHandler):
    """An index that wants a password."""

    def do_GET(self) -> None:
        allowed = self.headers.get("Authorization") == "Basic dXNlcjpwQHNz"
        self.send_response(404 if allowed else 401)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server():
    with HTTPServer(("127.0.0.1", 0), Index) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{serving.server_port}"
        serving.shutdown()


def test_an_index_behind_a_password(server):
    answer = network.index({"index-url": f"http://user:p%40ss@{server}/simple/"})
    assert answer.reachable and answer.url == f"http://***@{server}/simple"
    refused = network.index({"index-url": f"http://{server}/simple"})
    assert not refused.reachable and "401" in refused.reason


def test_an_index_in_a_folder_or_nowhere(tmp_path):
    assert network.index({"index-url": tmp_path.as_uri()}).reachable
    assert not network.index({"index-url": "http://127.0.0.1:1/simple"}).reachable


def test_pip_settings_are_read_as_pip_reads_them(monkeypatch, tmp_path):
    config = tmp_path / "pip.conf"
    config.write_text(
        "[global]\nindex-url = https://one.example/simple\n[download]\nindex-url = https://two.example/x\n"
    )
    monkeypatch.setenv("PIP_CONFIG_FILE", str(config))
    monkeypatch.delenv("PIP_INDEX_URL", raising=False)
    assert network.pip_settings()["index-url"] == "https://two.example/x"
    monkeypatch.setenv("PIP_INDEX_URL", "https://three.example/simple")
    assert network.pip_settings()["index-url"] == "https://three.example/simple"
