"""The list of weights, as it is offered and as it is refreshed under somebody's hand."""

from __future__ import annotations

from pathlib import Path

from assistant.runs import Runs
from ui.web.lab_weights import refreshed, weights_of


def test_what_is_chosen_is_left_alone_when_the_list_is_refreshed(tmp_path: Path) -> None:
    runs = Runs(tmp_path)
    assert weights_of(runs, "vae")["value"] == "vae"
    assert "value" not in refreshed(runs, "vae", "vae")
    assert refreshed(runs, "vae", "a-run-that-is-gone")["value"] == "vae"
