"""Where a server listens: which addresses only this machine can reach, and whether a port is free."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

from assistant.errors import UserError

LOOPBACK = {"127.0.0.1", "localhost", "::1", "[::1]"}


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


def names_loopback(host: str) -> bool:
    """Whether a Host header, with or without a port, is a name of this machine's alone."""
    try:
        parts = urlsplit(f"//{host}")
        return (parts.hostname or "") in LOOPBACK and (parts.port is None or parts.port > 0)
    except ValueError:
        return False
