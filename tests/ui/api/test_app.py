"""The API and the page on one port: each path finds its own, and each has its own door."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from assistant import paths
from assistant.engines.fake import FakeEngine
from assistant.service import Assistant
from tests.ui.api.conftest import Start, until
from ui.accounts import Accounts
from ui.api import server
from ui.api.app import create_api
from ui.api.keys import Keys
from ui.api.state import Serving
from ui.web.app import assistant_for, create_app

HTML = {"accept": "text/html"}


def test_the_page_without_a_door_has_the_one_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assistant.sources.locate", lambda entry: tmp_path)
    assistant = assistant_for(None)
    app = create_api(assistant, Serving(), page=create_app(assistant))
    with TestClient(app, base_url="http://127.0.0.1") as client:
        assert client.get("/", headers=HTML).status_code == 200
        kept = assistant.store.create()
        assistant.store.add_message(kept, parent_id=None, role="user", content="Found again")
        assert "Found again" in client.get(f"/parley/conversations/{kept}.md").text
    assert assistant.store.path == paths.database_path()
    assistant.close()


def test_ready_says_whether_requests_are_worth_sending(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there: list[Path | None] = [tmp_path]
    monkeypatch.setattr("assistant.sources.locate", lambda entry: there[0])
    app = create_api(Assistant(open_engine=lambda *_, **__: FakeEngine()), Serving())
    with TestClient(app, base_url="http://127.0.0.1") as client:
        assert client.get("/ready").status_code == 200
        there[0] = None
        assert client.get("/ready").status_code == 503
        there[0] = tmp_path
        app.state.parley.closing = True
        assert client.get("/ready").status_code == 503
        assert client.get("/health").status_code == 200


def test_the_page_and_the_api_on_one_port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assistant.sources.locate", lambda entry: tmp_path)
    assistant = Assistant(open_engine=lambda *_, **__: FakeEngine())
    accounts = Accounts()
    accounts.add("ada", "correct horse", "admin")
    _, secret = Keys().create("one")
    app = create_api(assistant, Serving(keys=True), page=create_app(assistant, accounts=accounts))
    with TestClient(app, base_url="http://127.0.0.1", follow_redirects=False) as client:
        key = {"Authorization": f"Bearer {secret}"}
        assert client.get("/v1/models").status_code == 401
        assert client.get("/v1/models", headers=key).json()["object"] == "list"
        for method, path in (("GET", "/v1/nothing"), ("POST", "/v1/nothing"), ("DELETE", "/v1/models")):
            nothing = client.request(method, path, headers=key)
            assert nothing.status_code == 404 and nothing.json()["error"]["type"] == "invalid_request_error"
        assert client.get("/", headers=HTML).headers["location"] == "/login"
        assert client.get("/config", headers=key).status_code == 401  # a key is no login
        client.post("/login", data={"name": "ada", "password": "correct horse"})
        assert "gradio_config" in client.get("/", headers=HTML).text
        assert client.get("/v1/models").status_code == 401  # nor is a login a key
        files = {"files": ("a.txt", b"x" * 11_000_000)}
        assert client.post("/gradio_api/upload", files=files).status_code == 200  # the API's limit is not the page's
    assistant.close()


@pytest.mark.parametrize("https", [False, True])
def test_the_servers_page_has_its_cookie_sent_over_tls_where_that_is_spoken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, https: bool
) -> None:
    monkeypatch.setenv("PARLEY_MODELS", str(tmp_path / "none"))
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "uploads"))
    Accounts().add("ada", "correct horse", "admin")
    serving = Serving(keys=True)
    assistant, page = server._with_page(serving, https=https)
    app = create_api(assistant, serving, page=page)
    by_proxy = {"host": "parley.example.org", "origin": "https://parley.example.org", "x-forwarded-for": "10.0.0.1"}
    with TestClient(app, base_url="http://127.0.0.1", follow_redirects=False) as client:
        form = {"name": "ada", "password": "correct horse"}
        cookie = client.post("/login", data=form, headers=by_proxy).headers["set-cookie"].lower()
    assert ("; secure" in cookie) is https and "httponly" in cookie
    assistant.close()


def test_the_servers_page_lets_nobody_in_by_a_proxy_unless_that_was_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARLEY_MODELS", str(tmp_path / "none"))
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "uploads"))
    for forwarded in (False, True):
        serving = Serving(forwarded=forwarded)
        assistant, page = server._with_page(serving, https=False)
        with TestClient(create_api(assistant, serving, page=page), base_url="http://127.0.0.1") as client:
            for path in ("/", "/train", "/v1/models", "/docs"):
                answer = client.get(path, headers={**HTML, "x-forwarded-for": "10.0.0.1"})
                assert answer.status_code == (200 if forwarded else 403), path
        with TestClient(page, base_url="http://127.0.0.1") as client:  # the page's own door
            assert client.get("/", headers={**HTML, "via": "1.1 x"}).status_code == (200 if forwarded else 403)
        assistant.close()


def test_a_connection_is_kept_for_longer_than_a_proxy_keeps_it(start: Start) -> None:
    caddy_seconds = 120
    assert start().server.config.timeout_keep_alive > caddy_seconds


def test_freed_memory_is_given_back_while_the_server_is_there(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    trimmed: list[None] = []
    monkeypatch.setattr("ui.api.app.TRIM_SECONDS", 0.01)
    monkeypatch.setattr("ui.api.app.trim", lambda: trimmed.append(None))
    start()
    until(lambda: len(trimmed) > 2)
