"""The tree in the README: each file with what it says of itself. `python -m tests.tree` draws it anew."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOMS = ("assistant", "finetune", "eval", "demos", "ui")
SHIPPED = {
    ".safetensors": "Weights",
    ".json": "Settings of the weights",
    ".md": "Model card",
    ".npz": "Stored numbers",
    ".png": "Pictures",
}
"""Files that cannot say what they are."""
START, END = "<!-- tree -->\n", "<!-- end of tree -->"


def first_sentence(path: Path) -> str:
    """What a file says of itself: the first sentence of its docstring or of its first comment."""
    if path.suffix in SHIPPED:
        return SHIPPED[path.suffix]
    text = path.read_text("utf-8")
    if path.suffix == ".py":
        said = ast.get_docstring(ast.parse(text)) or ""
    else:
        found = re.match(r"(?:(?:#|//|/\*|<!--) ?(.*?)\n)+", text)
        said = found[0] if found else ""
        said = re.sub(r"^(#|//|/\*) ?", "", said, flags=re.M).replace("*/", "")
    paragraph = " ".join(said.split("\n\n")[0].split())
    return re.split(r"(?<=[a-z)`])\. ", paragraph, maxsplit=1)[0].rstrip(".:")


def drawn(root: Path) -> str:
    """The tree as a block of text."""
    lines: list[str] = []
    for room in ROOMS:
        if not (root / room).is_dir():
            continue
        lines.append(f"{room}/")
        for path in sorted((root / room).rglob("*")):
            inside = path.relative_to(root)
            hidden = "__pycache__" in inside.parts or (path.is_file() and path.read_bytes() == b"")
            if hidden or path.suffix in {".pyc"}:
                continue
            name = f"{'  ' * (len(inside.parts) - 1)}{path.name}"
            lines.append(f"{name}/" if path.is_dir() else f"{name:<34} {first_sentence(path)}")
    return "```\n" + "\n".join(line.rstrip() for line in lines) + "\n```\n"


def main() -> None:
    root = Path(__file__).parents[1]
    readme = root / "README.md"
    before, _, rest = readme.read_text("utf-8").partition(START)
    _, _, after = rest.partition(END)
    readme.write_text(f"{before}{START}{drawn(root)}{END}{after}", "utf-8")


if __name__ == "__main__":
    main()
