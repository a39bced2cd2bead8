"""Accounts: passwords are hashes, mistakes are told together, a damaged file lets nobody in."""

from __future__ import annotations

import hashlib
import json
import stat
from base64 import b64decode, b64encode

import pytest

from assistant import paths
from assistant.errors import BadSettings, StoreFailed
from ui.accounts import Accounts, session_secret

GOOD = "correct horse"


def test_only_the_right_password_fits() -> None:
    people = Accounts()
    ada = people.add("ada", GOOD, "admin")
    assert people.check("ada", GOOD) == ada and people.check(" Ada", GOOD) == ada
    for name, password in (
        ("ada", "correct hors"),
        ("ada", ""),
        ("bob", GOOD),
        ("", ""),
        ("", GOOD),
        ("ada", "\ud800"),
    ):
        assert people.check(name, password) is None


def test_the_file_has_hashes_and_is_private() -> None:
    people = Accounts()
    one, other = people.add("ada", GOOD), people.add("bob", GOOD)
    text = people.path.read_text()
    assert GOOD not in text and one.digest != other.digest
    assert stat.S_IMODE(people.path.stat().st_mode) == 0o600
    kept = json.loads(text)[0]
    raw = hashlib.scrypt(GOOD.encode(), salt=b64decode(kept["salt"]), n=16384, r=8, p=5)  # what it says it is
    assert b64encode(raw).decode() == kept["digest"]


def test_a_new_password_ends_the_sessions_of_the_old() -> None:
    people = Accounts()
    before = people.add("ada", GOOD).stamp
    people.set_password("ada", "another one")
    after = people.get("ada")
    assert after is not None and after.stamp != before and people.check("ada", GOOD) is None


@pytest.mark.parametrize(
    ("name", "password", "role"),
    [("", GOOD, "user"), ("../x", GOOD, "user"), ("a b", GOOD, "user"), ("x" * 33, GOOD, "user"), ("Ada", GOOD, "user"),
     ("ada", "short", "user"), ("ada", "a" * 20, "user"), ("ada", "ab" * 600, "user"), ("ada", GOOD, "king")],
)  # fmt: skip
def test_accounts_that_cannot_be(name: str, password: str, role: str) -> None:
    with pytest.raises(BadSettings):
        Accounts().add(name, password, role)  # type: ignore[arg-type]
    assert Accounts().list() == []


def test_names_are_there_once_and_go() -> None:
    people = Accounts()
    people.add("ada", GOOD)
    with pytest.raises(BadSettings, match="already"):
        people.add("ada", GOOD)
    people.remove("ada")
    left = paths.database_path("ada").parent
    left.mkdir(parents=True)
    with pytest.raises(BadSettings, match="conversations of a ada of before"):
        people.add("ada", GOOD)  # whoever is called so next does not find them
    for act in (lambda: people.remove("ada"), lambda: people.set_password("ada", GOOD)):
        with pytest.raises(BadSettings, match="no account"):
            act()


def test_a_damaged_file_lets_nobody_in() -> None:
    people = Accounts()
    people.add("ada", GOOD)
    people.path.write_text("[{}]")
    with pytest.raises(StoreFailed):
        people.check("ada", GOOD)
    with pytest.raises(StoreFailed):
        people.add("bob", GOOD)


def test_the_secret_of_sessions_stays_the_same() -> None:
    assert len(session_secret()) >= 48 and session_secret() == session_secret()
