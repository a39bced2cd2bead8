from __future__ import annotations

import gc
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jinja2
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from assistant.engines.protocol import Capability, Delta, Message, Sampling, Usage
from assistant.engines.transformers import TransformersEngine
from assistant.errors import EngineFailed, ModelNotAvailable, ParleyError, TextTooLong, WeightsCorrupt
from assistant.placement import Placement
from tests.assistant.engines import tiny

GREEDY = Sampling(temperature=0, max_tokens=24)
QUESTIONS = ["Hi", "What is the capital of France?", "x" * 60, "Ünïcödé 🙂", "tell me"]


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.folder(tmp_path_factory.mktemp("llama"))


@pytest.fixture(scope="module")
def engine(llama: Path) -> Iterator[TransformersEngine]:
    made = TransformersEngine(llama, model="tiny")
    yield made
    made.close()


def ask(text: str) -> list[Message]:
    return [Message("user", text)]


def read(deltas: Iterator[Delta]) -> tuple[str, Usage, list[Delta]]:
    seen = list(deltas)
    assert [delta.usage is not None for delta in seen] == [False] * (len(seen) - 1) + [True]
    usage = seen[-1].usage
    assert usage is not None
    return "".join(delta.text for delta in seen), usage, seen


def reference(folder: Path, question: str, adapter: Path | None = None, tokens: int = 24) -> str:
    """What a plain `model.generate` says."""
    model: Any = AutoModelForCausalLM.from_pretrained(folder)
    if adapter:
        from peft import PeftModel

        model = PeftModel.from_pretrained(model, str(adapter))
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    rows = [{"role": "user", "content": question}]
    inputs = tokenizer.apply_chat_template(rows, add_generation_prompt=True, return_dict=True, return_tensors="pt")
    made = model.generate(**inputs, do_sample=False, max_new_tokens=tokens)
    return tokenizer.decode(made[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True)


@pytest.mark.parametrize("question", QUESTIONS)
def test_greedy_says_what_generate_says(question: str, engine: TransformersEngine, llama: Path) -> None:
    text, usage, seen = read(engine.generate(ask(question), GREEDY))
    assert text == reference(llama, question)
    assert usage.prompt_tokens == engine.count_tokens(ask(question))
    assert usage.completion_tokens == 24 and usage.finish == "length"
    assert 0 < usage.time_to_first_token <= usage.seconds
    assert sum(delta.tokens for delta in seen) == 24


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("Llama", {}),
        ("Qwen2", {}),
        ("Mistral", {"sliding_window": 16}),
        ("Gemma3Text", {"sliding_window": 16, "sliding_window_pattern": 2}),
        ("GPT2", {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 512}),
        ("Lfm2", {"layer_types": ["conv", "full_attention", "conv"]}),
        ("Mamba", {"state_size": 8}),
    ],
)
def test_every_kind_of_cache(kind: str, changes: dict[str, Any], tmp_path: Path) -> None:
    """Four conversations at once, of different lengths: each says what it would say alone."""
    folder = tiny.folder(tmp_path, kind, **changes)
    engine = TransformersEngine(folder)
    replies: dict[str, str] = {}

    def converse(question: str) -> None:
        replies[question] = read(engine.generate(ask(question), GREEDY))[0]

    threads = [threading.Thread(target=converse, args=(question,)) for question in QUESTIONS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert replies == {question: reference(folder, question) for question in QUESTIONS}


def test_replies_of_different_length_share_a_pass(engine: TransformersEngine, llama: Path) -> None:
    """Rows join and leave in the middle of others' replies."""
    lengths = [3, 40, 9, 25, 17, 1, 60]
    replies: dict[int, str] = {}

    def converse(tokens: int) -> None:
        deltas = engine.generate(ask(f"say {tokens}"), replace(GREEDY, max_tokens=tokens))
        replies[tokens] = read(deltas)[0]

    threads = [threading.Thread(target=converse, args=(tokens,)) for tokens in lengths]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert replies == {tokens: reference(llama, f"say {tokens}", tokens=tokens) for tokens in lengths}


def test_a_reply_ends_at_the_end_token(engine: TransformersEngine, llama: Path, tmp_path: Path) -> None:
    """A model that says <|im_end|> whatever it is asked."""
    folder = tiny.folder(tmp_path)
    model: Any = AutoModelForCausalLM.from_pretrained(folder)
    with torch.no_grad():
        model.lm_head.weight.zero_()
        model.generation_config.eos_token_id = [5, 0]
    model.save_pretrained(folder)
    text, usage, _ = read(TransformersEngine(folder).generate(ask("Hi"), GREEDY))
    assert (text, usage.completion_tokens, usage.finish) == ("", 1, "stop")


def test_stop_text(engine: TransformersEngine, llama: Path) -> None:
    whole = reference(llama, "Hi")
    stop = whole[5:8]
    text, usage, _ = read(engine.generate(ask("Hi"), replace(GREEDY, stop=(stop,))))
    assert text == whole[: whole.index(stop)] and usage.finish == "stop"
    assert usage.completion_tokens < 24


def test_probabilities_are_the_model_s(engine: TransformersEngine, llama: Path) -> None:
    text, _, seen = read(engine.generate(ask("Hi"), GREEDY, probabilities=3))
    shown = [each for delta in seen for each in delta.probabilities]
    assert len(shown) == 24
    assert "".join(each.text for each in shown) == text
    model: Any = AutoModelForCausalLM.from_pretrained(llama)
    tokens = torch.tensor([engine._prompt(ask("Hi"))])
    expected = model(tokens).logits[0, -1].log_softmax(-1)
    assert shown[0].logprob == pytest.approx(float(expected.max()), abs=1e-4)
    assert [value for _, value in shown[0].alternatives] == pytest.approx(expected.topk(3).values.tolist(), abs=1e-4)
    assert all(not delta.probabilities for delta in engine.generate(ask("Hi"), GREEDY))


def test_seeds(engine: TransformersEngine) -> None:
    drawn = Sampling(temperature=1, top_k=0, top_p=1, min_p=0, max_tokens=12, seed=5)
    first = read(engine.generate(ask("Hi"), drawn))[0]
    assert read(engine.generate(ask("Hi"), drawn))[0] == first
    assert read(engine.generate(ask("Hi"), replace(drawn, seed=6)))[0] != first


def test_cancel_ends_the_reply_and_frees_the_row(engine: TransformersEngine) -> None:
    cancel = threading.Event()
    deltas = engine.generate(ask("Hi"), replace(GREEDY, max_tokens=400), cancel=cancel)
    next(deltas)
    cancel.set()
    _, usage, _ = read(deltas)
    assert usage.finish == "cancelled" and usage.completion_tokens < 400
    closed = engine.generate(ask("Hi"), replace(GREEDY, max_tokens=400))
    next(closed)
    closed.close()
    assert read(engine.generate(ask("Hi"), GREEDY))[1].finish == "length"
    engine._thread.call(lambda: None)
    assert not any(batch.asks for batch in engine._thread._batches)


def test_a_prompt_that_does_not_fit(engine: TransformersEngine) -> None:
    with pytest.raises(TextTooLong, match="the model reads 512"):
        next(engine.generate(ask("x" * 600), GREEDY))


def test_a_reply_ends_where_the_context_does(engine: TransformersEngine) -> None:
    question = ask("x" * 470)
    room = 512 - engine.count_tokens(question)
    _, usage, _ = read(engine.generate(question, replace(GREEDY, max_tokens=1000)))
    assert usage.completion_tokens == room and usage.finish == "length"


def test_a_long_prompt_is_read_in_pieces_with_progress(llama: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assistant.engines.model_thread.PROMPT_PIECE", {"cpu": 100})
    engine = TransformersEngine(llama)
    question = "y" * 300
    text, usage, seen = read(engine.generate(ask(question), GREEDY))
    shares = [delta.prompt_progress for delta in seen if delta.prompt_progress is not None]
    assert shares == pytest.approx([100 / usage.prompt_tokens, 200 / usage.prompt_tokens, 300 / usage.prompt_tokens])
    assert text == reference(llama, question)


def test_the_next_turn_reads_only_what_is_new(llama: Path) -> None:
    engine = TransformersEngine(llama)
    question = ask("What is the capital of France?")
    reply, usage, _ = read(engine.generate(question, GREEDY))
    assert usage.cached_tokens == 0
    longer = [*question, Message("assistant", reply), *ask("And of Spain?")]
    fresh = TransformersEngine(llama)
    again, usage, _ = read(engine.generate(longer, GREEDY))
    assert usage.cached_tokens >= engine.count_tokens(question)
    assert again == read(fresh.generate(longer, GREEDY))[0]
    same, usage, _ = read(engine.generate(question, GREEDY))
    assert same == reply and usage.cached_tokens == usage.prompt_tokens - 1
    assert read(engine.generate(question, replace(GREEDY, seed=1)))[1].cached_tokens == 0


def test_what_is_kept_of_replies_that_shared_a_pass(engine: TransformersEngine, llama: Path) -> None:
    """Each row's part of the cache is taken out of the padding and of the others."""
    questions = [f"{'x' * n} number {n}" for n in (1, 30, 5, 60)]
    threads = [threading.Thread(target=lambda q=q: read(engine.generate(ask(q), GREEDY))) for q in questions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for question in questions:
        text, usage, _ = read(engine.generate(ask(question), GREEDY))
        assert text == reference(llama, question)
        assert usage.cached_tokens == usage.prompt_tokens - 1


def test_what_was_read_with_one_adapter_is_not_taken_up_with_another(llama: Path, tmp_path: Path) -> None:
    engine = TransformersEngine(llama, adapter=tiny.adapter(llama, tmp_path / "one"))
    read(engine.generate(ask("What is the capital?"), GREEDY))
    engine.use(None)
    text, usage, _ = read(engine.generate(ask("What is the capital?"), GREEDY))
    assert usage.cached_tokens == 0 and text == reference(llama, "What is the capital?")


def test_adapters_are_switched_by_name(llama: Path, tmp_path: Path) -> None:
    one, two = tiny.adapter(llama, tmp_path / "one"), tiny.adapter(llama, tmp_path / "two", seed=2)
    engine = TransformersEngine(llama, adapter=one)
    assert read(engine.generate(ask("Hi"), GREEDY))[0] == reference(llama, "Hi", one)
    engine.attach("other", two)
    assert read(engine.generate(ask("Hi"), GREEDY))[0] == reference(llama, "Hi", one)
    engine.use("other")
    assert read(engine.generate(ask("Hi"), GREEDY))[0] == reference(llama, "Hi", two)
    engine.use(None)
    assert read(engine.generate(ask("Hi"), GREEDY))[0] == reference(llama, "Hi")
    with pytest.raises(EngineFailed, match="Attached: one, other"):
        engine.use("third")


def test_replies_with_different_adapters_run_at_once(llama: Path, tmp_path: Path) -> None:
    engine = TransformersEngine(llama, adapter=tiny.adapter(llama, tmp_path / "one"))
    adapted = engine.generate(ask("Hi"), GREEDY)
    first = next(adapted).text
    engine.use(None)
    plain = read(engine.generate(ask("Hi"), GREEDY))[0]
    assert first + read(adapted)[0] == reference(llama, "Hi", tmp_path / "one")
    assert plain == reference(llama, "Hi")


def test_an_adapter_that_is_none_or_does_not_suit(llama: Path, tmp_path: Path) -> None:
    engine = TransformersEngine(llama)
    with pytest.raises(ModelNotAvailable):
        engine.attach("empty", tmp_path)
    wide = tiny.folder(tmp_path / "wide", hidden_size=64)
    with pytest.raises(EngineFailed):
        engine.attach("wide", tiny.adapter(wide, tmp_path / "for-wide"))
    assert read(engine.generate(ask("Hi"), GREEDY))[0] == reference(llama, "Hi")


def test_offload_to_disk_says_the_same(llama: Path) -> None:
    placement = Placement("CPU + disk", "auto", {"cpu": 120_000}, offloads=True)
    engine = TransformersEngine(llama, placement=placement)
    places = set(engine._thread.forward.model.hf_device_map.values())
    assert places == {"cpu", "disk"}
    assert read(engine.generate(ask("Hi"), GREEDY))[0] == reference(llama, "Hi")
    assert "does not fit" in " ".join(engine.notes)
    folder = Path(engine._offload.name) if engine._offload else Path()
    engine.close()
    assert not folder.exists()


@pytest.mark.parametrize("quantisation", ["8bit", "4bit"])
def test_bitsandbytes_runs(quantisation: str, tmp_path: Path) -> None:
    pytest.importorskip("bitsandbytes")
    folder = tiny.folder(tmp_path, hidden_size=64, head_dim=16, intermediate_size=128)
    engine = TransformersEngine(folder, quantisation=quantisation)
    kinds = {type(module).__name__ for module in engine._thread.forward.model.modules()}
    assert {"8bit": "Linear8bitLt", "4bit": "Linear4bit"}[quantisation] in kinds
    _, usage, _ = read(engine.generate(ask("Hi"), GREEDY))
    assert usage.completion_tokens > 0
    assert quantisation in engine.notes[0]


def test_a_base_model_continues_plain_text(tmp_path: Path) -> None:
    engine = TransformersEngine(tiny.folder(tmp_path, template=None))
    messages = [Message("system", "Be kind."), *ask("Hi"), Message("assistant", "Hello."), *ask("And?")]
    text = engine._tokenizer.decode(engine._prompt(messages))
    assert text == "Be kind.\nUser: Hi\nAssistant: Hello.\nUser: And?\nAssistant:"
    assert engine.template_hash == "" and "base model" in " ".join(engine.notes)
    assert read(engine.generate(messages, GREEDY))[1].completion_tokens > 0


def test_a_hostile_template_reaches_nothing(tmp_path: Path) -> None:
    hostile = "{{ ''.__class__.__mro__[1].__subclasses__() }}"
    engine = TransformersEngine(tiny.folder(tmp_path, template=hostile))
    with pytest.raises(ParleyError) as caught:
        list(engine.generate([Message("user", "Hello")], Sampling(max_tokens=2)))
    assert "subprocess" not in str(caught.value)


def test_a_template_without_system_prompts_gets_it_in_the_question(tmp_path: Path) -> None:
    engine = TransformersEngine(tiny.folder(tmp_path, template=tiny.NO_SYSTEM))
    text = engine._tokenizer.decode(engine._prompt([Message("system", "Be kind."), *ask("Hi")]))
    assert text == "<|im_start|>user\nBe kind.\n\nHi<|im_end|>\n<|im_start|>assistant\n"
    with pytest.raises(EngineFailed, match="System role") as failure:
        engine.count_tokens([Message("system", "alone")])
    assert isinstance(failure.value.__cause__, jinja2.TemplateError)


def test_what_an_engine_says_of_itself(engine: TransformersEngine) -> None:
    import hashlib

    assert engine.template_hash == hashlib.sha256(tiny.CHATML.encode()).hexdigest()[:12]
    assert engine.notes == ("Runs on CPU in float32.",)
    assert engine.capabilities == {Capability.GENERATE, Capability.SCORE}
    assert engine.context_length == 512


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda folder: (folder / "model.safetensors").unlink(), ModelNotAvailable),
        (lambda folder: (folder / "config.json").unlink(), ModelNotAvailable),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"\0" * 100), WeightsCorrupt),
        (lambda folder: (folder / "config.json").write_text('{"model_type": "newer"}'), EngineFailed),
    ],
)
def test_a_folder_that_cannot_be_loaded(spoil: Any, expected: type[Exception], tmp_path: Path) -> None:
    folder = tiny.folder(tmp_path)
    spoil(folder)
    with pytest.raises(expected) as failure:
        TransformersEngine(folder)
    assert failure.value.__cause__ is not None


def test_a_runtime_error_reaches_each_reader_as_ours(llama: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = TransformersEngine(llama)
    deltas = engine.generate(ask("Hi"), replace(GREEDY, max_tokens=100))
    next(deltas)
    error = RuntimeError("boom")

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(engine._thread.forward, "_call", fail)
    with pytest.raises(EngineFailed, match="boom") as failure:
        list(deltas)
    assert failure.value.__cause__ is error
    monkeypatch.undo()
    assert read(engine.generate(ask("Hi"), GREEDY))[0] == reference(llama, "Hi")


def test_a_closed_engine_answers_with_ours(llama: Path) -> None:
    engine = TransformersEngine(llama)
    deltas = engine.generate(ask("Hi"), replace(GREEDY, max_tokens=400))
    next(deltas)
    assert engine.alive
    engine.close()
    engine.close()
    assert not engine.alive
    with pytest.raises(EngineFailed, match="closed"):
        list(deltas)
    with pytest.raises(EngineFailed, match="closed"):
        list(engine.generate(ask("Hi"), GREEDY))


def test_an_engine_that_nobody_holds_is_freed(llama: Path) -> None:
    engine = TransformersEngine(llama)
    read(engine.generate(ask("Hi"), GREEDY))
    model, thread = weakref.ref(engine._thread.forward.model), engine._thread
    del engine
    gc.collect()
    thread.join(10)
    del thread
    gc.collect()
    assert model() is None


def test_a_text_goes_on_as_it_stands(engine: TransformersEngine, llama: Path) -> None:
    model: Any = AutoModelForCausalLM.from_pretrained(llama)
    inputs = tiny.tokenizer()("Once upon a time", return_tensors="pt")
    made = model.generate(**inputs, do_sample=False, max_new_tokens=24)[0, inputs["input_ids"].shape[1] :]
    said, usage, _ = read(engine.generate("Once upon a time", GREEDY))
    assert said == tiny.tokenizer().decode(made, skip_special_tokens=True)
    assert usage.prompt_tokens == inputs["input_ids"].shape[1]


@pytest.mark.parametrize("busy", [False, True])
def test_a_process_that_ends_with_an_engine_open_ends_well(busy: bool, llama: Path) -> None:
    code = f"""
from pathlib import Path
from assistant.engines.protocol import Sampling, ScoreRequest
from assistant.engines.transformers import TransformersEngine
engine = TransformersEngine(Path({str(llama)!r}))
engine.score([ScoreRequest("a", "b")])
if {busy}:
    stream = engine.generate("Once upon a time", Sampling(temperature=0, max_tokens=400))
    next(stream)
print("done")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100)
    assert (done.returncode, done.stdout.strip()) == (0, "done"), done.stderr
