"""What came out of a training, in words."""

from __future__ import annotations

from ui.outcomes import lasting, outcome

LOOP = {"prompts": 128, "kl": 6.04, "effect": 1.41, "effect_low": 1.27, "effect_high": 1.55}


def test_a_loop_is_judged_by_who_taught_it_nothing_first() -> None:
    check = {"check_effect": 0.7, "check_effect_low": 0.55, "check_effect_high": 0.86}
    first, second, third = outcome(LOOP | check)
    assert "nothing was learnt from the reward rose by 0.70 standard deviations (95 %: 0.55 to 0.86)." in first
    assert "rose by 1.41" in second and "6.0 nats" in third


def test_what_may_be_chance_is_called_so() -> None:
    (first, _) = outcome(LOOP | {"effect": -0.1, "effect_low": -0.3, "effect_high": 0.1})
    assert "fell by 0.10" in first and "may be chance" in first
    (first, _) = outcome(LOOP | {"effect": 0.0, "effect_low": 0.0, "effect_high": 0.0})
    assert "the reward stayed as it was (95 %: 0.00 to 0.00" in first


def test_figures_of_other_methods() -> None:
    assert outcome({}) == []
    assert outcome({"mini grammar": 0.7, "eval_runtime": 3.0}) == []  # no rows of the data, no measure of the model
    assert outcome({"bleu": 31.25, "chrf": 50.0, "bleu_before": 20.0}) == [
        "On rows that were set apart: BLEU 31.2 (20 before), chrF 50."
    ]
    assert outcome({"eval_loss": 1.2345, "eval_accuracy": 0.5}) == [
        "On rows that were set apart: loss 1.23, accuracy 50.0%."
    ]


def test_a_dry_run_of_a_loop_says_how_long_each_part_takes() -> None:
    assert lasting({"eta_seconds": 90.0, "steps": 3.0}) == []
    assert lasting({"rlhf_seconds": 60.0, "comparison_seconds": 30.0, "eta_seconds": 90.0}) == [
        "1:00 for the reinforcement learning",
        "0:30 for the comparison, reckoned from the pace of the answers before",
    ]
