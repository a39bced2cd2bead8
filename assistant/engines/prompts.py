"""Messages to the tokens of a prompt, by the tokeniser's own chat template."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jinja2

from assistant.engines.protocol import Message, Prompt

BASE_NOTE = "A base model without a chat template: it continues a plain 'User: … Assistant: …' text."
BASE_STOP = ("\nUser:",)


def prompt_tokens(tokenizer: Any, messages: Prompt) -> list[int]:
    """Tokens of the prompt, up to where the reply begins; of a text as it stands.

    A template that knows no system prompt (Gemma's) gets it in front of the first question. Raises
    jinja2.TemplateError where the template refuses the messages otherwise.
    """
    if isinstance(messages, str) or not tokenizer.chat_template:
        return list(tokenizer(messages if isinstance(messages, str) else base_text(messages))["input_ids"])
    try:
        return _templated(tokenizer, messages)
    except jinja2.TemplateError:
        if not messages or messages[0].role != "system" or len(messages) < 2:
            raise
        system, question, *rest = messages
        merged = Message(question.role, f"{system.content}\n\n{question.content}")
        return _templated(tokenizer, [merged, *rest])


def base_text(messages: Sequence[Message]) -> str:
    """A conversation as a base model can continue it."""
    names = {"user": "User: ", "assistant": "Assistant: ", "system": ""}
    return "\n".join([*(f"{names[m.role]}{m.content}" for m in messages), "Assistant:"])


def _templated(tokenizer: Any, messages: Sequence[Message]) -> list[int]:
    rows = [{"role": message.role, "content": message.content} for message in messages]
    encoded = tokenizer.apply_chat_template(rows, add_generation_prompt=True, tokenize=True, return_dict=True)
    return list(encoded["input_ids"])
