"""How fast a model is here and what it needs: each engine and quantisation in a process of its own.

python -m eval.speed MODEL ENGINE [QUANTISATION]
"""

from __future__ import annotations

import json
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from assistant.catalogue import ModelEntry
from assistant.engines.protocol import Capability, Message, Sampling
from assistant.engines.remote import Remote
from assistant.errors import EngineFailed
from assistant.hardware import installed_version
from assistant.service import Assistant
from eval.answers import Answers, key
from eval.local_rows import rows
from eval.suite import SuiteTask

REPEATS = 3
TOKENS = 64
PROMPT = [Message("user", "Tell a long story about a small harbour town, its people, its boats and its weather. " * 8)]
LISTEN_SECONDS = 1.0
"""Between two looks at whether a person asked for a pause, while a process is timed."""
Told = Callable[[int, int], None]


def able(entry: ModelEntry | Remote, task: SuiteTask) -> bool:
    """Whether a model runs on the task's engine in the task's form here."""
    if isinstance(entry, Remote):
        return False
    if task.options.get("quantisation") and not installed_version("bitsandbytes"):
        return False
    return task.options["engine"] == "transformers" or entry.format == "gguf"


def evaluate(
    task: SuiteTask, data: Path, model: str, limit: int | None, answers: Answers, tell: Told
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Results and samples of one engine and form. data: questions whose answers are right or wrong, which say what its
    speed costs. Raises EngineFailed with what the process said, and what `tell` raises."""
    engine, quantisation = task.options["engine"], task.options.get("quantisation") or ""
    asked = rows(data, task.reader, limit)
    name = key("speed", model, engine, quantisation, len(asked))
    tell(0, 1)
    if name not in answers:
        words = [sys.executable, "-P", "-m", "eval.speed", model, engine, quantisation, str(data), str(len(asked))]
        told, errors = _said(words, lambda: tell(0, 1))
        lines = told.splitlines()
        if not lines:  # one that only dies on its way out has said everything
            said = errors.strip().splitlines()[-1:] or ["it said nothing"]
            raise EngineFailed(f"{model} could not be timed on {engine}: {said[0]}", hint="Try it with `parley chat`.")
        answers.add({name: json.loads(lines[-1])})
    tell(1, 1)
    found: dict[str, Any] = answers[name]
    samples: list[dict[str, Any]] = [
        {
            "doc_id": place,
            "doc": row,
            "target": row["answer"],
            "arguments": [[row["question"]]],
            "filtered_resps": [said],
            "filter": "none",
            "doc_hash": key(row),
            "right": float(_right(said, row["answer"])),
        }
        for place, (row, said) in enumerate(zip(asked, found.pop("said"), strict=True))
    ]
    figures = {f"{metric},none": value for metric, value in found.items()}
    figures["right,none"] = statistics.fmean(float(each["right"]) for each in samples)
    better = {"tokens_per_second": True, "right": True, "load_seconds": False, "first_token_seconds": False}
    return {
        "results": {task.name: {"alias": task.name, **figures}},
        "configs": {task.name: {"task": task.name, **task.options}},
        "versions": {task.name: 1.0},
        "higher_is_better": {task.name: {**better, "peak_gigabytes": False}},
        "n-samples": {task.name: {"original": len(samples), "effective": len(samples)}},
    }, samples


def measured(model: str, engine: str, quantisation: str | None, questions: list[dict[str, Any]]) -> dict[str, Any]:
    """Seconds to load, to the first token of a long prompt, tokens a second after it, memory at its highest, and what
    was said to the questions."""
    assistant, started = Assistant(), time.perf_counter()
    loaded = assistant.engine(model, engine=engine, quantisation=quantisation, capability=Capability.GENERATE)
    load = time.perf_counter() - started
    first: list[float] = []
    pace: list[float] = []
    for repeat in range(REPEATS):
        prompt = [Message("user", f"{repeat}. {PROMPT[0].content}")]  # none begins as one that was read before
        *_, last = loaded.generate(prompt, Sampling(temperature=0, max_tokens=TOKENS))
        usage = last.usage
        assert usage is not None  # noqa: S101 - the last delta has it
        first.append(usage.time_to_first_token)
        pace.append(usage.tokens_per_second)
    short = Sampling(temperature=0, max_tokens=32)
    said = [
        "".join(delta.text for delta in loaded.generate([Message("user", row["question"])], short)) for row in questions
    ]
    found = {
        "tokens_per_second": statistics.median(pace),
        "first_token_seconds": statistics.median(first),
        "load_seconds": load,
        "peak_gigabytes": _peak_bytes() / 1e9,
        "said": said,
    }
    assistant.close()
    return found


def _said(words: Sequence[str], listen: Callable[[], None]) -> tuple[str, str]:
    """What a process says on its two streams. listen: called while it works; what that raises ends the process, and a
    llama.cpp that it began ends with it."""
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            while True:
                with suppress(subprocess.TimeoutExpired):
                    return process.communicate(timeout=LISTEN_SECONDS)
                listen()
        except BaseException:
            process.kill()
            raise


def _right(said: str, answer: str) -> bool:
    """Whether the last number of an answer is the right one."""
    numbers = re.findall(r"-?\d+", said)
    return bool(numbers) and numbers[-1] == str(answer)


def _peak_bytes() -> int:
    """Of this process and those that it began, the most that each had, and what was on GPUs."""
    own = psutil.Process()
    here = sum(_highest(process.pid) for process in (own, *own.children(recursive=True)))
    return here + gpu_bytes(sys.modules.get("torch"))


def gpu_bytes(torch: Any) -> int:
    """The most that tensors took on each CUDA device, together. torch: the module, None where it was not loaded, as for
    llama.cpp, which computes in memory that a process has."""
    if torch is None or not torch.cuda.is_available():
        return 0
    return sum(torch.cuda.max_memory_allocated(device) for device in range(torch.cuda.device_count()))


def _highest(pid: int) -> int:
    status = Path(f"/proc/{pid}/status")
    if not status.exists():  # not Linux: what it has now
        return psutil.Process(pid).memory_info().rss
    line = next((line for line in status.read_text().splitlines() if line.startswith("VmHWM")), "VmHWM: 0 kB")
    return int(line.split()[1]) * 1024


def main() -> None:
    model, engine, quantisation, data, count = sys.argv[1:]
    print(json.dumps(measured(model, engine, quantisation or None, rows(Path(data), "sum", int(count)))))  # noqa: T201


if __name__ == "__main__":
    main()
