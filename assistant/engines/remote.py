"""Names of models behind a URL.

`openai:NAME@URL`, for example `openai:qwen2.5:7b@http://127.0.0.1:11434/v1`: the `@` before http:// or https:// parts
the two, so NAME may hold any other character. `openai:NAME` alone takes the URL from `PARLEY_OPENAI_URL`. The key,
where the server wants one, is read from `PARLEY_OPENAI_KEY`, or for OpenAI itself `OPENAI_API_KEY`.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from assistant.errors import UnknownModel


@dataclass(frozen=True)
class Remote:
    """A model behind an OpenAI-compatible URL."""

    model: str
    url: str

    @property
    def key(self) -> str:
        """The name that leads here again."""
        return f"openai:{self.model}@{self.url}"

    @property
    def title(self) -> str:
        """The model's name for people."""
        return self.model


def remote(name: str) -> Remote | None:
    """The model behind a URL that `name` stands for; None where it is another kind of name.

    Raises UnknownModel where the URL is missing.
    """
    if not name.startswith("openai:"):
        return None
    match = re.fullmatch(r"openai:(?P<model>.+?)(?:@(?P<url>https?://\S+))?", name)
    url = (match and match["url"]) or os.environ.get("PARLEY_OPENAI_URL", "")
    if not match or not url:
        hint = "Write openai:NAME@http://HOST:PORT/v1, or set PARLEY_OPENAI_URL."
        raise UnknownModel(f"{name} does not say which server to ask.", hint=hint)
    return Remote(match["model"], url.rstrip("/"))


def api_key(url: str) -> str | None:
    """The key to send to `url`; None where there is none for it.

    `PARLEY_OPENAI_KEY` goes to every server that a person names, `OPENAI_API_KEY` to OpenAI alone (or to where
    `OPENAI_BASE_URL` points): a key must not reach whoever runs some other server.
    """
    own = os.environ.get("PARLEY_OPENAI_KEY")
    theirs = {urlsplit(base).hostname for base in ("https://api.openai.com", os.environ.get("OPENAI_BASE_URL", ""))}
    if not own and urlsplit(url).hostname in theirs:
        return os.environ.get("OPENAI_API_KEY") or None
    return own or None
