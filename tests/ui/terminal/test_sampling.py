"""Sampling options come from the fields of `Sampling`, and so does what /set takes."""

from __future__ import annotations

from dataclasses import fields

import pytest

from assistant.engines.protocol import Sampling
from assistant.errors import BadSettings
from ui.terminal.sampling import read_setting


def test_every_field_is_an_option_with_its_help(parley):
    shown = " ".join(parley("chat", "--help").stdout.replace("│", " ").split())
    for field in fields(Sampling):
        assert f"--{field.name.replace('_', '-')}" in shown
        assert field.metadata["help"] in shown


@pytest.mark.parametrize(
    ("words", "setting"),
    [
        ("temperature 0.3", ("temperature", 0.3)),
        ("temperature=0.3", ("temperature", 0.3)),
        ("max-tokens 5", ("max_tokens", 5)),
        ("seed default", ("seed", None)),
        ("stop END of it", ("stop", ["END of it"])),
    ],
)
def test_read_setting(words, setting):
    assert read_setting(words) == setting


@pytest.mark.parametrize("words", ["", "warmth 1", "temperature", "temperature hot", "top_k 1.5"])
def test_read_setting_refuses(words):
    with pytest.raises(BadSettings):
        read_setting(words)
