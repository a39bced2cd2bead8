"""A uvicorn server that tells where it is once it listens there: not before, and with the port that it got."""

from __future__ import annotations

import socket
from collections.abc import Callable

import uvicorn

from ui.listening import address


class Announcing(uvicorn.Server):
    """Calls `listening` with its address as soon as whoever asks there is answered."""

    def __init__(self, config: uvicorn.Config, listening: Callable[[str], object] = lambda address: None) -> None:
        super().__init__(config)
        self._listening = listening

    @property
    def address(self) -> str:
        """Its URL, once it listens."""
        port: int = self.servers[0].sockets[0].getsockname()[1]
        return address(self.config.host, port)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen, and tell."""
        await super().startup(sockets)
        if self.started:
            self._listening(self.address)
