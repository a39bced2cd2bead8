"""`parley serve`: the API for other programs."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(add_completion=False)
MOST_BODY_MB = 1024
"""A request is in memory as a whole, and more than once."""


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 lets other machines in.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 8000,
    model: Annotated[
        list[str] | None,
        typer.Option("--model", "-m", help="A model that requests may name besides those here; the first answers."),
    ] = None,
    auth: Annotated[
        str, typer.Option(help="keys, none, or auto: keys as soon as other machines can reach it.")
    ] = "auto",
    at_once: Annotated[int, typer.Option(min=1, help="Replies written at a time.")] = 8,
    waiting: Annotated[int, typer.Option(min=0, help="Requests in line before others are turned away.")] = 64,
    deadline: Annotated[float, typer.Option(help="Longest that a request may take, in seconds.")] = 600.0,
    body_mb: Annotated[float, typer.Option(help="Largest request, in MB.")] = 10.0,
    ui: Annotated[bool, typer.Option("--ui", help="The web page too, on the same port.")] = False,
    https: Annotated[
        bool, typer.Option("--https", help="A proxy before it speaks TLS: cookies of the page want it.")
    ] = False,
    origin: Annotated[
        list[str] | None, typer.Option(help="A web page's origin that may call from a browser, as https://example.org.")
    ] = None,
    replicas: Annotated[
        int, typer.Option(min=0, help="Processes that answer, by Ray Serve (the extra scale); 0: this one alone.")
    ] = 0,
    most_replicas: Annotated[int, typer.Option(min=0, help="As many while much is asked.")] = 0,
    cluster: Annotated[str, typer.Option(help="Address of a Ray cluster; else RAY_ADDRESS, or this machine.")] = "",
) -> None:
    """Serve chat, embeddings, translation, summaries and sentiment to other programs, in OpenAI's protocol.

    Examples:

    parley serve --ui
    parley keys create notebook && parley serve --host 0.0.0.0
    parley serve --model Qwen/Qwen3-8B --at-once 16
    parley serve --replicas 2 --most-replicas 8
    """
    from assistant.errors import BadSettings
    from ui.api.server import serve as run
    from ui.api.state import Serving
    from ui.listening import LOOPBACK

    if auth not in ("auto", "keys", "none"):
        raise BadSettings(f"--auth is auto, keys or none, not {auth}.")
    if https and not ui:
        raise BadSettings("--https is for the cookies of the page.", hint="Leave it out, or add --ui.")
    if not 0 < body_mb <= MOST_BODY_MB:
        raise BadSettings(f"--body-mb must be above 0 and at most {MOST_BODY_MB}, not {body_mb}.")
    serving = Serving(
        host=host,
        port=port,
        models=tuple(model or ()),
        at_once=at_once,
        waiting=waiting,
        deadline_seconds=deadline,
        body_bytes=int(body_mb * 2**20),
        origins=tuple(origin or ()),
        keys=auth == "keys" or (auth == "auto" and host not in LOOPBACK),
        forwarded=auth == "none",
    )
    if not replicas and (most_replicas or cluster):
        raise BadSettings("--most-replicas and --cluster go with --replicas.", hint="Give --replicas 1 or more.")
    if replicas:
        if ui:
            raise BadSettings("The page runs in one process.", hint="Leave out --ui, or --replicas.")
        from ui.api.replicas import serve_replicas

        serve_replicas(serving, replicas, most_replicas or replicas, address=cluster)
        return
    run(serving, page=ui, https=https)
