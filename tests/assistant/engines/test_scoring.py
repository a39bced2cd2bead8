from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoModelForCausalLM

from assistant.engines import scoring
from assistant.engines.branches import rows
from assistant.engines.protocol import Score, ScoreRequest
from assistant.engines.scoring import Pair, Work, batches, fitted, pair, windows
from assistant.engines.transformers import TransformersEngine
from assistant.errors import TextTooLong
from tests.assistant.engines import tiny

VOCABULARY = ["a", "b", "ab", " ", " a", " b", " ab", "Fran", "ce", "France", "<s>"]
PREFIX = VOCABULARY.index("<s>")


def encode(text: str, special: bool) -> list[int]:
    """Longest match first: tokens depend on what stands beside them, as they do in real vocabularies."""
    tokens: list[int] = []
    while text:
        match = max((word for word in VOCABULARY if text.startswith(word)), key=len)
        tokens.append(VOCABULARY.index(match))
        text = text[len(match) :]
    return tokens


def texts(tokens: tuple[int, ...]) -> list[str]:
    return [VOCABULARY[token] for token in tokens]


@pytest.mark.parametrize(
    ("context", "continuation", "expected"),
    [
        pytest.param("ab", " ab", (["ab"], [" ab"]), id="a space that begins the continuation"),
        pytest.param("ab ", "ab", (["ab"], [" ab"]), id="a space at the end of the context moves over"),
        pytest.param("ab  ", "b", (["ab"], [" ", " b"]), id="two of them"),
        pytest.param("b", "ab", (["b"], ["ab"]), id="no space"),
        pytest.param("a", "b a", (["a"], [" a"]), id="tokens that join over the border: split where the context's end"),
        pytest.param("Fran", "ce", (["Fran"], ["ce"]), id="a context that swallows the continuation"),
        pytest.param("", "ab", (["<s>"], ["ab"]), id="no context"),
        pytest.param("", "<s>ab", (["<s>"], ["ab"]), id="no context, the prefix is in the text already"),
        pytest.param("  ", "a", (["<s>"], [" ", " a"]), id="nothing but space before"),
        pytest.param("a", "", (["a"], []), id="nothing to score"),
    ],
)
def test_where_context_and_continuation_part(
    context: str, continuation: str, expected: tuple[list[str], list[str]]
) -> None:
    made = pair(ScoreRequest(context, continuation), encode, PREFIX)
    assert (texts(made.context), texts(made.continuation)) == expected


def test_a_long_context_loses_its_beginning() -> None:
    assert fitted(Pair((1, 2, 3, 4), (5, 6)), 4) == Pair((2, 3, 4), (5, 6))
    assert fitted(Pair((1, 2), (5, 6)), 4) == Pair((1, 2), (5, 6))
    assert len(fitted(Pair(tuple(range(50)), (5, 6)), 10).input) == 10
    with pytest.raises(TextTooLong):
        fitted(Pair((1,), (2, 3, 4)), 2)


@pytest.mark.parametrize("length", [1, 3, 10])
@pytest.mark.parametrize("count", [0, 1, 3, 4, 9, 10, 11, 25])
def test_windows_are_those_of_the_harness(count: int, length: int) -> None:
    utils = pytest.importorskip("lm_eval.utils", reason="lm-eval is not installed: the eval extra")
    rolled = utils.get_rolling_token_windows(list(range(count)), prefix_token=99, max_seq_len=length, context_len=1)
    expected = [tuple(map(tuple, utils.make_disjoint_window(each))) for each in rolled]
    made = windows(Pair((99,), tuple(range(count))), length)
    assert [(each.context, each.continuation) for each in made if each.continuation] == expected


def test_a_text_longer_than_the_model_reads_is_scored_in_windows(llama: Path) -> None:
    engine = TransformersEngine(llama, context_length=16)
    text = "The capital of France is Paris, and not London or another city of this world."
    tokens = tiny.tokenizer().encode(text)
    first = engine.score([ScoreRequest("", tiny.tokenizer().decode(tokens[:16]))])[0]
    whole = engine.score([ScoreRequest("", text)])[0]
    assert len(whole.token_logprobs) == len(tokens) > 40
    assert whole.token_logprobs[:10] == pytest.approx(first.token_logprobs[:10], abs=1e-4)
    assert whole.logprob == pytest.approx(sum(whole.token_logprobs))
    engine.close()


pairs = st.builds(Pair, st.tuples(*[st.integers(0, 3)] * 3) | st.just((1,)), st.lists(st.integers(0, 9)).map(tuple))


@given(st.lists(pairs, max_size=20), st.integers(0, 40), st.integers(1, 20), st.booleans())
def test_batches_hold_each_pair_once_within_bounds(asked: list[Pair], tokens: int, logits: int, branch: bool) -> None:
    made = list(batches(asked, tokens, logits, branch=branch))
    held = [pair for batch in made for work in batch for pair in work.pairs]
    assert sorted(held, key=str) == sorted({each for each in asked if each.continuation}, key=str)
    for batch in made:
        width = max(len(work.row.tokens) for work in batch)
        keep = max(work.tail for work in batch)
        assert len(batch) == 1 or (len(batch) * width <= tokens and len(batch) * keep <= logits)


@given(st.lists(pairs, max_size=20), st.integers(0, 40))
def test_a_row_reads_each_text_as_it_stands(asked: list[Pair], tokens: int) -> None:
    for row in rows([each.input for each in asked], tokens):
        seen = row.mask()
        for text, places in row.places.items():
            assert tuple(row.tokens[place] for place in places) == text
            assert [row.depths[place] for place in places] == list(range(len(text)))
            for count, place in enumerate(places):
                assert seen[place].nonzero().flatten().tolist() == sorted(places[: count + 1])


def test_answers_of_one_token_share_their_question() -> None:
    asked = [Pair((1, 2, 3), (token,)) for token in range(4)]
    assert [len(batch) for batch in batches(asked, 1000, 1000, branch=False)] == [1]


def test_answers_of_several_tokens_share_their_question() -> None:
    asked = [Pair((1, 2, 3), (token, 5, token)) for token in range(4)]
    (batch,) = batches(asked, 1000, 1000, branch=True)
    assert [work.row.tokens for work in batch] == [[1, 2, 3, 0, 5, 1, 5, 2, 5, 3, 5]]
    assert batch[0].tail == 9


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.folder(tmp_path_factory.mktemp("llama"))


@pytest.fixture
def engine(llama: Path) -> Iterator[TransformersEngine]:
    made = TransformersEngine(llama)
    yield made
    made.close()


REQUESTS = [
    ScoreRequest("The capital of France is", " Paris"),
    ScoreRequest("The capital of France is", " London, or another city"),
    ScoreRequest("", "No context at all."),
    ScoreRequest("x" * 200, "y"),
    ScoreRequest("Ünïcödé ", "🙂"),
    ScoreRequest("nothing follows", ""),
    *(ScoreRequest("Which letter?", letter) for letter in "ABCD"),
    ScoreRequest("The capital of France is", " Paris"),
]


def alone(model: Any, tokenizer: Any, request: ScoreRequest) -> Score:
    """The definition, without batches or padding: sum over i of log p(token i | all before it)."""
    context = request.context.rstrip(" ")
    whole = tokenizer.encode(request.context + request.continuation)
    start = len(tokenizer.encode(context)) if request.context else 1
    whole = whole if request.context else [tokenizer.bos_token_id, *whole]
    logprobs: list[float] = []
    greedy = True
    for place in range(start, len(whole)):
        with torch.no_grad():
            row = model(torch.tensor([whole[:place]])).logits[0, -1].log_softmax(-1)
        logprobs.append(float(row[whole[place]]))
        greedy &= int(row.argmax()) == whole[place]
    return Score(sum(logprobs), tuple(logprobs), greedy)


def close(score: Score, other: Score, tolerance: float = 1e-4) -> bool:
    return (
        score.greedy == other.greedy
        and score.logprob == pytest.approx(other.logprob, abs=tolerance)
        and score.token_logprobs == pytest.approx(other.token_logprobs, abs=tolerance)
    )


def test_scores_are_by_definition(engine: TransformersEngine, llama: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(llama)
    expected = [alone(model, tiny.tokenizer(), request) for request in REQUESTS]
    assert all(map(close, engine.score(REQUESTS), expected))


@pytest.mark.parametrize("most_tokens", [1, 64, 300, 10_000])
def test_scores_do_not_depend_on_the_batch(
    most_tokens: int, engine: TransformersEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = [engine.score([request])[0] for request in REQUESTS]
    monkeypatch.setattr(scoring, "BATCH_TOKENS", {"cpu": most_tokens})
    assert all(map(close, engine.score(REQUESTS), expected))
    assert all(map(close, engine.score(REQUESTS[::-1]), expected[::-1]))


@pytest.mark.parametrize("kind", ["Mistral", "Lfm2", "Mamba"])
def test_scores_of_other_kinds_of_layers(kind: str, tmp_path: Path) -> None:
    changes = {"Mistral": {"sliding_window": 16}, "Lfm2": {"layer_types": ["conv", "full_attention", "conv"]}}
    folder = tiny.folder(tmp_path, kind, **changes.get(kind, {"state_size": 8}))
    model = AutoModelForCausalLM.from_pretrained(folder)
    expected = [alone(model, tiny.tokenizer(), request) for request in REQUESTS]
    assert all(map(close, TransformersEngine(folder).score(REQUESTS), expected))


def test_what_greedy_decoding_says_is_greedy(engine: TransformersEngine) -> None:
    from assistant.engines.batch import Ask, Token
    from assistant.engines.drawing import Drawer
    from assistant.engines.protocol import Sampling

    tokenizer = tiny.tokenizer()
    ask = Ask(tokenizer.encode("abc"), Drawer(Sampling(temperature=0)), 1, frozenset())
    engine._thread.ask(ask)
    event = ask.events.get()
    assert isinstance(event, Token)
    token = event.drawn.token
    other = (token + 1) % 200
    asked = [Pair(tuple(ask.prompt), (t,)) for t in (token, other)]
    (batch,) = batches(asked, 100, 100, branch=True)
    made = dict(scoring.log_likelihoods(engine._thread.forward, batch))
    assert [made[each].greedy for each in asked] == [True, False]


def test_memory_that_runs_out_halves_the_batch(engine: TransformersEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = engine.score(REQUESTS)
    sizes: list[int] = []
    run = scoring.log_likelihoods

    def short_of_memory(forward: Any, batch: list[Work]) -> list[tuple[Pair, Score]]:
        sizes.append(len(batch))
        if len(batch) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return run(forward, batch)

    monkeypatch.setattr(scoring, "log_likelihoods", short_of_memory)
    assert all(map(close, engine.score(REQUESTS), expected))
    assert max(sizes) > 2


def test_scores_with_an_adapter(engine: TransformersEngine, llama: Path, tmp_path: Path) -> None:
    from peft import PeftModel

    folder = tiny.adapter(llama, tmp_path / "one")
    plain = engine.score(REQUESTS[:1])[0]
    engine.attach("one", folder)
    engine.use("one")
    adapted = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(llama), str(folder)).eval()
    assert close(engine.score(REQUESTS[:1])[0], alone(adapted, tiny.tokenizer(), REQUESTS[0]))
    engine.use(None)
    assert close(engine.score(REQUESTS[:1])[0], plain)


def test_nothing_to_score(engine: TransformersEngine) -> None:
    assert engine.score([]) == []


@pytest.mark.model
def test_scores_are_those_of_lm_evaluation_harness(smol_folder: Path) -> None:
    huggingface = pytest.importorskip("lm_eval.models.huggingface", reason="lm-eval is not installed: the eval extra")
    from lm_eval.api.instance import Instance  # type: ignore[import-not-found]

    requests = [request for request in REQUESTS if request.continuation]
    theirs = huggingface.HFLM(pretrained=str(smol_folder), device="cpu", dtype="float32", batch_size=3)
    instances = [
        Instance(request_type="loglikelihood", doc={}, arguments=(request.context, request.continuation), idx=number)
        for number, request in enumerate(requests)
    ]
    ours = TransformersEngine(smol_folder).score(requests)
    for score, (logprob, greedy) in zip(ours, theirs.loglikelihood(instances, disable_tqdm=True), strict=True):
        assert score.logprob == pytest.approx(logprob, abs=2e-3)
        assert score.greedy == greedy
