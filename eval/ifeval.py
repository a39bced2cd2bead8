"""What IFEval's checks want beside the harness: NLTK's rules for English sentences, from a wheel that carries them, and
a teller of languages, which py3langid is here."""

from __future__ import annotations

import hashlib
import io
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path, PurePosixPath
from types import ModuleType

from assistant import paths
from assistant.errors import RunError
from assistant.languages import probabilities
from assistant.weights.wheels import FLAGS, QUIET
from assistant.whole_files import beside

WHEEL = "llama-index-core==0.14.25"
SHA256 = "caa7d9c5ac9b13dc33400cf8d5e92e689b6d1e4497eb9bfa50d6f52ca2eb22a1"
WITHIN = "llama_index/core/_static/nltk_cache/tokenizers/punkt_tab/english/"
"""Where the wheel has Punkt (Kiss & Strunk 2006), trained on English newspapers; NLTK's data, Apache-2.0."""


def prepare() -> None:
    """Make IFEval's checks ready to be imported. Raises RunError where the rules can neither be found nor fetched."""
    import nltk

    folder = paths.datasets_folder() / "nltk_data"
    if str(folder) not in nltk.data.path:
        nltk.data.path.append(str(folder))
    try:
        nltk.data.find("tokenizers/punkt_tab")
    except LookupError:
        _fetch(folder / "tokenizers" / "punkt_tab" / "english")
    try:
        import langdetect  # noqa: F401  # pyright: ignore[reportMissingImports, reportUnusedImport]
    except ImportError:
        sys.modules["langdetect"] = _teller()


def _teller() -> ModuleType:
    """As IFEval uses langdetect: `detect(text)` gives ISO 639-1 or raises LangDetectException."""
    made = ModuleType("langdetect")

    class LangDetectException(Exception):
        pass

    def told(text: str) -> str:
        if not (found := probabilities(text)):
            raise LangDetectException("No features in text.")
        return found[0].code

    made.detect = told  # type: ignore[attr-defined]
    made.LangDetectException = LangDetectException  # type: ignore[attr-defined]
    return made


def _fetch(target: Path) -> None:
    hint = f"It takes NLTK's punkt_tab/english from the wheel {WHEEL}; put that folder at {target}."
    with tempfile.TemporaryDirectory(prefix="parley-punkt-") as folder:
        words = [sys.executable, "-m", "pip", "download", *FLAGS, *QUIET, "--dest", folder, WHEEL]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        wheels = list(Path(folder).glob("*.whl"))
        if done.returncode or not wheels:
            said = done.stderr.strip().splitlines()[-1:] or ["pip said nothing"]
            raise RunError(f"IFEval's rules for sentences could not be fetched: {said[0]}", hint=hint)
        data = wheels[0].read_bytes()
    if hashlib.sha256(data).hexdigest() != SHA256:
        raise RunError(f"The wheel {WHEEL} is not the one that it was.", hint=hint)
    unpack(data, target)


def unpack(wheel: bytes, target: Path) -> None:
    """Write the rules, and nothing else of a wheel, into a folder."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive, beside(target) as partial:
        partial.mkdir()
        for name in archive.namelist():
            if name.startswith(WITHIN) and not name.endswith("/"):
                with archive.open(name) as source, (partial / PurePosixPath(name).name).open("wb") as file:
                    shutil.copyfileobj(source, file)
