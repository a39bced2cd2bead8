"""Sorting texts under labels that nobody trained for: by nearness of meaning, or by a model's own likelihoods."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from assistant.engines.protocol import Score, ScoreRequest
from assistant.errors import BadSettings
from assistant.tasks import Embed

SHARPNESS = 15.0
"""What cosines are multiplied by before the softmax."""
DESCRIPTION = "This text is about {}."

ScoreAll = Callable[[Sequence[ScoreRequest]], list[Score]]


def described(labels: Sequence[str]) -> dict[str, str]:
    """Label → description, of labels given as "billing" or "billing=invoices, refunds and payments".

    Raises BadSettings for fewer than two, or the same one twice.
    """
    found: dict[str, str] = {}
    for each in labels:
        label, _, said = each.partition("=")
        if not label.strip():
            continue
        if label.strip() in found:
            raise BadSettings(f"The label {label.strip()!r} stands twice.", hint="Give each label once.")
        if label.strip() == "label":
            raise BadSettings("A label cannot be called 'label'.", hint="That is the column of the decision.")
        found[label.strip()] = f"{label.strip()}: {said.strip()}" if said.strip() else label.strip()
    if len(found) < 2:
        raise BadSettings("There is nothing to choose between.", hint="Give two labels or more: --labels praise,blame")
    return found


def by_meaning(texts: Sequence[str], labels: Mapping[str, str], embed: Embed) -> list[dict[str, float]]:
    """Probability of each label for each text, by the likeness of embeddings."""
    import numpy as np

    bare = embed(list(labels.values()))
    told = embed([DESCRIPTION.format(each) for each in labels.values()])
    middles = bare + told
    middles /= np.linalg.norm(middles, axis=1, keepdims=True)
    return _shares(SHARPNESS * embed(texts) @ middles.T, labels)


def by_likelihood(texts: Sequence[str], labels: Mapping[str, str], score: ScoreAll) -> list[dict[str, float]]:
    """Probability of each label for each text, by how likely a language model holds it as the answer.

    What the label costs without the text is taken off (Holtzman et al. 2021, arXiv:2104.08315), or common words win.
    """
    import numpy as np

    asked = "Which of these fits the text best: {}?\nText: {}\nAnswer:"
    named = "; ".join(labels.values())
    contexts = [asked.format(named, " ".join(text.split())) for text in texts]
    requests = [
        ScoreRequest(context, f" {label}") for context in (*contexts, asked.format(named, "N/A")) for label in labels
    ]
    table = np.array([each.logprob for each in score(requests)]).reshape(len(texts) + 1, len(labels))
    return _shares(table[:-1] - table[-1], labels)


def _shares(scores: object, labels: Mapping[str, str]) -> list[dict[str, float]]:
    import numpy as np

    table = np.asarray(scores, np.float64)
    table = np.exp(table - table.max(1, keepdims=True))
    table /= table.sum(1, keepdims=True)
    return [dict(zip(labels, row, strict=True)) for row in table.tolist()]
