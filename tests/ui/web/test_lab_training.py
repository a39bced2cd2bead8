"""What the lab's page offers for a training is what there is."""

from __future__ import annotations

from typing import get_args, get_type_hints

import pytest

from demos.architectures import ARCHITECTURES, BUILT_IN
from ui.web.lab_training import CHOICES, OWN, QUICK_STEPS, SETS


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_an_architectures_settings_of_few_values_are_lists(name: str) -> None:
    config = ARCHITECTURES[name].config_class()
    few = {field: get_args(kind) for field, kind in get_type_hints(config).items() if isinstance(_first(kind), str)}
    offered = CHOICES.get(name)
    assert few == ({offered.setting: tuple(value for _, value in offered.options)} if offered else {})
    if offered:
        assert offered.options[0][1] == getattr(config(), offered.setting)


def _first(kind: object) -> object:
    """Of a Literal, its first value; of others nothing, or a type."""
    return next(iter(get_args(kind)), None)


def test_every_architecture_is_offered_data_and_steps() -> None:
    assert set(QUICK_STEPS) == set(ARCHITECTURES)
    assert {each.learns for each in ARCHITECTURES.values()} == set(SETS) == set(OWN)
    assert {value for offered in SETS.values() for _, value in offered} == set(BUILT_IN)
