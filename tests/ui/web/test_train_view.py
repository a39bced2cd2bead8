"""What the train page says of a dry run."""

from __future__ import annotations

from assistant.hardware import Machine
from assistant.run import State, Status
from finetune.sft import SFTSettings
from ui.web.train_view import dry_run_html

MEASURED = {
    "peak_bytes": 4e9,
    "seconds_per_step": 2.0,
    "tokens_per_second": 300.0,
    "steps": 100.0,
    "eta_seconds": 200.0,
    "disk_bytes": 1e8,
}
HINT = "Try gradient_checkpointing=true, which is a third <slower>."


def shown(free: float, **more: float) -> str:
    status = Status(State.FINISHED, figures=MEASURED | more, hint=HINT)
    return dry_run_html(status, SFTSettings(data="x"), Machine("", 2, 2, int(16e9), int(free)))


def test_what_does_not_fit_is_said_with_what_would() -> None:
    assert "does not fit" not in shown(8e9) and "a third" not in shown(8e9) and 'role="status"' in shown(8e9)
    refused = shown(4.2e9)  # a tenth is for all else
    assert "It does not fit into memory." in refused and "which is a third &lt;slower&gt;" in refused
    assert 'role="alert"' in refused and "4.0 GB at its peak, 3.8 GB free" in refused


def test_the_parts_of_a_loop_are_listed() -> None:
    assert "of 2.0 s, 300 tokens a second" in shown(8e9)
    listed = shown(8e9, sft_seconds=60.0, reward_seconds=120.0, rlhf_seconds=600.0, comparison_seconds=30.0)
    assert "1:00 for the supervised fine-tuning, 2:00 for two reward models" in listed and "tokens a" not in listed
