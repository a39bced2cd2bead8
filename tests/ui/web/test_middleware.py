"""Every page runs our first script before Gradio's front end; nothing else is touched."""

from __future__ import annotations

import gradio as gr
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.responses import HTMLResponse, PlainTextResponse, StreamingResponse

from ui.web.middleware import FirstScript

HTML = {"accept": "text/html,*/*"}


@pytest.fixture
def client() -> TestClient:
    app = FastAPI()
    pieces = ["<html><he", "ad><title>é</title></head>", "<body><head></body></html>"]
    app.add_api_route("/whole", lambda: HTMLResponse("".join(pieces)), methods=["GET", "HEAD"])
    app.add_api_route("/pieces", lambda: StreamingResponse(iter(pieces), media_type="text/html"))
    app.add_api_route("/empty", lambda: HTMLResponse(""))
    app.add_api_route("/text", lambda: PlainTextResponse("<head>"))
    gr.mount_gradio_app(app, gr.Blocks(), path="/gradio")
    app.add_middleware(FirstScript, script="first()")
    return TestClient(app)


@pytest.mark.parametrize("path", ["/whole", "/pieces"])
def test_the_script_comes_first_and_once(client: TestClient, path: str) -> None:
    answer = client.get(path, headers=HTML)
    assert answer.text == "<html><head><script>first()</script><title>é</title></head><body><head></body></html>"
    assert int(answer.headers["content-length"]) == len(answer.content)


def test_other_answers_stay_as_they_are(client: TestClient) -> None:
    assert client.get("/empty", headers=HTML).text == ""
    assert client.get("/text", headers=HTML).text == "<head>"
    assert "first()" not in client.get("/whole", headers={"accept": "application/json"}).text
    assert int(client.head("/whole", headers=HTML).headers["content-length"]) > 0


@pytest.mark.parametrize("encoding", ["identity", "gzip, deflate, br"])
def test_gradio_pages_have_it_before_their_own_scripts(client: TestClient, encoding: str) -> None:
    page = client.get("/gradio/", headers={**HTML, "accept-encoding": encoding}).text
    assert page.index("<script>first()</script>") == page.index("<script")
