"""A conversation as Markdown: the branch being shown, to be read by people and taken in again.

Each turn begins with a comment that holds a boundary word. The word is chosen so that it stands in none of the texts:
whatever a text contains, it cannot pass for a turn.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, cast, get_args

from assistant.conversation import Attachment, Conversation, MessageStatus, StoredMessage
from assistant.engines.protocol import Role
from assistant.errors import BadDocument

VERSION = 1
HEADINGS = {"instructions": "Instructions", "system": "System", "user": "You", "assistant": "Assistant"}
"""What a reader sees over each kind of turn; `instructions` is the system prompt of the conversation."""

_FRONT = re.compile(r"\A---\n(.*?)\n---\n", re.DOTALL)
_BODY = re.compile(r"\n## [^\n]*\n\n(.*)\n\n", re.DOTALL)


def to_markdown(conversation: Conversation) -> str:
    """The branch being shown, as Markdown text."""
    branch = conversation.path()
    replies = [message for message in branch if message.role == "assistant"]
    system_prompt = next((_system_prompt(reply.settings) for reply in reversed(replies)), "")
    turns = list(_turns(branch, system_prompt or _system_prompt(conversation.settings)))
    models = [reply.model for reply in replies if reply.model]
    boundary = _boundary([conversation.title, *models, *(text for _, _, _, text in turns)])
    front = {
        "title": conversation.title,
        "date": conversation.created.isoformat(),
        "model": models[-1] if models else None,
        "parley": VERSION,
        "boundary": boundary,
    }
    lines = [f"{key}: {json.dumps(value)}" for key, value in front.items()]
    pieces = ["---\n", "\n".join(lines), "\n---\n\n", f"# {' '.join(conversation.title.split())}\n\n"]
    for kind, heading, attributes, text in turns:
        pieces.append(f"<!-- parley {boundary} {kind} {_inside_comment(attributes)} -->\n## {heading}\n\n{text}\n\n")
    return "".join([*pieces, f"<!-- parley {boundary} end -->\n"])


def _turns(branch: Sequence[StoredMessage], system_prompt: str) -> Iterator[tuple[str, str, dict[str, Any], str]]:
    """(kind, heading, attributes, text) of each section."""
    if system_prompt:
        yield "instructions", HEADINGS["instructions"], {}, system_prompt
    for message in branch:
        attributes = {"created": message.created.isoformat(), "model": message.model, "status": message.status}
        yield message.role, HEADINGS[message.role], {k: v for k, v in attributes.items() if v}, message.content
        for document in message.attachments:
            about = {"name": document.name, "media_type": document.media_type, "bytes": document.bytes}
            yield "attachment", f"Attached: {' '.join(document.name.split())}", about, document.text


def _system_prompt(settings: Mapping[str, Any]) -> str:
    return str(settings.get("system_prompt") or "")


def _boundary(texts: Sequence[str]) -> str:
    """A word that none of the texts holds; the same texts get the same word."""
    whole = "\0".join(texts)
    seed = hashlib.sha256(whole.encode("utf-8", "surrogatepass"))
    while (word := seed.hexdigest()[:8]) in whole:
        seed.update(b"again")
    return word


def _inside_comment(attributes: Mapping[str, Any]) -> str:
    """JSON on one line that cannot close an HTML comment."""
    return json.dumps(attributes).replace("--", "-\\u002d")


def from_markdown(text: str) -> Conversation:
    """The conversation in Markdown that `to_markdown` wrote. Raises BadDocument, naming the line."""
    if "\r\n" in text.partition("\n---")[0]:
        text = text.replace("\r\n", "\n")  # an editor or a transfer has changed all line ends
    front = _front_matter(text)
    marker = re.compile(
        rf"^<!-- parley {re.escape(str(front['boundary']))} (?:(\w+) (\{{.*\}})|end) -->$", re.MULTILINE
    )
    found = list(marker.finditer(text))
    if not found or found[-1][1]:
        raise BadDocument("The exported conversation ends too early: its last line is missing.")
    created = _moment(front.get("date"))
    settings: dict[str, Any] = {}
    messages: list[StoredMessage] = []
    for mark, following in pairwise(found):
        kind, attributes = mark[1], _attributes(text, mark)
        section = text[mark.end() : following.start()]
        exact = _BODY.fullmatch(section)  # else someone has edited it: be lenient about blank lines
        body = exact[1] if exact else re.sub(r"\A\s*## [^\n]*\n", "", section).strip("\n")
        if kind == "instructions":
            settings["system_prompt"] = body
        elif kind == "attachment" and messages:
            name, media_type, size = (attributes.get(key) for key in ("name", "media_type", "bytes"))
            document = Attachment(
                name if isinstance(name, str) else "document",
                media_type if isinstance(media_type, str) else "text/plain",
                body,
                size if isinstance(size, int) else len(body.encode()),
            )
            messages[-1] = replace(messages[-1], attachments=(*messages[-1].attachments, document))
        elif kind in get_args(Role):
            status, model = attributes.get("status"), attributes.get("model")
            message = StoredMessage(
                id=str(len(messages)),
                conversation_id="",
                parent_id=messages[-1].id if messages else None,
                role=cast(Role, kind),
                content=body,
                created=_moment(attributes.get("created"), created),
                status=cast(MessageStatus, status) if status in get_args(MessageStatus) else "complete",
                model=model if isinstance(model, str) else None,
            )
            messages.append(message)
        else:
            raise BadDocument(f"Line {_line(text, mark)} of the exported conversation begins no known kind of turn.")
    return Conversation(
        id="",
        title=str(front.get("title") or ""),
        settings=settings,
        head_id=messages[-1].id if messages else None,
        messages={message.id: message for message in messages},
        created=created,
        updated=messages[-1].created if messages else created,
    )


def _line(text: str, mark: re.Match[str]) -> int:
    return text.count("\n", 0, mark.start()) + 1


def _attributes(text: str, mark: re.Match[str]) -> dict[str, Any]:
    try:
        return json.loads(mark[2] or "{}")
    except ValueError as error:
        raise BadDocument(f"Line {_line(text, mark)} of the exported conversation cannot be read.") from error


def _front_matter(text: str) -> dict[str, Any]:
    """The values between the first two lines of three dashes, each JSON."""
    found = _FRONT.match(text)
    front: dict[str, Any] = {}
    for line in found[1].split("\n") if found else ():
        key, _, value = line.partition(": ")
        try:
            front[key] = json.loads(value)
        except ValueError:
            front[key] = value  # a value that someone has written by hand
    if "parley" not in front or "boundary" not in front:
        raise BadDocument(
            "This Markdown is not a conversation that Parley exported.",
            hint="Attach it to a question instead, to ask about it.",
        )
    if front["parley"] != VERSION:
        raise BadDocument(
            f"The conversation was exported by another Parley (version {front['parley']}, this one reads {VERSION}).",
            hint="Update Parley.",
        )
    return front


def _moment(text: object, otherwise: datetime | None = None) -> datetime:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return otherwise or datetime.now(UTC)
    return moment if moment.tzinfo else moment.astimezone()
