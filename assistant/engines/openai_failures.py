"""What the `openai` client raises, said in our words."""

from __future__ import annotations

import re

import openai

from assistant.engines.remote import Remote
from assistant.errors import EngineFailed, ModelNotAvailable, ParleyError, TextTooLong

TOO_LONG = re.compile(
    r"context.?(length|size|window)|maximum context|too many (input )?tokens|(input|prompt).{0,20}too long", re.I
)
"""Servers have no common code for it: OpenAI and vLLM, llama.cpp, TGI, Ollama."""
OPTIONAL = (
    *("top_k", "min_p", "repetition_penalty", "repeat_penalty", "seed", "top_p", "temperature"),
    *("logprobs", "top_logprobs", "max_tokens", "stream_options"),
)
"""Settings that a reply can do without where a server knows them not."""


def failure(error: BaseException, remote: Remote) -> ParleyError:
    """Why a request to `remote` failed. The caller raises it `from error`."""
    model, url, said = remote.model, remote.url, _said(error)
    if isinstance(error, ParleyError):
        return error
    if isinstance(error, openai.APITimeoutError):
        return EngineFailed(
            f"The server at {url} did not answer in time.", hint="It may still be loading the model: try again."
        )
    if isinstance(error, openai.APIConnectionError):
        return EngineFailed(f"No server answers at {url}.", hint="Is it running, and is the address right?")
    if isinstance(error, (openai.AuthenticationError, openai.PermissionDeniedError)):
        return EngineFailed(
            f"The server at {url} refuses the key: {said}", hint="Set PARLEY_OPENAI_KEY to one that it accepts."
        )
    if isinstance(error, openai.NotFoundError):
        return ModelNotAvailable(
            f"The server at {url} does not have {model}: {said}",
            hint="Check the model's name, and that the address ends in /v1.",
        )
    if isinstance(error, openai.RateLimitError):
        return EngineFailed(f"The server at {url} takes no more requests now: {said}", hint="Try again in a moment.")
    if isinstance(error, openai.APIError) and (_code(error) == "context_length_exceeded" or TOO_LONG.search(said)):
        return TextTooLong(f"The text is too long for {model}: {said}", hint="Shorten it, or begin a new conversation.")
    if isinstance(error, openai.APIStatusError):
        return EngineFailed(f"The server at {url} refused ({error.status_code}): {said}")
    if isinstance(error, (openai.APIResponseValidationError, ValueError)):
        return EngineFailed(
            f"What the server at {url} answers is not OpenAI's protocol.", hint="The address usually ends in /v1."
        )
    return EngineFailed(f"The server at {url} failed: {said}", hint="Try again.")


def unknown_settings(error: openai.APIStatusError) -> frozenset[str]:
    """Optional settings that a refusal names as unknown; none where it is about their size."""
    said = _said(error)
    if TOO_LONG.search(said):
        return frozenset()
    return frozenset(name for name in OPTIONAL if re.search(rf"\b{name}\b", said))


def _said(error: BaseException) -> str:
    """The server's own sentence, short."""
    body = getattr(error, "body", None)
    text = body.get("message") if isinstance(body, dict) else None  # pyright: ignore[reportUnknownVariableType]
    return " ".join(str(text or error or type(error).__name__).split())[:300]


def _code(error: openai.APIError) -> str | None:
    return error.code if isinstance(error.code, str) else None
