"""llama.cpp on the real embedded model, and on files that are no models."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from assistant import placement, sources
from assistant.catalogue import Catalogue
from assistant.engines.fake import FakeEngine
from assistant.engines.llamacpp import LlamaCppEngine
from assistant.engines.llamacpp_client import mapped_error, thread_environment
from assistant.engines.protocol import Capability, Engine, Message, Sampling, ScoreRequest
from assistant.errors import BadSettings, CapabilityMissing, EngineFailed, TextTooLong
from tests.assistant.embedded import smol_adapter

QUESTION = [Message("system", "You are a helpful assistant."), Message("user", "What is the capital of France?")]
STORY = [Message("user", "Write a very long story about the sea.")]
GREEDY = Sampling(temperature=0, max_tokens=48)


@pytest.fixture(scope="module")
def path() -> Path:
    found = sources.locate(Catalogue.load()["smollm2-135m-instruct"])
    if found is None:
        pytest.skip("the embedded model is not here: `parley models pull smollm2-135m-instruct`")
    return found


@pytest.fixture(scope="module")
def engine(path: Path) -> Iterator[LlamaCppEngine]:
    loaded = LlamaCppEngine(path, model="small", context_length=1024, slots=4)
    yield loaded
    loaded.close()


@pytest.mark.model
def test_a_reply_streams_and_adds_up(engine: LlamaCppEngine) -> None:
    *deltas, last = engine.generate(QUESTION, GREEDY)
    assert "Paris" in "".join(delta.text for delta in deltas)
    assert len([delta for delta in deltas if delta.text]) > 3
    assert all(delta.usage is None for delta in deltas)
    assert last.usage is not None
    assert last.usage.finish == "stop"
    assert last.usage.prompt_tokens == engine.count_tokens(QUESTION)
    assert 0 < last.usage.time_to_first_token < last.usage.seconds
    assert len(engine.template_hash) == 12


@pytest.mark.model
def test_the_longest_length_is_kept(engine: LlamaCppEngine) -> None:
    *_, last = engine.generate(STORY, Sampling(temperature=0, max_tokens=10))
    assert last.usage is not None
    assert (last.usage.finish, last.usage.completion_tokens) == ("length", 10)


@pytest.mark.model
def test_a_seed_makes_a_reply_repeatable(engine: LlamaCppEngine) -> None:
    sampling = Sampling(temperature=1.0, max_tokens=24, seed=7)
    first, second = ("".join(d.text for d in engine.generate(STORY, sampling)) for _ in range(2))
    assert first == second


@pytest.mark.model
def test_probabilities_only_when_somebody_looks(engine: LlamaCppEngine) -> None:
    plain = list(engine.generate(QUESTION, GREEDY))
    assert not any(delta.probabilities for delta in plain)
    looked = [token for delta in engine.generate(QUESTION, GREEDY, probabilities=3) for token in delta.probabilities]
    assert "".join(token.text for token in looked).startswith("".join(d.text for d in plain)[:20])
    for token in looked:
        assert token.logprob <= 0
        assert len(token.alternatives) == 3
        assert token.logprob == max(logprob for _, logprob in token.alternatives)  # greedy takes the likeliest


@pytest.mark.model
def test_cancelling_ends_a_reply_at_once_and_frees_its_slot(engine: LlamaCppEngine) -> None:
    cancel = threading.Event()
    tokens = 0
    for delta in engine.generate(STORY, Sampling(max_tokens=900), cancel=cancel):
        tokens += delta.tokens
        if tokens == 5:
            cancel.set()
        last = delta
    assert last.usage is not None and last.usage.finish == "cancelled"
    assert tokens < 60
    for _ in range(6):  # more than there are slots: a reply that is walked away from frees its own
        walked_away = engine.generate(STORY, Sampling(max_tokens=900))
        next(walked_away)
        walked_away.close()  # type: ignore[attr-defined]
    start = time.monotonic()
    list(engine.generate(QUESTION, GREEDY))
    assert time.monotonic() - start < 20


@pytest.mark.model
def test_several_conversations_at_once_get_their_own_answers(engine: LlamaCppEngine) -> None:
    answers: dict[str, str] = {}

    def ask(word: str) -> None:
        messages = [Message("user", f"Repeat this word: {word}")]
        answers[word] = "".join(d.text for d in engine.generate(messages, Sampling(temperature=0, max_tokens=16)))

    threads = [threading.Thread(target=ask, args=(word,)) for word in ("banana", "river", "candle")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(word in answer.lower() for word, answer in answers.items())


@pytest.mark.model
def test_a_text_that_does_not_fit_is_told_with_its_length(engine: LlamaCppEngine) -> None:
    with pytest.raises(TextTooLong, match="1024"):
        list(engine.generate([Message("user", "word " * 3000)], GREEDY))
    assert "Paris" in "".join(delta.text for delta in engine.generate(QUESTION, GREEDY))


@pytest.mark.model
def test_it_declares_what_it_cannot_do(engine: LlamaCppEngine) -> None:
    assert engine.capabilities == {Capability.GENERATE, Capability.SCHEMA, Capability.TOOLS}
    with pytest.raises(CapabilityMissing, match="cannot score"):
        engine.score([ScoreRequest("a", "b")])


@pytest.mark.model
def test_a_server_that_dies_is_noticed(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    engine = LlamaCppEngine(path, context_length=512, slots=1)
    reply = engine.generate(STORY, Sampling(max_tokens=400))
    next(reply)
    os.kill(engine._server._process.pid, signal.SIGKILL)
    with pytest.raises(EngineFailed, match=r"broke off|no longer answers"):
        list(reply)
    assert not engine.alive  # known as soon as it is told: the next request is not given a dead engine
    until = time.monotonic() + 5
    while "has ended by itself" not in caplog.text and time.monotonic() < until:
        time.sleep(0.01)
    assert f"{path.name} has ended by itself, with code -9" in caplog.text
    with pytest.raises(EngineFailed):
        engine.count_tokens(QUESTION)
    engine.close()


@pytest.mark.model
def test_the_server_ends_with_its_parent_even_when_that_is_killed(path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from assistant.engines.llamacpp import LlamaCppEngine; "
        f"e = LlamaCppEngine(Path({str(path)!r}), context_length=512, slots=1); "
        "print(e._server._process.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    server = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and psutil.pid_exists(server):
        time.sleep(0.05)
    assert not psutil.pid_exists(server) or psutil.Process(server).status() == psutil.STATUS_ZOMBIE


@pytest.mark.parametrize("content", [b"", b"GGUF" + bytes(1000), b"<html>not a model</html>"])
def test_a_file_that_is_no_model_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "bad.gguf"
    file.write_bytes(content)
    with pytest.raises(EngineFailed, match=r"cannot load bad\.gguf"):
        LlamaCppEngine(file)


def test_a_file_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(EngineFailed, match="no model file"):
        LlamaCppEngine(tmp_path / "gone.gguf")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ({"type": "exceed_context_size_error", "n_prompt_tokens": 9, "n_ctx": 8}, TextTooLong),
        ({"type": "invalid_request_error", "message": "bad"}, BadSettings),
        ({"type": "server_error", "message": "boom"}, EngineFailed),
        ({}, EngineFailed),
    ],
)
def test_every_error_of_the_server_is_mapped(error: dict[str, object], expected: type[Exception]) -> None:
    assert type(mapped_error(error)) is expected


@pytest.mark.parametrize(
    ("threads", "cores", "quota", "bound"),
    [(2, 2, False, True), (None, 8, False, True), (4, 8, False, False), (2, 2, True, False)],
)
def test_threads_are_bound_to_cores_only_where_they_use_them_all(
    threads: int | None, cores: int, quota: bool, bound: bool
) -> None:
    environment = thread_environment(threads, cores, quota=quota)
    assert ("OMP_PROC_BIND" in environment) == bound
    assert ("GOMP_SPINCOUNT" in environment) != bound


@pytest.mark.model
def test_a_text_goes_on_as_it_stands(engine: LlamaCppEngine) -> None:
    *deltas, last = engine.generate("The capital of France is", Sampling(temperature=0, max_tokens=4))
    assert "".join(delta.text for delta in deltas).startswith(" Paris")
    assert last.usage is not None
    assert (last.usage.prompt_tokens, last.usage.completion_tokens, last.usage.finish) == (5, 4, "length")


@pytest.mark.model
def test_one_that_waits_for_a_slot_can_be_taken_back(path: Path) -> None:
    engine = LlamaCppEngine(path, context_length=512, slots=1)
    first, cancel = engine.generate(STORY, Sampling(max_tokens=400)), threading.Event()
    next(first)
    threading.Timer(0.3, cancel.set).start()
    (last,) = engine.generate(QUESTION, GREEDY, cancel=cancel)
    assert last.usage is not None and last.usage.finish == "cancelled"
    first.close()  # type: ignore[attr-defined]
    engine.close()


@pytest.mark.model
def test_a_server_ends_when_nobody_holds_its_engine_any_more(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    engine = LlamaCppEngine(path, context_length=512, slots=1)
    process = engine._server._process
    reply = engine.generate(STORY, Sampling(max_tokens=20))
    next(reply)
    start = time.monotonic()
    del engine
    assert time.monotonic() - start < 0.1
    said = [(delta, process.poll()) for delta in reply]
    assert said[-1][0].usage is not None
    assert {ended for _, ended in said} == {None}, "who streams still holds it"
    del reply
    process.wait(10)
    time.sleep(0.1)
    assert "by itself" not in caplog.text


@pytest.mark.model
def test_what_it_needs_is_what_its_process_takes(path: Path) -> None:
    entry = Catalogue.load()["smollm2-135m-instruct"]
    for slots in (1, 6):
        engine = LlamaCppEngine(path, context_length=4096, slots=slots)
        list(engine.generate(QUESTION, GREEDY))
        taken = psutil.Process(engine._server._process.pid).memory_info().rss
        engine.close()
        needed = placement.needs_bytes(entry, "file", 4096, slots=slots)
        assert 0.7 * needed < taken < 1.15 * needed, (slots, taken, needed)


def _said(engine: Engine, messages: list[Message]) -> tuple[str, list[float]]:
    deltas = list(engine.generate(messages, replace(GREEDY, max_tokens=12), probabilities=1))
    return "".join(delta.text for delta in deltas), [t.logprob for delta in deltas for t in delta.probabilities]


@pytest.mark.model
def test_base_and_adapters_in_turn_answer_as_each_does_alone(path: Path, tmp_path: Path) -> None:
    """Nothing that one of them has read of a conversation is taken for the others'."""
    files = [smol_adapter(tmp_path / f"{seed}.gguf", seed) for seed in (1, 2)]
    asked = [QUESTION, [*QUESTION, Message("assistant", "Paris."), Message("user", "And of Italy? Say it shortly.")]]
    alone = dict[Path | None, list[tuple[str, list[float]]]]()
    for file in (None, *files):
        engine = LlamaCppEngine(path, context_length=1024, slots=1, adapter=file)
        alone[file] = [_said(engine, messages) for messages in asked]
        engine.close()
    assert len({str(said) for said in alone.values()}) == 3, "the adapters change nothing"

    base = LlamaCppEngine(path, model="base", context_length=1024, slots=2, adapters=files)
    assert base.carries(files[0]) and not base.carries(tmp_path / "3.gguf")
    tuned = {None: base, **{file: base.with_adapter(file, file.stem) for file in files}}
    assert [engine.model for engine in tuned.values()] == ["base", "1", "2"]
    for turn, messages in (0, QUESTION), (1, asked[1]):
        for file in (None, files[0], None, files[1], files[0], files[1], None):
            text, logprobs = _said(tuned[file], messages)
            assert text == alone[file][turn][0]
            assert logprobs == pytest.approx(alone[file][turn][1], abs=0.05)
    os.utime(files[0], (1, 1))
    assert not base.carries(files[0]), "a run that went on has written another"
    base.close()


@pytest.mark.slow
@pytest.mark.model
def test_a_prompt_that_an_adapter_has_read_is_not_restored_for_the_base(path: Path, tmp_path: Path) -> None:
    """llama.cpp's own cache of prompts would do so: docs/decisions/017-adapters-share-an-engine.md."""
    told = "The ship left the harbour at dawn and the crew was glad. " * 12
    asked, other = [Message("user", told + "What did the crew feel?")], [Message("user", "Greet Ann, please.")]
    file = smol_adapter(tmp_path / "one.gguf", 0)
    base = LlamaCppEngine(path, context_length=1024, slots=1, adapters=[file])
    tuned = base.with_adapter(file, "tuned")
    alone = LlamaCppEngine(path, context_length=1024, slots=1)
    expected = _said(alone, asked)[0]
    alone.close()
    assert _said(tuned, asked)[0] != expected, "the adapter changes nothing"
    for engine, messages in (tuned, other), (base, other):  # the slot is given to other prompts in between
        _said(engine, messages)
    assert _said(base, asked)[0] == expected
    base.close()


@pytest.mark.model
def test_adapters_at_once_wait_for_each_other_and_get_their_own_answers(path: Path, tmp_path: Path) -> None:
    file = smol_adapter(tmp_path / "one.gguf", 1)
    base = LlamaCppEngine(path, context_length=512, slots=4, adapters=[file])
    tuned = base.with_adapter(file, "tuned")
    expected = {engine.model: _said(engine, QUESTION)[0] for engine in (base, tuned)}
    with ThreadPoolExecutor(6) as threads:
        asked = [base, tuned, base, base, tuned, tuned]
        answers = list(threads.map(lambda engine: (engine.model, _said(engine, QUESTION)[0]), asked))
    assert all(text == expected[model] for model, text in answers)
    base.close()


def test_an_adapter_that_the_engine_lacks_is_told(tmp_path: Path) -> None:
    with pytest.raises(EngineFailed, match="no adapters"):
        Engine.with_adapter(FakeEngine(), tmp_path, "x")
