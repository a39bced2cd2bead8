"""Reading passages packed together, beside reading each of their beginnings alone; and the probe on top."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModel

from finetune import teacher
from finetune.teacher import PROMPT, QUESTION, Passage, Probe, Reader, passages, read_all
from tests.assistant.engines import tiny

TEXTS = ["a gorgeous film , but far too long .", "dull .", "it was funny and warm , and then it ended"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Qwen2 of random weights that reads bytes."""
    return tiny.folder(tmp_path_factory.mktemp("teacher"), "Qwen2")


def alone(folder: Path, text: str, layer: int) -> np.ndarray:
    """The state that the layer leaves at the question's last token, of a text read by itself."""
    model: Any = AutoModel.from_pretrained(folder).eval()
    with torch.inference_mode():
        inputs = tiny.tokenizer()(PROMPT + text + QUESTION, return_tensors="pt", add_special_tokens=False)
        out = model(input_ids=inputs["input_ids"], output_hidden_states=True)
    return out.hidden_states[layer][0, -1].numpy()


@pytest.mark.parametrize("pack", [60, 200, 1000])
def test_beginnings_are_read_as_if_they_stood_alone(folder: Path, monkeypatch: pytest.MonkeyPatch, pack: int) -> None:
    monkeypatch.setattr(teacher, "PACK_TOKENS", pack)
    some = passages(TEXTS)
    found = Reader(folder, layer=2, dtype=torch.float32).read(some)
    expected = [alone(folder, each.text[:end], 2) for each in some for end in each.ends]
    np.testing.assert_allclose(found.astype(np.float32), np.stack(expected), rtol=2e-3, atol=2e-3)


def test_passages_end_where_clauses_and_words_do() -> None:
    first, *rest = passages(TEXTS)
    assert first.text[: first.ends[-1]] == TEXTS[0]
    assert "a gorgeous film" in [first.text[:end] for end in first.ends]
    assert rest[0] == Passage("dull .", rest[0].ends)
    assert all(list(each.ends) == sorted(set(each.ends)) for each in passages(TEXTS))


def test_an_end_begins_where_the_clause_next_to_the_middle_does() -> None:
    texts = [*TEXTS, "slow , but"]
    assert teacher.ends(texts) == ["but far too long .", None, "and then it ended", None]
    assert teacher.ends(texts, 1) == ["but far too long .", None, "and then it ended", None]  # comma and conjunction
    assert teacher.ends(texts, 2) == [None, None, "and warm , and then it ended", None]


def test_crossed_texts_begin_like_one_and_end_like_another() -> None:
    found = teacher.crossed(TEXTS, 40)
    assert found == teacher.crossed(TEXTS, 40)
    assert {like for _, like in found} == {TEXTS[0], TEXTS[2]}  # the other has one clause only
    assert all(text.startswith(like[:10]) for text, like in found)
    assert "a gorgeous film , and then it ended" in [text for text, _ in found]
    assert teacher.crossed(["dull ."], 3) == []


def test_what_was_read_before_a_kill_is_not_read_again(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(teacher, "PART", 2)
    some = passages(TEXTS)
    heard: list[int] = []
    reader = Reader(folder, layer=2, dtype=torch.float32)
    whole = read_all(lambda: reader, some, tmp_path, on_part=heard.append)
    np.testing.assert_allclose(whole, reader.read(some), rtol=2e-3, atol=2e-3)  # in other packs
    assert heard[-1] == len(some)

    def not_again() -> Reader:
        raise AssertionError("it was read already")

    np.testing.assert_array_equal(read_all(not_again, some, tmp_path, on_part=heard.append), whole)
    sorted(tmp_path.glob("*.npy"))[-1].unlink()
    np.testing.assert_array_equal(read_all(lambda: reader, some, tmp_path, on_part=heard.append), whole)


def test_the_probe_finds_a_direction_among_many() -> None:
    draw = np.random.default_rng(0)
    states = draw.normal(0, 3, (600, 40)).astype(np.float16)
    right = (states[:, 7] > 0).astype(int)
    probe = Probe.fit(states[:400], np.eye(2)[right[:400]])
    said = probe.read(states[400:])
    assert said.sum(1) == pytest.approx(np.ones(200))
    assert (said.argmax(1) == right[400:]).mean() > 0.9


def test_what_was_said_is_remembered_of_just_these_texts(tmp_path: Path) -> None:
    path = tmp_path / "opinions.npz"
    said = np.array([[0.1, 0.2, 0.7], [0.5, 0.5, 0.0], [0.0, 0.0, 1.0]])
    assert teacher.remembered(path, TEXTS) is None
    teacher.remember(path, TEXTS, said)
    found = teacher.remembered(path, TEXTS)
    assert found is not None
    np.testing.assert_allclose(found, said, atol=0.006)
    np.testing.assert_allclose(found.sum(1), 1)
    assert teacher.remembered(path, TEXTS[::-1]) is None
    assert teacher.remembered(path, TEXTS[:2]) is None
    assert [each.name for each in tmp_path.iterdir()] == ["opinions.npz"]
