"""The door of the page: who is not logged in sees nothing, and everyone sees their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
from fastapi.testclient import TestClient

from assistant.engines.fake import FakeEngine
from assistant.errors import BadSettings
from assistant.service import Assistant
from assistant.settings import ChatSettings
from tests.ui.api.conftest import until
from tests.ui.api.test_turns import run
from ui.accounts import Accounts
from ui.web import theme
from ui.web.app import build, create_app, door
from ui.web.login import only_known, person

HTML = {"accept": "text/html"}
GOOD = "correct horse"


@pytest.fixture
def assistant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Assistant]:
    monkeypatch.setattr("assistant.sources.locate", lambda entry: tmp_path)
    made = Assistant(open_engine=lambda *_, **__: FakeEngine(), whose=person, only_known=only_known)
    yield made
    made.close()


@pytest.fixture
def client(assistant: Assistant) -> TestClient:
    people = Accounts()
    people.add("ada", GOOD, "admin")
    people.add("bob", GOOD)
    return TestClient(create_app(assistant, accounts=people), base_url="http://127.0.0.1", follow_redirects=False)


def log_in(client: TestClient, name: str, password: str = GOOD, **headers: str) -> int:
    form = {"name": name, "password": password}
    return client.post("/login", data=form, headers=headers).status_code


def test_the_door(client: TestClient, assistant: Assistant) -> None:
    # Nothing without a login
    assert client.get("/", headers=HTML).headers["location"] == "/login"
    for path in ("/config", "/text", "/parley/me", "/parley/training/sft.jsonl", "/gradio_api/info", "/theme.css"):
        assert client.get(path).status_code == 401, path
    assert client.post("/gradio_api/queue/join", json={"fn_index": 0, "data": []}).status_code == 401
    page = client.get("/login", headers=HTML)
    assert "<form" in page.text and "frame-ancestors 'none'" in page.headers["content-security-policy"]

    # Only with the right words, and not from elsewhere
    assert log_in(client, "ada", "wrong words") == 401
    hostile = client.post("/login", data={"name": "<b>\"'", "password": "x"})
    assert "<b>" not in hostile.text and "&lt;b&gt;" in hostile.text
    assert log_in(client, "ada", origin="https://evil.example") == 403
    for site in ("cross-site", "same-site"):  # another port of this machine is another site's page too
        assert log_in(client, "ada", **{"sec-fetch-site": site}) == 403
    assert log_in(client, "ada", origin="http://127.0.0.1") == 303
    cookie = client.cookies.jar._cookies["127.0.0.1"]["/"]["parley"]
    assert cookie.has_nonstandard_attr("httponly") and cookie.get_nonstandard_attr("samesite") == "strict"
    assert client.get("/parley/me").json() == {"name": "ada", "admin": True}
    assert "Parley" in client.get("/", headers=HTML).text
    assert client.get("/train", headers=HTML).status_code == 200
    assert client.post("/logout", headers={"origin": "https://evil.example"}).status_code == 403

    # Out again, and no cookie of before counts
    stolen = client.cookies["parley"]
    assert client.post("/logout").status_code == 303
    assert client.get("/parley/me").status_code == 401
    Accounts().set_password("ada", "a new password")
    client.cookies.set("parley", stolen)
    assert client.get("/parley/me").status_code == 401
    client.cookies.set("parley", stolen[:-3] + "abc")
    assert client.get("/parley/me").status_code == 401


def test_everyone_has_their_own(client: TestClient, assistant: Assistant) -> None:
    assert log_in(client, "ada") == 303
    kept = _conversation_of("ada", assistant)
    assert "Secret of ada" in client.get(f"/parley/conversations/{kept}.md").text
    client.post("/logout")
    assert log_in(client, "bob") == 303
    assert client.get(f"/parley/conversations/{kept}.md").status_code == 404

    # Pages that are for administrators, however they are asked for
    for path in ("/train", "/train/", "/?page=train", "/?page=/lab", "/parley/lab/x/y.png"):
        assert client.get(path, headers=HTML).status_code == 403, path
    assert client.get("/parley/me").json() == {"name": "bob", "admin": False}


def _events(client: TestClient) -> list[dict[str, Any]]:
    return client.get("/config").json()["dependencies"]


def _ask(client: TestClient, id: int, data: list[Any]) -> str:
    """What an event says, by the way that the page goes."""
    body = {"fn_index": id, "data": data, "session_hash": "x", "event_data": None, "trigger_id": None}
    assert client.post("/gradio_api/queue/join", json=body).status_code == 200
    with client.stream("GET", "/gradio_api/queue/data?session_hash=x") as told:
        for line in told.iter_lines():
            if "process_completed" in line:
                return line
    raise AssertionError("it did not end")


def test_events_name_uploaded_files_alone(client: TestClient, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("what nobody may read")
    with client:
        assert log_in(client, "bob") == 303
        config = client.get("/config").json()
        takers = [each["id"] for each in config["components"] if each["type"] in ("uploadbutton", "file")]
        events = [each for each in config["dependencies"] if each["inputs"] and each["inputs"][0] in takers]
        assert events
        for path in (str(secret), "/etc/passwd", "https://example.org/x", f"{tmp_path}/../{tmp_path.name}/secret.txt"):
            file = {"path": path, "meta": {"_type": "gradio.FileData"}}
            for given in (file, [file]):
                said = _ask(client, events[0]["id"], [given] + [None] * (len(events[0]["inputs"]) - 1))
                assert '"success": false' in said.replace('"success":false', '"success": false')
                assert "nobody may read" not in said and "not uploaded here" in said


def test_a_model_of_one_s_own_address_is_not_warmed(
    client: TestClient, assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(
        assistant, "_open_engine", lambda _, entry, *__, **___: opened.append(entry.key) or FakeEngine()
    )
    warm = next(each for each in build_ids(client, "warm"))
    with client:
        assert log_in(client, "bob") == 303
        _ask(client, warm, ["openai:x@http://127.0.0.1:9/v1"])
        _ask(client, warm, ["smollm2-135m-instruct"])
    until(lambda: opened == ["smollm2-135m-instruct"])


def build_ids(client: TestClient, name: str) -> list[int]:
    """Events whose function is called so."""
    app: Any = client.app
    page = next(route.app.blocks for route in app.routes if hasattr(getattr(route, "app", None), "blocks"))
    return [id for id, fn in page.fns.items() if getattr(fn.fn, "__name__", "") == name]


def test_addresses_of_gradio_that_nobody_needs_are_closed(client: TestClient) -> None:
    assert log_in(client, "ada") == 303
    for path in (
        "/gradio_api/file=https://example.org/x",
        "/gradio_api/file=http:/example.org/x",
        "/gradio_api/proxy=https://example.org/x",
        "/gradio_api/startup-events",
        "/gradio_api/deep_link?session_hash=x",
        "/monitoring/summary",
    ):
        assert client.get(path).status_code == 404, path
    preflight = {"origin": "http://127.0.0.1:9999", "access-control-request-method": "POST"}
    assert "access-control-allow-origin" not in client.options("/gradio_api/queue/join", headers=preflight).headers


def test_a_proxy_before_a_page_without_a_door_is_refused(assistant: Assistant) -> None:
    client = TestClient(create_app(assistant), base_url="http://127.0.0.1")
    assert client.get("/", headers=HTML).status_code == 200
    for name in ("x-forwarded-for", "x-forwarded-proto", "forwarded", "via"):
        assert "--auth login" in client.get("/", headers={**HTML, name: "10.0.0.1"}).text, name
    said = TestClient(create_app(assistant, forwarded=True), base_url="http://127.0.0.1")  # --auth none
    assert said.get("/", headers={**HTML, "x-forwarded-for": "10.0.0.1"}).status_code == 200
    assert said.get("/", headers={**HTML, "x-forwarded-for": "10.0.0.1", "host": "evil.example"}).status_code == 403


def test_behind_a_door_the_name_and_the_way_do_not_matter(client: TestClient) -> None:
    by_proxy = {"host": "parley.example.org", "x-forwarded-for": "10.0.0.1", "x-forwarded-proto": "https"}
    assert client.get("/config", headers=by_proxy).status_code == 401
    assert log_in(client, "ada", origin="https://evil.example", **by_proxy) == 403
    assert log_in(client, "ada", origin="https://parley.example.org", **by_proxy) == 303
    assert client.get("/parley/me", headers=by_proxy).json() == {"name": "ada", "admin": True}


def test_headers_that_no_browser_sends(client: TestClient) -> None:
    assert log_in(client, "bob", origin="http://[") == 403
    assert client.get("/", headers={**HTML, "host": "evil.example:99999"}).status_code == 400
    assert log_in(client, "bob") == 303
    for host in ("127.0.0.1/x", "127.0.0.1?x", "127.0.0.1#x"):  # no part of a path
        assert client.get("/train", headers={**HTML, "host": host}).status_code == 403, host
        assert client.get("/monitoring/summary", headers={"host": host}).status_code == 404, host


def _conversation_of(name: str, assistant: Assistant) -> str:
    from ui.web.login import _USER

    token = _USER.set(name)
    try:
        conversation = assistant.store.create()
        settings = ChatSettings(model="smollm2-135m-instruct")
        (reply,) = assistant.send(conversation, f"Secret of {name}", settings=settings)
        reply.wait(10)
        return conversation
    finally:
        _USER.reset(token)


def test_what_a_page_for_administrators_does_is_for_them_alone(assistant: Assistant) -> None:
    page = build(assistant, login=True)
    asked = SimpleNamespace(request=SimpleNamespace(scope={"parley.user": "bob", "parley.role": "user"}))
    pages = {fn.page.strip("/"): fn for fn in page.fns.values()}
    assert set(pages) >= {"", "text", *theme.FOR_ADMINS}
    for name in theme.FOR_ADMINS:
        with pytest.raises(gr.Error, match="administrators"):
            run(page.process_api(pages[name], [], request=asked))


def test_too_many_tries(client: TestClient) -> None:
    assert [log_in(client, "bob", "wrong words") for _ in range(11)][-2:] == [401, 429]
    assert log_in(client, "bob") == 429  # the right one too, for a minute
    assert log_in(client, "ada") == 303
    assert client.post("/login", data={str(n): "x" for n in range(9)}).status_code == 400


def test_other_machines_come_in_by_the_door_alone() -> None:
    assert door("127.0.0.1", "auto") is None and door("0.0.0.0", "none") is None
    with pytest.raises(BadSettings, match="nobody who could log in"):
        door("0.0.0.0", "auto")
    with pytest.raises(BadSettings, match="--auth is"):
        door("127.0.0.1", "maybe")
    Accounts().add("ada", GOOD, "admin")
    assert door("0.0.0.0", "auto") is not None and door("127.0.0.1", "login") is not None
