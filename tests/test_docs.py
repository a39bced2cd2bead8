"""docs/security.md and docs/serving.md name tests: each of them is there. Extras are installed by what can do it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(("page", "least"), [("security.md", 20), ("serving.md", 10)])
def test_every_test_that_a_page_names_is_there(page: str, least: int) -> None:
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "docs" / page).read_text("utf-8")))
    there = "\n".join(path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    missing = {name for name in named if f"def {name}(" not in there}
    assert len(named) > least and not missing


def test_extras_are_installed_by_parleys_own_setup() -> None:
    """PyPI's `parley` is another project's."""
    folders = ("assistant", "demos", "docs", "eval", "finetune", "ui")
    files = [path for name in folders for end in ("py", "md") for path in (ROOT / name).rglob(f"*.{end}")]
    said = "\n".join(path.read_text("utf-8") for path in [*files, ROOT / "README.md"])
    assert not re.findall(r"pip install [^\n]*\bparley\b", said)
    extras = [word for each in re.findall(r"PARLEY_EXTRAS=([\w,]+)", said) for word in each.split(",")]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert {"eval", "gpu", "scale"} <= set(extras) <= project["optional-dependencies"].keys()
