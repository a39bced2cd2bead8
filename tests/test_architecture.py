"""The house stands as drawn: imports point one way, heavy ones are late, and the README's tree is the disk's."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests import tree

ROOT = Path(__file__).parents[1]
MAY_IMPORT = {  # a room: the rooms that it may look into
    "assistant": {"assistant"},
    "finetune": {"finetune", "assistant"},
    "eval": {"eval", "assistant"},
    "demos": {"demos"},
    "ui": {"ui", "eval", "finetune", "demos", "assistant"},
}
ROOMS = set(MAY_IMPORT)


def modules() -> list[Path]:
    return [path for room in sorted(ROOMS) for path in sorted((ROOT / room).rglob("*.py"))]


def imported(path: Path) -> set[str]:
    """The rooms that a module imports from, wherever in it the import stands."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add((node.module or "").split(".")[0])
    return found & ROOMS


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_one_way(path: Path) -> None:
    room = path.relative_to(ROOT).parts[0]
    assert imported(path) <= MAY_IMPORT[room]


def test_an_arrow_that_points_back_would_be_seen(tmp_path: Path) -> None:
    module = tmp_path / "wrong.py"
    module.write_text("def late():\n    from ui.web import app\n    import finetune.sft\n")
    assert imported(module) == {"ui", "finetune"}


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("assistant.service", {"torch", "transformers", "gradio", "xllamacpp", "alembic"}),
        ("ui.web.app", {"torch", "transformers", "diffusers", "sklearn", "xllamacpp"}),
    ],
)
def test_what_a_person_waits_for_loads_nothing_heavy(module: str, heavy: set[str]) -> None:
    """The terminal waits for the one, the page for the other; torch alone would take two seconds."""
    code = f"import sys, {module}; print(*{heavy} & {{*sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.split() == []


def test_the_readme_has_the_tree_of_the_disk() -> None:
    assert tree.drawn(ROOT) in (ROOT / "README.md").read_text("utf-8"), "`python -m tests.tree` draws it anew"
