"""Keys of the API: made once, shown once, kept as their hash, each with what it may do and until when."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from assistant import paths
from assistant.errors import BadSettings
from ui.private_rows import PrivateRows

PREFIX = "parley-"
ENVIRONMENT = "PARLEY_API_KEY"
"""A key that is given to the server rather than made by it, for containers: it may do everything."""
_SHORTEST = 20
SCOPES = ("chat", "texts", "embeddings", "metrics")
"""What a key can be allowed; every key may list the models."""
_MOST_NAME = 80


@dataclass(frozen=True)
class Key:
    """A key as it is kept. digest: sha256 of the secret; that has 256 random bits, so no slow hash is needed."""

    id: str
    name: str
    digest: str
    scopes: tuple[str, ...]
    created: str
    expires: str | None = None
    a_minute: int = 0
    """Requests that it may make in a minute; 0 is as many as it likes."""
    at_once: int = 0
    """Requests that it may have open; 0 is as many as it likes."""
    revoked: bool = False

    @property
    def state(self) -> str:
        """In a word."""
        if self.revoked:
            return "revoked"
        late = self.expires is not None and datetime.fromisoformat(self.expires) <= datetime.now(UTC)
        return "expired" if late else "valid"


class Keys:
    """The keys of this machine, in a file that only its owner may read."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or paths.home() / "keys.json"
        self._rows = PrivateRows(self.path, Key, "Move it aside and make new keys; nobody is let in now.")

    def list(self) -> list[Key]:
        """All of them, the oldest first; one from the environment before them."""
        return [*_environment(), *self._rows.read()]

    def create(
        self,
        name: str,
        *,
        scopes: Iterable[str] = SCOPES,
        days: float | None = None,
        a_minute: int = 0,
        at_once: int = 0,
    ) -> tuple[Key, str]:
        """(the key, its secret, which is nowhere else). Raises BadSettings with every mistake."""
        chosen = tuple(dict.fromkeys(scopes))
        problems = [
            f"there is no scope {each!r}; there are {', '.join(SCOPES)}" for each in chosen if each not in SCOPES
        ]
        if not name.strip() or len(name) > _MOST_NAME:
            problems.append(f"a name has 1 to {_MOST_NAME} characters")
        if days is not None and not 0 < days < 36_500:
            problems.append(f"days must lie between 0 and 36500, not {days}")
        problems += [f"{what} must be 0 or more" for what, n in (("a_minute", a_minute), ("at_once", at_once)) if n < 0]
        if problems or not chosen:
            raise BadSettings(f"No such key: {'; '.join(problems) or 'it may do nothing'}.")
        secret = PREFIX + secrets.token_urlsafe(32)
        now = datetime.now(UTC)
        ends = (now + timedelta(days=days)).isoformat(timespec="seconds") if days is not None else None
        key = Key(
            secrets.token_hex(4), name.strip(), _digest(secret), chosen, now.isoformat(timespec="seconds"), ends,
            a_minute, at_once,
        )  # fmt: skip
        with self._rows.lock():
            self._rows.write([*self._rows.read(), key])
        return key, secret

    def revoke(self, id: str) -> Key:
        """Make a key worthless, at once and for good. Raises BadSettings where there is none of that id or name."""
        with self._rows.lock():
            kept = self._rows.read()
            hits = [key for key in kept if id in (key.id, key.name) and not key.revoked]
            if len(hits) != 1:
                told = "There is no valid key" if not hits else "There are several keys"
                raise BadSettings(f"{told} {id!r}.", hint="`parley keys list` shows their ids.")
            gone = replace(hits[0], revoked=True)
            self._rows.write([gone if key is hits[0] else key for key in kept])
        return gone

    def find(self, secret: str) -> Key | None:
        """The valid key of that secret. A key that was made or revoked meanwhile counts at once."""
        digest = _digest(secret)  # of the hash, so that time tells nothing of the secret
        return next((key for key in self.list() if key.digest == digest and key.state == "valid"), None)


def _environment() -> list[Key]:
    secret = os.environ.get(ENVIRONMENT, "")
    if secret and len(secret) < _SHORTEST:
        raise BadSettings(
            f"{ENVIRONMENT} has fewer than {_SHORTEST} characters.", hint="`openssl rand -hex 32` makes one."
        )
    return [Key("environment", ENVIRONMENT, _digest(secret), SCOPES, "")] if secret else []


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()
