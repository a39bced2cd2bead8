"""The emotion profile, with an embedder that counts letters and with the embedded encoder."""

from __future__ import annotations

import numpy as np
import pytest

from assistant.engines.encoder import EncoderEngine
from assistant.tasks.emotions import EMOTIONS, profile
from tests.assistant.embedded import embedded


def test_the_nearest_description_wins_and_a_row_adds_up_to_one() -> None:
    def embed(texts: object) -> np.ndarray:
        rows = np.array([[text.count("a"), text.count("b")] for text in texts], dtype=float)  # type: ignore[attr-defined]
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    found = profile(["aaab", "abbb"], embed, {"calm": ["aa", "aaa"], "busy": ["bb"]})
    assert found.argmax(1).tolist() == [0, 1]
    assert found.sum(1) == pytest.approx([1, 1])


@pytest.mark.model
def test_plain_feelings_are_told_apart() -> None:
    engine = EncoderEngine(embedded("all-minilm-l6-v2")[1])
    texts = {
        "joy": "We laughed all evening, it was such a happy party!",
        "sadness": "Since the funeral I have been crying and feel empty.",
        "anger": "I am furious that they lied to us again.",
        "fear": "I am terrified of the operation tomorrow.",
        "love": "My dear wife, I love you more than anyone.",
    }
    found = profile(list(texts.values()), engine.embed)
    assert [list(EMOTIONS)[place] for place in found.argmax(1)] == list(texts)
