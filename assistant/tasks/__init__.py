"""What is done with a text. A task is pure: it turns a text into questions to an engine and the answers into a result.

Engines come in as functions (`Classify`, `Embed`), so that a task knows nothing of models.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

Classify = Callable[[Sequence[str]], list[dict[str, float]]]
"""Texts → probability of each label, for each text."""
Embed = Callable[[Sequence[str]], "np.ndarray"]
"""Texts → unit-length embeddings, (text, dimension)."""
