"""Where a server listens, and whom it answers there: which addresses only this machine can reach, whether a port is
free, and what comes to loopback from elsewhere."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from urllib.parse import urlsplit

from assistant.errors import UserError

LOOPBACK = {"127.0.0.1", "localhost", "::1", "[::1]"}
PROXIED = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip")
"""Headers by which a proxy says that it passes on what somebody else has asked."""
KEEP_ALIVE_SECONDS = 130
"""Of a connection between two requests. Proxies keep theirs (nginx for 60, Traefik for 90, Caddy for 120), and would
send into one that is just being closed."""


def check_port(host: str, port: int) -> None:
    """Raise UserError where a server could not listen there."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise UserError(
                f"Port {port} of {host} cannot be used: {error.strerror}.",
                hint="Is Parley running already? Choose another one with --port.",
            ) from error


def address(host: str, port: int) -> str:
    """The URL of a server that listens there."""
    return f"http://[{host.strip('[]')}]:{port}" if ":" in host else f"http://{host}:{port}"


def name_in(host: str) -> str:
    """The name in a Host header, with or without a port; "" where there is none that can be."""
    try:
        parts = urlsplit(f"//{host}")
        return (parts.hostname or "") if parts.port is None or parts.port > 0 else ""
    except ValueError:
        return ""


def refused_on_loopback(headers: Mapping[str, str], *, forwarded: bool) -> str:
    """Why a server of loopback that asks nobody who they are does not answer a request; "" where it does.

    Whatever reaches it is let in, so it answers to loopback's own names alone: a site whose name leads here by DNS has
    a browser send its own. And to no proxy, which would let others in, unless somebody has said so (forwarded). With a
    key or a login neither matters: such a site has none.
    """
    if name_in(headers.get("host", "")) not in LOOPBACK:
        return "Nobody has to log in or to have a key here, so this server answers on loopback only."
    if not forwarded and any(name in headers for name in PROXIED):
        return (
            "This came through a proxy, and nobody has to log in or to have a key here. Start `parley ui` with --auth "
            "login or `parley serve` with --auth keys; --auth none lets everyone in who reaches the proxy."
        )
    return ""
