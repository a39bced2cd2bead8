"""The transformers engine on the embedded model's full weights."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.engines.protocol import Delta, Message, Sampling, ScoreRequest
from assistant.engines.transformers import TransformersEngine
from assistant.placement import Placement

pytestmark = pytest.mark.model

GREEDY = Sampling(temperature=0, max_tokens=12)
QUESTION = [Message("user", "What is the capital of France?")]


@pytest.fixture(scope="module")
def engine(smol_folder: Path) -> Iterator[TransformersEngine]:
    made = TransformersEngine(smol_folder, model="smollm2-135m-instruct")
    yield made
    made.close()


def read(deltas: Iterator[Delta]) -> str:
    return "".join(delta.text for delta in deltas)


def test_it_knows_the_capital_of_france(engine: TransformersEngine) -> None:
    assert read(engine.generate(QUESTION, GREEDY)).startswith("The capital of France is Paris.")


def test_a_reply_ends_by_itself(engine: TransformersEngine) -> None:
    *_, last = engine.generate([*QUESTION], Sampling(temperature=0, max_tokens=400))
    assert last.usage and last.usage.finish == "stop"


def test_offloaded_to_disk_it_says_the_same(engine: TransformersEngine, smol_folder: Path) -> None:
    """Accelerate's own placement: most of the weights stay on the disk and come in layer by layer."""
    placement = Placement("CPU + disk", "auto", {"cpu": 200_000_000}, offloads=True)
    small = TransformersEngine(smol_folder, placement=placement)
    places = list(small._thread.forward.model.hf_device_map.values())
    assert {"cpu", "disk"} == set(places) and places.count("disk") > 10
    assert read(small.generate(QUESTION, GREEDY)) == read(engine.generate(QUESTION, GREEDY))
    request = ScoreRequest("The capital of France is", " Paris")
    assert small.score([request])[0].logprob == pytest.approx(engine.score([request])[0].logprob, abs=1e-4)
    small.close()


def test_several_conversations_at_once_each_get_their_own_answer(engine: TransformersEngine) -> None:
    questions = [f"What is {n} plus {n}? Answer with a number." for n in range(1, 7)]
    alone = {question: read(engine.generate([Message("user", question)], GREEDY)) for question in questions}
    together: dict[str, str] = {}

    def converse(question: str) -> None:
        together[question] = read(engine.generate([Message("user", question)], GREEDY))

    threads = [threading.Thread(target=converse, args=(question,)) for question in questions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert together == alone


def test_scores_know_it_too(engine: TransformersEngine) -> None:
    cities = [" Paris", " London", " Berlin", " banana"]
    scores = engine.score([ScoreRequest("The capital of France is", city) for city in cities])
    assert max(zip(scores, cities, strict=True), key=lambda pair: pair[0].logprob)[1] == " Paris"
    assert scores[0].greedy and not scores[3].greedy
    alone = [engine.score([ScoreRequest("The capital of France is", city)])[0].logprob for city in cities]
    assert [score.logprob for score in scores] == pytest.approx(alone, abs=1e-4)


@pytest.mark.parametrize("quantisation", ["8bit", "4bit"])
def test_bitsandbytes_on_this_machine(quantisation: str, smol_folder: Path) -> None:
    pytest.importorskip("bitsandbytes")
    small = TransformersEngine(smol_folder, quantisation=quantisation)
    assert "Paris" in read(small.generate(QUESTION, Sampling(temperature=0, max_tokens=24)))
    small.close()
