"""A finer profile of feeling, with no training: how near a text's embedding is to descriptions of each emotion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from assistant.tasks import Embed

if TYPE_CHECKING:
    import numpy as np

SHARPNESS = 20.0
"""What cosines are multiplied by before the softmax: embeddings of one language lie close together."""
EMOTIONS: Mapping[str, tuple[str, ...]] = {
    "joy": (
        "I am so happy, this is wonderful.",
        "That made me laugh, what fun.",
        "I love this, it is amazing and delightful.",
        "joyful, cheerful, excited, hilarious, delighted",
    ),
    "love": (
        "I love you with all my heart.",
        "You mean the world to me.",
        "I care so much for my family and friends.",
        "loving, tender, affectionate, caring, adoring",
    ),
    "optimism": (
        "I am hopeful, everything will be fine.",
        "Never give up, keep going, believe in yourself.",
        "Do not worry, good things are coming.",
        "hopeful, confident, motivated, encouraged, inspired",
    ),
    "surprise": (
        "I did not expect that at all.",
        "Wow, I cannot believe it happened.",
        "It came out of nowhere and left me speechless.",
        "surprised, astonished, amazed, startled, stunned",
    ),
    "sadness": (
        "I am so sad and I want to cry.",
        "I feel lonely, lost and depressed.",
        "I miss them so much, it breaks my heart.",
        "sad, depressed, gloomy, grieving, hopeless",
    ),
    "anger": (
        "I am so angry and furious about this.",
        "This makes me mad, I am outraged.",
        "I hate this, it is offensive and infuriating.",
        "angry, annoyed, irritated, bitter, rage",
    ),
    "fear": (
        "I am scared of what may happen.",
        "I am so nervous and anxious that I cannot sleep.",
        "It was terrifying, my hands were shaking.",
        "afraid, frightened, worried, panicking, terrified",
    ),
    "disgust": (
        "This is disgusting, it makes me sick.",
        "What a revolting smell, I had to look away.",
        "I find this behaviour repulsive.",
        "disgusted, repelled, nauseated, gross, revolting",
    ),
}
"""Emotion → descriptions whose mean embedding stands for it."""


def profile(texts: Sequence[str], embed: Embed, emotions: Mapping[str, Sequence[str]] = EMOTIONS) -> np.ndarray:
    """How much of each emotion is in each text, (text, emotion); a row adds up to 1."""
    import numpy as np

    names = list(emotions)
    described = embed([description for name in names for description in emotions[name]])
    edges = np.cumsum([0, *(len(emotions[name]) for name in names)])
    middles = np.stack([described[a:b].mean(0) for a, b in pairwise(edges)])
    middles /= np.linalg.norm(middles, axis=1, keepdims=True)
    scores = SHARPNESS * embed(texts) @ middles.T
    scores = np.exp(scores - scores.max(1, keepdims=True))
    return scores / scores.sum(1, keepdims=True)
