"""`parley translate` with the real translators and no Hub: a sentence in four languages, a document of five pages."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.assistant.embedded import embedded

pytestmark = pytest.mark.model
ROOT = Path(__file__).parents[3]
PLAYING = "The children were playing happily in the garden."
WORDS = 2000
"""Five pages."""
PROSE = re.compile(r"[A-Z][^|`\n]{40,}(?:\n[^|`\n]+)*[.:]")


def parley(*words: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("parley")
    return subprocess.run([program, *words], capture_output=True, text=True, timeout=1500, check=False)


@pytest.mark.parametrize(
    ("target", "model", "expected"),
    [
        ("pt", "bergamot-en-pt", "crianças.*brinca(vam|ndo) (alegremente|felizes) no jardim"),
        ("fr", "parley-t5", "enfants jouaient (avec bonheur|joyeusement|gaiement) dans le jardin"),
        ("es", "parley-t5-es-de", "niños (estaban jugando|jugaban) (felizmente|alegremente) en el jardín"),
        ("de", "parley-t5-es-de", "Kinder spielten (glücklich|fröhlich) im Garten"),
    ],
    ids=["pt", "fr", "es", "de"],
)
def test_a_sentence_by_the_model_that_serves_best(target: str, model: str, expected: str) -> None:
    embedded(model)
    said = parley("translate", "--from", "en", "--to", target, PLAYING)
    assert re.search(expected, said.stdout), said
    assert f"By {model}: " in said.stderr


def five_pages() -> str:
    """The prose of this project's own documents, a paragraph each."""
    files = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    found = (" ".join(part.split()) for file in files for part in file.read_text("utf-8").split("\n\n"))
    kept: list[str] = []
    for part in found:
        if PROSE.fullmatch(part) and sum(len(each.split()) for each in kept) < WORDS:
            kept.append(part)
    return "\n\n".join(kept) + "\n"


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("model", "target"), [("bergamot-en-pt", "pt"), ("parley-t5", "fr"), ("qwen2.5-coder-1.5b-instruct", "de")]
)
def test_a_document_of_five_pages(model: str, target: str, tmp_path: Path) -> None:
    embedded(model)
    source, output = tmp_path / "pages.txt", tmp_path / "said.txt"
    source.write_text(five_pages(), "utf-8")
    assert len(source.read_text("utf-8").split()) >= WORDS
    said = parley("translate", "-i", str(source), "-o", str(output), "--from", "en", "--to", target, "--model", model)
    assert said.returncode == 0, said.stderr
    ours, theirs = (path.read_text("utf-8").split("\n\n") for path in (source, output))
    assert len(ours) == len(theirs)
    lost = set(re.findall("“(.+?)”", said.stderr)) if "lost" in said.stderr else set[str]()
    for before, after in zip(ours, theirs, strict=True):
        assert len(after) > 0.4 * len(before) and after != before
    numbers = [number for text in ours for number in re.findall(r"\b\d{2,}\b", text)]
    missing = [number for number in numbers if number not in output.read_text("utf-8")]
    assert not missing or lost, "what is lost is told"
