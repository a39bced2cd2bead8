"""The sentences that translators are measured on, as files that `sacrebleu` reads."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from finetune.held_out import write
from finetune.translation_data import Measured


def test_a_sentence_with_fewer_translations_has_empty_lines(tmp_path: Path) -> None:
    test = Measured(("Go now.", "I see it well."), (("Va.", "Vas-y donc maintenant."), ("Je le vois très bien.",)))
    write(test, tmp_path / "out", "en-fr")
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["en-fr.ref1", "en-fr.ref2", "en-fr.txt"]
    assert (tmp_path / "out" / "en-fr.txt").read_text("utf-8") == "Go now.\nI see it well.\n"
    assert (tmp_path / "out" / "en-fr.ref2").read_text("utf-8") == "Vas-y donc maintenant.\n\n"

    said = tmp_path / "said.txt"
    said.write_text("Vas-y donc maintenant.\nJe le vois très bien.\n", "utf-8")
    references = [str(tmp_path / "out" / name) for name in names[:2]]
    command = [sys.executable, "-m", "sacrebleu", *references, "-i", str(said), "-b"]
    assert float(subprocess.check_output(command, text=True)) == 100
