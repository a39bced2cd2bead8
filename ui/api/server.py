"""The server's process: uvicorn around the API and the page, and an end that lets replies finish."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import Any

import uvicorn
from fastapi import FastAPI

from assistant import paths
from assistant.errors import BadSettings
from assistant.service import Assistant
from ui.announcing import Announcing
from ui.api.app import create_api
from ui.api.keys import Keys
from ui.api.logs import audit_to, log_errors
from ui.api.state import Serving, State
from ui.listening import KEEP_ALIVE_SECONDS, LOOPBACK, check_port

GRACE_SECONDS = 30.0
"""What replies have to come to their end once the server is asked to."""


class Server(Announcing):
    """Stops taking requests when it is asked to end, gives those that run their time, and tells the rest."""

    def __init__(
        self,
        config: uvicorn.Config,
        state: State,
        listening: Callable[[str], object] = lambda address: None,
        *,
        grace_seconds: float = GRACE_SECONDS,
    ) -> None:
        super().__init__(config, listening)
        self._state, self._grace = state, grace_seconds
        self._pages = [app for app in _apps(config.app) if hasattr(app, "stop_event")]
        config.timeout_graceful_shutdown = int(grace_seconds) + 2

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._state.close(self._grace)
        for page in self._pages:
            page.stop_event.set()  # Gradio's streams of open tabs end by it
        await super().shutdown(sockets)


def _apps(app: Any) -> Iterator[Any]:
    """Every app that is mounted in one."""
    for route in getattr(app, "routes", ()):
        if (inner := getattr(route, "app", None)) is not None:
            yield inner
            yield from _apps(inner)


def check(serving: Serving, keys: Keys) -> None:
    """Raise BadSettings for settings that cannot be used, or would let in whom nobody meant to."""
    if problems := serving.problems():
        raise BadSettings(f"The server cannot run so: {'; '.join(problems)}.")
    if serving.keys and not any(key.state == "valid" for key in keys.list()):
        raise BadSettings(
            "There is no valid key, so nobody could use the server.",
            hint="Make one with `parley keys create NAME`, or pass --auth none to let everyone in who can reach it.",
        )


def serve(serving: Serving, *, page: bool = False, https: bool = False) -> None:
    """Serve until Ctrl-C or SIGTERM. page: the web page too, behind a login where the API wants keys. https: TLS is
    spoken before it.

    Raises BadSettings, UserError where the port is taken.
    """
    keys = Keys()
    check(serving, keys)
    check_port(serving.host, serving.port)
    assistant, web = _with_page(serving, https=https) if page else (Assistant(), None)
    who = (
        "whoever has a key"
        if serving.keys
        else "this machine"
        if serving.host in LOOPBACK
        else "EVERYONE who can reach it"
    )

    def listening(address: str) -> None:
        print(f"Parley's API is at {address}/v1, for {who}  (Ctrl-C ends it)", flush=True)  # noqa: T201

    app = create_api(assistant, serving, keys=keys, page=web)
    audit_to(paths.home() / "logs" / "api.jsonl")
    log_errors()
    try:
        server_for(app, serving, listening).run()
    finally:
        assistant.close()


def _with_page(serving: Serving, *, https: bool) -> tuple[Assistant, FastAPI]:
    from ui.web.uploads import keep_private

    keep_private()
    from ui.web.app import assistant_for, create_app, door

    accounts = door(serving.host, "login" if serving.keys else "none")
    assistant = assistant_for(accounts)
    assistant.start_pulls()
    assistant.preload()
    return assistant, create_app(assistant, serving.host, accounts, https=https, forwarded=serving.forwarded)


def server_for(
    app: FastAPI,
    serving: Serving,
    listening: Callable[[str], object] = lambda address: None,
    *,
    grace_seconds: float = GRACE_SECONDS,
) -> Server:
    """uvicorn around the app."""
    config = uvicorn.Config(
        app,
        host=serving.host,
        port=serving.port,
        log_config=None,  # its own would close the handlers of everything else in the process
        log_level="warning",
        access_log=False,
        server_header=False,
        backlog=2048,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
    )
    return Server(config, app.state.parley, listening, grace_seconds=grace_seconds)
