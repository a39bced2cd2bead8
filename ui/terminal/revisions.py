"""The slash commands that judge or change what was said: votes, corrections, other versions and steps between them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from assistant.errors import BadSettings, UserError
from ui.terminal.start import load

if TYPE_CHECKING:
    from assistant.conversation import StoredMessage
    from ui.terminal.interactive import Chat

PREVIEW_CHARACTERS = 60


def regenerate(chat: Chat, _: str) -> None:
    """Answer the last question once more, in a branch beside the old reply."""
    last = chat.session.last("assistant")
    load(chat.session, ask=True)
    chat.show([chat.session.assistant.regenerate(last.id, settings=chat.session.settings)])


def edit(chat: Chat, _: str) -> None:
    """Let the person ask the last question in other words, in a branch beside it."""
    last = chat.session.last("user")
    text = _changed(chat, last.content)
    if text is not None:
        load(chat.session, ask=True)
        chat.show(chat.session.assistant.edit(last.id, text, settings=chat.session.settings))


def correct(chat: Chat, _: str) -> None:
    """Let the person write what the last reply should have been."""
    last = chat.session.last("assistant")
    text = _changed(chat, last.correction or last.content)
    if text is not None:
        chat.session.assistant.store.correct(last.id, text)
        chat.say("Kept: the conversation goes on from your words, and `parley data export` gives them to training.")


def _changed(chat: Chat, text: str) -> str | None:
    """`text` as the person changes it; None when they leave it as it is, empty it or press Ctrl-C."""
    try:
        changed = chat.read(default=text).strip()
    except (KeyboardInterrupt, EOFError):
        changed = ""
    if changed in ("", text.strip()):
        chat.say("Left as it was.")
        return None
    return changed


def branches(chat: Chat, words: str) -> None:
    """Show every version of what the branch holds, or step to one of them."""
    conversation = chat.session.conversation()
    on_path = [message.id for message in conversation.path()]
    versions = [
        other for shown in on_path if len(conversation.siblings(shown)) > 1 for other in conversation.siblings(shown)
    ]
    if words:
        if not words.isdigit() or not 1 <= int(words) <= len(versions):
            raise UserError(f"There is no version {words}.", hint="/branches shows them with their numbers.")
        target = conversation.leaf_under(versions[int(words) - 1])
        chat.session.assistant.store.set_head(conversation.id, target)
        chat.show_end()
        return
    chat.table(
        (f"{'*' if version in on_path else ' '}{number:>3}", *_preview(conversation.messages[version]))
        for number, version in enumerate(versions, start=1)
    )
    chat.say("/branches N steps to one." if versions else "There is one branch: /edit or /regenerate makes another.")


def _preview(message: StoredMessage) -> tuple[str, str]:
    text = " ".join((message.correction or message.content).split())
    shown = f"{text[:PREVIEW_CHARACTERS]}{'…' if len(text) > PREVIEW_CHARACTERS else ''}"
    return "question" if message.role == "user" else "reply", shown


def vote(chat: Chat, words: str) -> None:
    """Like or dislike the last reply."""
    votes: dict[str, Literal[-1, 0, 1]] = {"+": 1, "-": -1, "0": 0}
    if words not in votes:
        raise BadSettings("A vote is + or -, and 0 takes it back.")
    chat.session.assistant.store.vote(chat.session.last("assistant").id, votes[words])
    chat.say("Kept." if words != "0" else "Taken back.")
