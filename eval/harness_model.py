"""Parley's engines as a model of lm-evaluation-harness: what it asks goes to `Assistant`, a part at a time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from lm_eval.api.model import LM

from assistant.engines.protocol import Capability, Engine, Message, Prompt, Sampling, ScoreRequest
from eval.answers import Answers, key

SCORES_AT_A_TIME = 256
"""Likelihoods between two savings: some seconds' work."""
REPLIES_AT_ONCE = 8
CONVERSATION = "\x02conversation\x02"
"""Before a conversation that the harness is handed as a text."""
MOST_TOKENS = 256
"""Of a reply, where a task does not say."""


class ParleyModel(LM):
    """A model of Parley's for the harness's tasks.

    engine: gives the one that can do what is asked for, loaded. tell: hears how many answers are there, and of how
    many; what it raises ends the run, whose answers are kept.
    """

    def __init__(
        self, engine: Callable[[Capability], Engine], answers: Answers, tell: Callable[[int, int], None]
    ) -> None:
        super().__init__()
        self._engine, self._answers, self._tell = engine, answers, tell
        self.engines: dict[Capability, Engine] = {}
        """Those that have answered."""

    def engine(self, capability: Capability) -> Engine:
        """The engine for it, loaded when it is first needed. Raises what loading it raises."""
        if capability not in self.engines:
            self.engines[capability] = self._engine(capability)
        return self.engines[capability]

    def loglikelihood(self, requests: list[Any]) -> list[tuple[float, bool]]:
        asked = [(str(each.args[0]), str(each.args[1])) for each in requests]
        keys = [key("score", *each) for each in asked]
        missing = dict(zip(keys, asked, strict=True))
        missing = {name: pair for name, pair in missing.items() if name not in self._answers}
        for some in self._parts(list(missing.items()), len(set(keys)), SCORES_AT_A_TIME):
            scores = self.engine(Capability.SCORE).score([ScoreRequest(*pair) for _, pair in some])
            self._answers.add({name: [s.logprob, s.greedy] for (name, _), s in zip(some, scores, strict=True)})
        return [(self._answers[name][0], self._answers[name][1]) for name in keys]

    def loglikelihood_rolling(self, requests: list[Any]) -> list[float]:
        asked = [(str(each.args[0]), "") for each in requests]
        keys = [key("rolling", text) for text, _ in asked]
        missing = {name: text for name, (text, _) in zip(keys, asked, strict=True) if name not in self._answers}
        for (name, text), *_ in self._parts(list(missing.items()), len(set(keys)), 1):
            score = self.engine(Capability.SCORE).score([ScoreRequest("", text)])[0]
            self._answers.add({name: score.logprob})
        return [self._answers[name] for name in keys]

    def generate_until(self, requests: list[Any]) -> list[str]:
        asked = [(str(each.args[0]), dict(each.args[1])) for each in requests]
        keys = [key("generate", *each) for each in asked]
        missing = dict(zip(keys, asked, strict=True))
        missing = {name: pair for name, pair in missing.items() if name not in self._answers}
        with ThreadPoolExecutor(REPLIES_AT_ONCE) as pool:
            for some in self._parts(list(missing.items()), len(set(keys)), REPLIES_AT_ONCE):
                said = pool.map(self._reply, *zip(*(pair for _, pair in some), strict=True))
                self._answers.add(dict(zip((name for name, _ in some), said, strict=True)))
        return [self._answers[name] for name in keys]

    def apply_chat_template(self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True) -> str:
        """The conversation as a text that `generate_until` knows again: the engine applies its own template."""
        return CONVERSATION + json.dumps(chat_history)

    @property
    def tokenizer_name(self) -> str:
        return "parley"

    def chat_template(self, chat_template: bool | str = False) -> str | None:
        return self.engine(Capability.GENERATE).template_hash if chat_template else None

    def _reply(self, context: str, settings: dict[str, Any]) -> str:
        prompt: Prompt = context
        if context.startswith(CONVERSATION):
            turns: list[dict[str, str]] = json.loads(context.removeprefix(CONVERSATION))
            prompt = [Message(turn["role"], turn["content"]) for turn in turns]  # type: ignore[arg-type]
        until = settings.get("until") or []
        stop = tuple(until if isinstance(until, Sequence) and not isinstance(until, str) else [until])
        drawn = bool(settings.get("do_sample")) and settings.get("temperature", 1.0)
        most = int(settings.get("max_gen_toks", MOST_TOKENS))
        sampling = Sampling(temperature=drawn or 0.0, top_p=1.0, top_k=0, min_p=0.0, max_tokens=most, stop=stop)
        text = "".join(delta.text for delta in self.engine(Capability.GENERATE).generate(prompt, sampling))
        for end in stop:
            text = text.split(end)[0]
        return text

    def _parts(self, missing: list[Any], total: int, size: int) -> Iterator[list[Any]]:
        """What is missing, a part at a time; says before each how much is there."""
        for at in range(0, len(missing), size):
            self._tell(total - len(missing) + at, total)
            yield missing[at : at + size]
        self._tell(total, total)
