"""Settings and presets."""

from __future__ import annotations

import pytest

from assistant.errors import BadSettings
from assistant.settings import ChatSettings, presets, sampling_from


def test_every_mistake_is_reported_at_once() -> None:
    with pytest.raises(BadSettings) as caught:
        sampling_from({"temperature": 9, "top_p": "much", "heat": 1, "max_tokens": 0})
    for word in ("temperature", "top_p", "heat", "max_tokens"):
        assert word in caught.value.message


@pytest.mark.parametrize(
    ("given", "name", "value"),
    [
        ({"temperature": "0.5"}, "temperature", 0.5),
        ({"top_k": 20.0}, "top_k", 20),
        ({"seed": None}, "seed", None),
        ({"seed": ""}, "seed", None),
        ({"seed": 3.0}, "seed", 3),
        ({"stop": ["END", ""]}, "stop", ("END",)),
        ({"temperature": None}, "temperature", 0.7),
    ],
)
def test_values_are_taken_as_people_write_them(given: dict[str, object], name: str, value: object) -> None:
    assert getattr(sampling_from(given), name) == value


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "nan", True, [1]])
def test_values_that_are_no_numbers_are_refused(value: object) -> None:
    with pytest.raises(BadSettings):
        sampling_from({"temperature": value, "max_tokens": value})


@pytest.mark.parametrize("key", presets())
def test_every_preset_is_whole(key: str) -> None:
    preset = presets()[key]
    assert preset.title and preset.system_prompt and preset.examples
    sampling_from(preset.sampling)


def test_settings_survive_the_store_and_unknown_fields() -> None:
    settings = ChatSettings(model="m", sampling={"top_k": 3}, system_prompt="Be brief.", probabilities=True)
    assert ChatSettings.from_json(settings.to_json() | {"of_a_later_version": 1}) == settings


def test_the_persons_instructions_come_before_the_presets() -> None:
    assert ChatSettings(preset="code").instructions == presets()["code"].system_prompt
    assert ChatSettings(preset="code", system_prompt="").instructions == ""
    assert ChatSettings(preset="gone").instructions == ""
