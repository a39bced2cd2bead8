"""Who may use the page when other machines can reach it: names, roles and hashed passwords, in a private file."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from filelock import FileLock

from assistant import paths
from assistant.errors import BadSettings
from assistant.whole_files import write_whole
from ui.private_rows import PrivateRows

Role = Literal["admin", "user"]
ROLES = get_args(Role)
SHORTEST = 8
"""Characters of a password."""
LONGEST = 1024
COST = 2**14
"""scrypt's N, with r = 8, p = 5: 16 MB and about a fifth of a second for each guess (OWASP's setting)."""
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}")


@dataclass(frozen=True)
class Account:
    """A person. admin: may also train, evaluate and change models; user: chats, and keeps conversations."""

    name: str
    role: Role
    salt: str
    digest: str

    @property
    def stamp(self) -> str:
        """What a session remembers of the password, so that a new one ends all sessions of the old."""
        return hashlib.sha256(self.digest.encode()).hexdigest()[:16]


_NOBODY = Account("", "user", base64.b64encode(b"\0" * 16).decode(), "")


class Accounts:
    """The accounts of this machine."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or paths.home() / "accounts.json"
        self._rows = PrivateRows(self.path, Account, "Move it aside and add people anew.")

    def list(self) -> list[Account]:
        """All of them, by name. Raises StoreFailed for a damaged file: nobody is let in then."""
        return self._rows.read()

    def get(self, name: str) -> Account | None:
        """The account of that name."""
        return next((each for each in self.list() if each.name == name), None)

    def check(self, name: str, password: str) -> Account | None:
        """The account, where name and password fit; takes as long for a name that there is not."""
        found = self.get(name.strip().lower()) or _NOBODY
        digest = _digest(password[:LONGEST], found.salt)
        return found if secrets.compare_digest(digest, found.digest) and found is not _NOBODY else None

    def add(self, name: str, password: str, role: Role = "user") -> Account:
        """A new account. Raises BadSettings with every mistake."""
        problems = [] if _NAME.fullmatch(name) else ["a name has up to 32 of a-z, 0-9, dot, dash and underscore"]
        problems += [] if role in ROLES else [f"a role is {' or '.join(ROLES)}, not {role}"]
        problems += _weak(password)
        if _NAME.fullmatch(name) and (kept := paths.database_path(name).parent).exists():
            problems.append(f"{kept} has the conversations of a {name} of before; move it away first")
        with self._rows.lock():
            people = self.list()
            problems += [f"there is a {name} already"] if any(each.name == name for each in people) else []
            if problems:
                raise BadSettings(f"No such account: {'; '.join(problems)}.")
            made = _with_password(Account(name, role, "", ""), password)
            self._rows.write(sorted([*people, made], key=lambda each: each.name))
        return made

    def set_password(self, name: str, password: str) -> None:
        """A new password, which ends every session of that person. Raises BadSettings."""
        if problems := _weak(password):
            raise BadSettings(f"Not this password: {'; '.join(problems)}.")
        with self._rows.lock():
            people = self.list()
            self._known(name, people)
            self._rows.write(_with_password(each, password) if each.name == name else each for each in people)

    def remove(self, name: str) -> None:
        """Let a person in no more; what they wrote stays. Raises BadSettings."""
        with self._rows.lock():
            people = self.list()
            self._known(name, people)
            self._rows.write(each for each in people if each.name != name)

    def _known(self, name: str, people: Iterable[Account]) -> None:
        if not any(each.name == name for each in people):
            raise BadSettings(
                f"There is no account {name!r}.", hint="`parley accounts list` shows those that there are."
            )


def session_secret() -> str:
    """What signs sessions: made once, so that they outlive a restart."""
    path = paths.home() / "session.secret"
    with FileLock(path.with_suffix(".lock"), mode=0o600):
        if not path.exists():
            write_whole(path, [secrets.token_urlsafe(48)], private=True)
        return path.read_text("utf-8")


def _with_password(account: Account, password: str) -> Account:
    salt = base64.b64encode(secrets.token_bytes(16)).decode()
    return replace(account, salt=salt, digest=_digest(password, salt))


def _digest(password: str, salt: str) -> str:
    raw = hashlib.scrypt(password.encode(errors="surrogatepass"), salt=base64.b64decode(salt), n=COST, r=8, p=5)
    return base64.b64encode(raw).decode()


def _weak(password: str) -> list[str]:
    if not SHORTEST <= len(password) <= LONGEST:
        return [f"a password has {SHORTEST} to {LONGEST:,} characters"]
    return ["a password has at least four different characters"] if len(set(password)) < 4 else []
