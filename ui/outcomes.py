"""What came out of a training, in words, as the terminal and the page say it."""

from __future__ import annotations

from collections.abc import Mapping

from ui.amounts import span

NAMES = {
    "accuracy": "accuracy",
    "accuracy_undisputed": "accuracy of undisputed rows",
    "macro_f1": "macro-F1",
    "calibration_error": "calibration error",
    "bleu": "BLEU",
    "chrf": "chrF",
    "eval_loss": "loss",
    "eval_accuracy": "accuracy",
    "eval_margin": "margin",
    "eval_reward": "reward",
}
"""Figures of rows that were set apart → as they are called; a suite's figures are said elsewhere."""
SHARES = ("accuracy", "macro_f1", "accuracy_undisputed", "eval_accuracy", "calibration_error")
"""Figures that are said in hundredths."""
PARTS = {
    "sft_seconds": "for the supervised fine-tuning",
    "reward_seconds": "for two reward models, which take the same",
    "rlhf_seconds": "for the reinforcement learning",
    "comparison_seconds": "for the comparison, reckoned from the pace of the answers before",
}
"""Figures of a dry run of the loop → what takes so long."""
LEAST = 0.005
"""Standard deviations that are said as a movement."""
CHECK = "rewards/check_0/mean"
CALLED = {CHECK: "check", "kl": "KL", "length": "tokens an answer"}
"""Figures of a step that are not called by their own words."""


def called(figure: str) -> str:
    """A figure of a step, as the terminal and the page call it."""
    return CALLED.get(figure, figure.replace("_", " ").replace(" per ", "/"))


def outcome(figures: Mapping[str, float]) -> list[str]:
    """A sentence or two; nothing for a run without figures."""
    if "effect" in figures:
        return _loop(figures)
    said: list[str] = []
    for name, value in figures.items():
        if called := NAMES.get(name):
            before = figures.get(f"{name}_before")
            was = "" if before is None else f" ({_value(name, before)} before)"
            said.append(f"{called} {_value(name, value)}{was}")
    return [f"On rows that were set apart: {', '.join(said)}."] if said else []


def _loop(figures: Mapping[str, float]) -> list[str]:
    """The comparison at the end of rlhf-loop: the judge that nothing was learnt from comes first."""
    held_out = "check_" if "check_effect" in figures else ""
    lines = [
        f"Answers to {figures['prompts']:.0f} questions that nothing was trained on, before and after: "
        f"{'by the judge that nothing was learnt from' if held_out else 'by the reward model'} the reward "
        f"{_rise(figures, held_out)}."
    ]
    if held_out:
        lines.append(f"By the judge that was learnt from it {_rise(figures, '')}.")
    if "kl" in figures:
        lines.append(f"The answers are {figures['kl']:.1f} nats (KL, a whole answer) from where they began.")
    return lines


def _rise(figures: Mapping[str, float], judge: str) -> str:
    effect, low, high = (figures[f"{judge}{name}"] for name in ("effect", "effect_low", "effect_high"))
    if abs(effect) < LEAST:
        return f"stayed as it was (95 %: {low:.2f} to {high:.2f} standard deviations)"
    moved = "rose" if effect > 0 else "fell"
    doubt = "" if low > 0 or high < 0 else ", which may be chance"
    return f"{moved} by {abs(effect):.2f} standard deviations (95 %: {low:.2f} to {high:.2f}){doubt}"


def _value(name: str, value: float) -> str:
    return f"{value:.1%}" if name in SHARES else f"{value:.3g}"


def lasting(figures: Mapping[str, float]) -> list[str]:
    """How long each part of a loop will take, by a dry run; nothing for what has no parts."""
    return [f"{span(figures[name])} {called}" for name, called in PARTS.items() if name in figures]
