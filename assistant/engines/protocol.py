"""What an engine is: something that runs one loaded model and says what it can do.

Callers ask for a capability (`engine.require(Capability.SCORE)`) and never look at which engine they hold. Streaming is
the primitive: a full reply is the join of its deltas.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from assistant.engines.forms import FinishReason, Form, ToolCall, ToolCallPart
from assistant.errors import CapabilityMissing, EngineFailed

if TYPE_CHECKING:
    import numpy as np

Role = Literal["system", "user", "assistant", "tool"]


class Capability(StrEnum):
    """What an engine can be asked to do."""

    GENERATE = "generate"
    SCORE = "score"
    EMBED = "embed"
    CLASSIFY = "classify"
    TEXT2TEXT = "text2text"
    ANSWER = "answer"
    SCHEMA = "schema"
    TOOLS = "tools"


@dataclass(frozen=True)
class Message:
    """One turn of a conversation, as the chat template sees it."""

    role: Role
    content: str
    tool_calls: tuple[ToolCall, ...] = ()
    """Of the assistant: what it wanted called."""
    tool_call_id: str = ""
    """Of a tool's answer: which call it answers."""

    def fields(self) -> dict[str, Any]:
        """As a request of OpenAI's protocol has it."""
        found: dict[str, Any] = {"role": self.role, "content": self.content}
        if self.tool_calls:
            found["tool_calls"] = [
                {"id": c.id, "type": "function", "function": {"name": c.name, "arguments": c.arguments}}
                for c in self.tool_calls
            ]
        return found | ({"tool_call_id": self.tool_call_id} if self.tool_call_id else {})


Prompt = Sequence[Message] | str
"""A conversation to be answered, or a text to be gone on with as it stands: no template is applied."""


@dataclass(frozen=True)
class TokenProbability:
    """A generated token and how probable the model held it (natural logarithm), with the runners-up, best first."""

    text: str
    logprob: float
    alternatives: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Usage:
    """What a reply cost. Seconds count from the request; loading the model is not in them."""

    prompt_tokens: int
    completion_tokens: int
    seconds: float
    time_to_first_token: float
    finish: FinishReason
    cached_tokens: int = 0

    @property
    def tokens_per_second(self) -> float:
        """Decoding speed: tokens after the first over the time after the first; 0 where there is only one."""
        decoding = self.seconds - self.time_to_first_token
        return (self.completion_tokens - 1) / decoding if self.completion_tokens > 1 and decoding > 0 else 0.0


@dataclass(frozen=True)
class Delta:
    """A piece of a reply. `text` may hold several tokens or none (a reply's last delta, progress on the prompt)."""

    text: str
    tokens: int = 0
    probabilities: tuple[TokenProbability, ...] = ()
    prompt_progress: float | None = None
    """Share of the prompt read so far, while no token has come yet."""
    tool_calls: tuple[ToolCallPart, ...] = ()
    usage: Usage | None = None
    """Set on the last delta, and only there."""


@dataclass(frozen=True)
class ScoreRequest:
    """Ask for the log-likelihood of `continuation` after `context`; both are raw text, no template is applied."""

    context: str
    continuation: str


@dataclass(frozen=True)
class Score:
    """Log-likelihood of a continuation (natural logarithm, summed), of each of its tokens, and whether greedy decoding
    would have produced it."""

    logprob: float
    token_logprobs: tuple[float, ...]
    greedy: bool


@dataclass(frozen=True)
class Span:
    """An answer as it stands in a passage: characters from `start` to `end`. score: log-odds against "no answer"."""

    passage: int
    start: int
    end: int
    score: float


@dataclass(frozen=True)
class Rewriting:
    """What a sequence-to-sequence model is to make of each text."""

    task: Literal["translate", "summarize", ""] = ""
    """ "": what the text itself asks for."""
    source: str | None = None
    """Of a translation: the languages, ISO 639-1."""
    target: str | None = None
    max_tokens: int | None = None
    """Of an answer; None allows twice its text's length."""
    beams: int | None = None
    """1 is greedy; None is what the model's own settings say."""


def _setting(default: Any, help: str) -> Any:
    """A dataclass field with the text that explains it."""
    return field(default=default, metadata={"help": help})


@dataclass(frozen=True)
class Sampling:
    """How the next token is drawn. `temperature=0` is greedy; a `seed` makes a reply repeatable on one machine.

    Each field's `help` metadata is the text that every face shows beside it.
    """

    temperature: float = _setting(0.7, "How freely words are chosen: 0 always takes the likeliest, above 1 wanders.")
    top_p: float = _setting(0.95, "Choose among the likeliest tokens that together reach this probability; 1 is off.")
    top_k: int = _setting(40, "Choose among this many likeliest tokens; 0 is off.")
    min_p: float = _setting(0.05, "Leave out tokens less probable than this share of the likeliest one's; 0 is off.")
    repeat_penalty: float = _setting(1.0, "Make tokens that were already used less likely; 1 is off.")
    max_tokens: int = _setting(1024, "Longest reply, in tokens.")
    seed: int | None = _setting(None, "Same seed, same prompt, same machine: same reply.")
    stop: tuple[str, ...] = _setting((), "End the reply before this text.")

    def problems(self) -> list[str]:
        """Every value that is out of range, as sentences; empty when all is well."""
        checks = [
            (0 <= self.temperature <= 5, f"temperature must be between 0 and 5, not {self.temperature}"),
            (0 < self.top_p <= 1, f"top_p must be above 0 and at most 1, not {self.top_p}"),
            (self.top_k >= 0, f"top_k must be 0 (off) or more, not {self.top_k}"),
            (0 <= self.min_p <= 1, f"min_p must be between 0 and 1, not {self.min_p}"),
            (0 < self.repeat_penalty <= 5, f"repeat_penalty must be above 0 and at most 5, not {self.repeat_penalty}"),
            (self.max_tokens >= 1, f"max_tokens must be at least 1, not {self.max_tokens}"),
            (self.seed is None or 0 <= self.seed < 2**32, f"seed must be between 0 and 2^32 - 1, not {self.seed}"),
        ]
        return [sentence for holds, sentence in checks if not holds]


class Engine:
    """One loaded model in one runtime. Every method may be called from several threads at once.

    A subclass declares `capabilities` and implements the methods of those that it names; the others raise
    `CapabilityMissing`. It maps every exception of its runtime to ours, `from error`.
    """

    name: str
    """The runtime: "llamacpp", "transformers", "openai", "fake"."""
    model: str
    """What the model was asked for by: catalogue key, Hub id, folder or file."""
    capabilities: frozenset[Capability]
    context_length: int
    """Tokens, prompt and reply together."""
    template_hash: str = ""
    """First 12 hex digits of the sha256 of the chat template's text; "" where there is none."""
    labels: tuple[str, ...] = ()
    """What a classifier sorts under."""
    notes: tuple[str, ...] = ()
    """What a person should know of how this model is being run (device, dtype, offload), a sentence each."""

    @property
    def alive(self) -> bool:
        """Whether the engine can still answer; one that cannot is loaded anew for the next request."""
        return True

    def carries(self, adapter: Path) -> bool:
        """Whether `with_adapter` has this file, as it is now, to put on the model."""
        return False

    def with_adapter(self, adapter: Path, model: str) -> Engine:
        """The same loaded weights with a LoRA adapter on them: switching costs no loading. model: what that is called.

        Raises EngineFailed where the engine does not carry the adapter.
        """
        raise EngineFailed(f"{self.model} on the {self.name} engine has no adapters beside it.", hint="Try again.")

    def require(self, capability: Capability) -> None:
        """Raise `CapabilityMissing` unless the engine declares `capability`."""
        if capability not in self.capabilities:
            able = ", ".join(sorted(self.capabilities)) or "nothing"
            raise CapabilityMissing(
                f"{self.model} on the {self.name} engine cannot {capability}: it offers {able}.",
                hint="Choose another engine with --engine, or another model.",
            )

    def generate(
        self,
        messages: Prompt,
        sampling: Sampling,
        *,
        probabilities: int = 0,
        cancel: threading.Event | None = None,
        form: Form | None = None,
    ) -> Iterator[Delta]:
        """Stream a reply; the last delta, and only it, carries `usage`.

        probabilities: how many of the most probable tokens to report at each position; 0 reports none and is fastest.
        cancel: when set, the reply ends at the next token with `finish="cancelled"`; closing the iterator does too.
        form: what the reply has to be, where the engine declares SCHEMA or TOOLS.

        Raises TextTooLong where the prompt does not fit, EngineFailed where the runtime fails.
        """
        self.require(Capability.GENERATE)
        raise AssertionError(f"{type(self).__name__} declares generate and does not implement it")

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Tokens of the templated prompt, generation prompt included; of a model without a template, of the texts."""
        self.require(Capability.GENERATE)
        raise AssertionError(f"{type(self).__name__} declares generate and does not implement count_tokens")

    def score(self, requests: Sequence[ScoreRequest]) -> list[Score]:
        """Log-likelihood of each continuation, in the order of the requests, whatever the batching."""
        self.require(Capability.SCORE)
        raise AssertionError(f"{type(self).__name__} declares score and does not implement it")

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Unit-length embeddings, (text, dimension) float32."""
        self.require(Capability.EMBED)
        raise AssertionError(f"{type(self).__name__} declares embed and does not implement it")

    def embed_counted(
        self, texts: Sequence[str], *, cancel: threading.Event | None = None
    ) -> tuple[np.ndarray, list[int]]:
        """(embeddings as above, the tokens that were read of each text).

        Raises TextTooLong for a text that would keep others waiting, Cancelled once `cancel` is set.
        """
        return self.embed(texts), [self.count_tokens([Message("user", text)]) for text in texts]

    def classify(self, texts: Sequence[str]) -> list[dict[str, float]]:
        """Probability of each label for each text."""
        self.require(Capability.CLASSIFY)
        raise AssertionError(f"{type(self).__name__} declares classify and does not implement it")

    def text2text(self, texts: Sequence[str], asked: Rewriting, *, cancel: threading.Event | None = None) -> list[str]:
        """What the model makes of each text. Once `cancel` is set, the rest is cut off or "".

        Raises CapabilityMissing for a task or a language that it was not made for, TextTooLong for a text beyond its
        context, BadDocument for one without words.
        """
        self.require(Capability.TEXT2TEXT)
        raise AssertionError(f"{type(self).__name__} declares text2text and does not implement it")

    def answer(self, question: str, passages: Sequence[str]) -> Span | None:
        """Where the passages answer the question; None where they do not.

        Raises TextTooLong for a question that leaves no room for a passage.
        """
        self.require(Capability.ANSWER)
        raise AssertionError(f"{type(self).__name__} declares answer and does not implement it")

    def close(self) -> None:
        """Free the model's memory. Calling it twice is harmless."""
