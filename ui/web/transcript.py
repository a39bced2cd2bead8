"""A conversation as the page shows it: one piece of HTML a message, keyed, so that only what changed is drawn again."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any

from assistant.conversation import Conversation, StoredMessage
from assistant.replies import Reply
from ui.web import markdown
from ui.web.icons import icon

SHOWN_AT_ONCE = 60
"""Messages that are drawn when a conversation opens; earlier ones come on request."""
MARKS = {
    "stopped": "Stopped",
    "interrupted": "Interrupted: Parley ended while this was being written",
    "failed": "Failed",
}

TitleOf = Callable[[str], str]


def transcript(
    conversation: Conversation | None, live: list[Reply], *, title_of: TitleOf, tinted: bool, shown: int = SHOWN_AT_ONCE
) -> dict[str, Any]:
    """What transcript.js draws: `messages` with `id`, `row` (those of one row stand side by side) and `html`."""
    if conversation is None:
        return {"conversation": "", "messages": [], "live": [], "earlier": 0}
    rows = in_rows(conversation)
    drawn = rows[-shown:]
    branch = {message.id for message in conversation.path()}
    return {
        "conversation": conversation.id,
        "messages": [
            {
                "id": m.id,
                "row": row[0].id,
                "html": article(conversation, m, title_of, tinted=tinted, aside=m.id not in branch),
            }
            for row in drawn
            for m in row
        ],
        "live": [reply.id for reply in live],
        "earlier": len(rows) - len(drawn),
    }


def in_rows(conversation: Conversation) -> list[list[StoredMessage]]:
    """The active branch; two replies that answer one question beside each other share a row."""
    rows: list[list[StoredMessage]] = []
    for message in conversation.path():
        beside = [m for m in conversation.messages.values() if m.beside == message.id]
        if message.beside in conversation.messages:
            beside = [conversation.messages[message.beside]]
        pair = sorted([message, *beside], key=lambda m: m.beside is not None)
        rows.append(pair if beside else [message])
    return rows


def article(conversation: Conversation, message: StoredMessage, title_of: TitleOf, *, tinted: bool, aside: bool) -> str:
    """One message with its footer; `aside` where the conversation does not go on from it."""
    streaming = message.status == "streaming"
    who = "You" if message.role == "user" else html.escape(title_of(message.model or ""))
    mark = "" if message.status == "complete" or streaming else f'<p class="mark">{MARKS[message.status]}</p>'
    error = f'<p class="error" role="alert">{html.escape(message.error)}</p>' if message.error else ""
    kind = f"message {message.role}{' aside' if aside else ''}"
    return (
        f'<article class="{kind}" id="m-{message.id}" data-id="{message.id}" tabindex="-1">'
        f'<header><span class="who">{who}</span></header>{documents(message)}'
        f'<div class="body">{body(message, tinted=tinted)}</div>{mark}{error}{source(message)}'
        f"<footer>{'' if streaming else footer(conversation, message)}</footer></article>"
    )


def documents(message: StoredMessage) -> str:
    """The attached documents, each one line that opens to its text."""
    return "".join(
        f'<details class="document"><summary>📄 {html.escape(a.name)} · {len(a.text):,} characters</summary>'
        f"<pre>{html.escape(a.text[:4000])}{'…' if len(a.text) > 4000 else ''}</pre></details>"
        for a in message.attachments
    )


def body(message: StoredMessage, *, tinted: bool) -> str:
    """The text: tinted by probability where that is looked at and known, a correction before what it corrects."""
    if message.correction:
        original = (
            f'<details class="original"><summary>Original reply</summary>{markdown.render(message.content)}</details>'
        )
        return f'<p class="mark">Corrected by you</p>{markdown.render(message.correction)}{original}'
    if tinted and message.probabilities:
        return markdown.tint(message.probabilities)
    if message.role == "user":
        return f'<div class="plain">{html.escape(message.content)}</div>'
    return markdown.render(message.content)


def source(message: StoredMessage) -> str:
    """The raw text, for copying and editing."""
    return f"<template>{html.escape(message.correction or message.content)}</template>"


def footer(conversation: Conversation, message: StoredMessage) -> str:
    """Branches, what can be done with the message, and what it cost."""
    buttons = [stepper(conversation, message), button("copy", "Copy", "copy")]
    if message.role == "user":
        buttons.append(button("edit", "Edit and ask again", "edit"))
    else:
        buttons += [
            button("regenerate", "Write this reply again", "regenerate"),
            button("vote", "Good reply", "good", value=0 if message.vote == 1 else 1, pressed=message.vote == 1),
            button("vote", "Bad reply", "bad", value=0 if message.vote == -1 else -1, pressed=message.vote == -1),
            button("correct", "Correct this reply (kept for training)", "correct"),
        ]
        if message.beside or any(m.beside == message.id for m in conversation.messages.values()):
            buttons.append(button("continue", "Continue the conversation from this reply", "continue"))
    return f'<span class="buttons">{"".join(buttons)}</span>{cost(message)}'


def stepper(conversation: Conversation, message: StoredMessage) -> str:
    """‹ 2/3 › where the message has branches beside it."""
    siblings = conversation.siblings(message.id)
    if len(siblings) < 2:
        return ""
    at = siblings.index(message.id)
    before = button("branch", "Earlier version", "earlier", target=siblings[at - 1]) if at else ""
    after = button("branch", "Later version", "later", target=siblings[at + 1]) if at + 1 < len(siblings) else ""
    return f'<span class="stepper">{before}<span class="place">{at + 1}/{len(siblings)}</span>{after}</span>'


def button(kind: str, label: str, picture: str, *, pressed: bool | None = None, **data: object) -> str:
    """A small button that transcript.js turns into an `act` event."""
    extra = "".join(f' data-{name}="{html.escape(str(value))}"' for name, value in data.items())
    state = "" if pressed is None else f' aria-pressed="{str(pressed).lower()}"'
    return (
        f'<button type="button" data-act="{kind}" aria-label="{html.escape(label)}" title="{html.escape(label)}"'
        f"{extra}{state}>{icon(picture)}</button>"
    )


def cost(message: StoredMessage) -> str:
    """Tokens, speed and time to the first token of a reply; what had to be left out of the context."""
    if message.role == "user" or not message.usage:
        return ""
    usage = message.usage  # of an imported reply, whatever the file told
    parts = [
        f"{usage['completion_tokens']} tokens" if "completion_tokens" in usage else "",
        f"{usage['tokens_per_second']:.1f} tokens/s" if usage.get("tokens_per_second") else "",
        f"first after {usage['time_to_first_token']:.2f} s" if "time_to_first_token" in usage else "",
        f"{usage['left_out']} earlier messages no longer in context" if usage.get("left_out") else "",
        f"read the first {usage['documents_share']:.0%} of the documents"
        if usage.get("documents_share", 1) < 1
        else "",
        "cut at the longest length allowed" if usage.get("finish") == "length" else "",
    ]
    return f'<span class="cost">{" · ".join(part for part in parts if part)}</span>'
