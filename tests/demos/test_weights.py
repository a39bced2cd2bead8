"""The weights that ship: all of them, small, in float16, and named in their card."""

from __future__ import annotations

from pathlib import Path

import pytest
from safetensors import safe_open

from demos.architectures import ARCHITECTURES, WEIGHTS
from demos.lesson import read_about

FOLDERS = {*ARCHITECTURES, "rnn-plain"}
MOST_BYTES = 10_000_000


def test_every_architecture_has_some_and_they_are_small() -> None:
    assert {path.name for path in WEIGHTS.iterdir() if path.is_dir()} == FOLDERS | {"eras"}
    assert (
        sum(path.stat().st_size for path in WEIGHTS.rglob("*") if path.suffix in (".safetensors", ".json"))
        <= MOST_BYTES
    )


@pytest.mark.parametrize(
    "path", sorted(WEIGHTS.rglob("*.safetensors")), ids=lambda path: f"{path.parent.name}-{path.stem}"
)
def test_all_of_them_are_in_float16(path: Path) -> None:
    with safe_open(path, "pt") as file:
        parts = [file.get_slice(key) for key in file.keys()]  # noqa: SIM118 - no mapping
    assert parts
    for part in parts:
        assert part.get_dtype() in ("F16", "I64", "U8") or part.get_shape() == [1]  # a number alone may be exact


@pytest.mark.parametrize("name", sorted(FOLDERS))
def test_they_are_in_the_card(name: str) -> None:
    about = read_about(WEIGHTS / name)
    assert about["steps"] == about["config"]["steps"]
    card = (WEIGHTS / "README.md").read_text("utf-8")
    assert f"`{name}`" in card
    usual = ARCHITECTURES[about["architecture"]].config_class()().steps
    assert f"steps={about['steps']}" in card or about["steps"] == usual
