"""Whether an answer keeps its instruction: what must and must not be found in it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any


def process_results(doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, float]:
    """The harness's hook: 1 where all that must be there is, and nothing that must not."""
    answer = results[0].strip()
    found = all(re.search(pattern, answer) for pattern in doc["must"])
    kept = found and not any(re.search(pattern, answer) for pattern in doc["must_not"])
    return {"kept": float(bool(answer) and kept)}
