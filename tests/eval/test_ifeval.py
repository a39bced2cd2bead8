from __future__ import annotations

import hashlib
import io
import json
import subprocess
import zipfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from assistant.errors import RunError
from assistant.run import State
from eval import ifeval, results
from tests.eval.test_runner import evaluated


def wheel(*names: str) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name in names:
            archive.writestr(name, name.rpartition("/")[2])
    return data.getvalue()


def test_nothing_but_the_rules_is_unpacked(tmp_path: Path) -> None:
    target = tmp_path / "punkt_tab" / "english"
    within = ifeval.WITHIN
    ifeval.unpack(wheel(f"{within}sent_starters.txt", f"{within}../../evil.py", "setup.py", f"{within}a/b.txt"), target)
    assert {path.name for path in target.iterdir()} == {"sent_starters.txt", "evil.py", "b.txt"}
    assert not (tmp_path / "evil.py").exists()


@pytest.mark.parametrize(("code", "brings", "said"), [(1, False, "could not be fetched"), (0, True, "not the one")])
def test_rules_that_do_not_come(
    code: int, brings: bool, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(words: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        if brings:
            (Path(words[words.index("--dest") + 1]) / "x.whl").write_bytes(b"other")
        return subprocess.CompletedProcess(words, code, "", "no network\n")

    monkeypatch.setattr(ifeval.subprocess, "run", run)
    with pytest.raises(RunError, match=said) as told:
        ifeval._fetch(tmp_path / "english")
    assert "punkt_tab" in told.value.hint and not (tmp_path / "english").exists()


def test_a_language_is_told() -> None:
    teller = ifeval._teller()
    assert teller.detect("Where is the station, please?") == "en"
    assert teller.detect("Wo ist denn der Bahnhof, bitte?") == "de"
    with pytest.raises(teller.LangDetectException):
        teller.detect("  ")


@pytest.mark.skipif(find_spec("lm_eval") is None, reason="lm-eval is not installed: the eval extra")
def test_instructions_are_checked_by_the_harness(
    tiny_decoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("sent_starters.txt", "collocations.tab", "abbrev_types.txt", "ortho_context.tab")
    made = wheel(*(ifeval.WITHIN + name for name in names))
    monkeypatch.setattr(ifeval, "SHA256", hashlib.sha256(made).hexdigest())

    really = subprocess.run

    def run(words: list[str], **options: Any) -> Any:
        if "--dest" not in words:
            return really(words, **options)
        (Path(words[words.index("--dest") + 1]) / "x.whl").write_bytes(made)
        return subprocess.CompletedProcess(words, 0, "", "")

    monkeypatch.setattr(ifeval.subprocess, "run", run)
    path = tmp_path / "input_data.jsonl"
    row = {
        "key": 1,
        "prompt": "Say what is blue, without commas.",
        "instruction_id_list": ["punctuation:no_comma"],
        "kwargs": [{}],
    }
    path.write_text(json.dumps(row) + "\n")
    run_ = evaluated(tiny_decoder, "ifeval", data=str(path))
    assert run_.status().state is State.FINISHED, run_.status().message
    assert results.read(run_.folder).tasks == ["ifeval"]
    assert 0 <= run_.status().figures["ifeval"] <= 1
