"""Evaluations as runs: on a tiny decoder, through the harness itself, killed and resumed, and with bad input."""

from __future__ import annotations

import errno
import gzip
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from datetime import date
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from assistant.engines import scoring
from assistant.engines.transformers import TransformersEngine
from assistant.errors import BadDataset, BadSettings, CapabilityMissing, ParleyError, UnknownModel, UnknownTask
from assistant.run import Run, State
from assistant.run_worker import Worker
from assistant.runs import Runs
from eval import groups, harness, results, row_files, runner
from eval.runner import Evaluation, create, run_suite
from tests.tiny import TEMPLATE

pytestmark = pytest.mark.skipif(find_spec("lm_eval") is None, reason="lm-eval is not installed: the eval extra")

HELLASWAG = "".join(
    f"Roof: A man sits on roof {n}. he\n{n % 4}\nflies away.\nstands up again.\nsings a song.\nsinks.\n"
    for n in range(12)
)


def evaluated(model: object, suite: str, **more: Any) -> Run:
    """A run done in this process."""
    run = create(Runs(), Evaluation(model=str(model), suite=suite, **more))
    worker = Worker(run.folder)
    worker.work(lambda: run_suite(Evaluation(**run.settings), worker))
    return run


@pytest.fixture
def hellaswag(tmp_path: Path) -> Path:
    path = tmp_path / "hellaswag_val_full.txt"
    path.write_text(HELLASWAG, "utf-8")
    return path


def test_results_are_the_harness_s_own(tiny_decoder: Path, hellaswag: Path) -> None:
    from lm_eval import simple_evaluate
    from lm_eval.loggers import EvaluationTracker
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    from eval.suite import suite

    run = evaluated(tiny_decoder, "hellaswag", data=str(hellaswag), limit=10)
    assert run.status().state is State.FINISHED, run.status().message
    ours = results.read(run.folder)
    scratch = run.folder / "theirs"
    scratch.mkdir()
    config = harness._config(harness.Given(suite("hellaswag").tasks[0], hellaswag), scratch, 10)
    theirs: Any = simple_evaluate(
        model=HFLM(pretrained=str(tiny_decoder), device="cpu", dtype="float32", batch_size=3),
        tasks=[str(config)],
        task_manager=TaskManager(include_defaults=False),
        bootstrap_iters=0,
    )
    expected = theirs["results"]["hellaswag"]
    assert {f.name: f.value for f in ours.figures()} == {name: expected[name] for name in ("acc,none", "acc_norm,none")}
    for mine, other in zip(ours.samples("hellaswag"), theirs["samples"]["hellaswag"], strict=True):
        assert mine["doc_hash"] == other["doc_hash"]
        for one, two in zip(mine["filtered_resps"], other["filtered_resps"], strict=True):
            assert one[0] == pytest.approx(two[0], abs=2e-4)
    stored = json.loads((run.folder / "results.json").read_text())
    assert {"results", "configs", "versions", "n-shot", "n-samples", "higher_is_better", "config"} <= set(stored)
    assert stored["n-samples"]["hellaswag"] == {"original": 10, "effective": 10}
    assert stored["config"]["engines"] == ["transformers"] and len(stored["config"]["data_sha256"]["hellaswag"]) == 64
    assert not (run.folder / "scratch").exists()
    tracker = EvaluationTracker(output_path=str(scratch / "theirs.json"))
    tracker.save_results_aggregated(theirs, theirs["samples"])
    (written,) = scratch.glob("theirs_*.json")
    assert stored["task_hashes"] == json.loads(written.read_text())["task_hashes"]
    assert stored["config"]["template_hash"] == hashlib.sha256(TEMPLATE.encode()).hexdigest()[:12]


def test_the_mini_suite_asks_for_everything_that_a_model_can_do(tiny_decoder: Path) -> None:
    run = evaluated(tiny_decoder, "mini", limit=2)
    assert run.status().state is State.FINISHED, run.status().message
    scored = ["mini_choice", "mini_grammar", "mini_reading", "mini_truth", "mini_bias"]
    names = [*scored, "mini_arithmetic", "mini_instructions", "mini_sentiment"]
    assert results.read(run.folder).tasks == names
    left_out = results.read(run.folder).config["left_out"]
    assert left_out["this model cannot summarise"] == ["summaries"] and "this model cannot translate" in left_out
    assert set(run.status().figures) == set(names)


def test_what_was_answered_is_not_asked_again(
    tiny_decoder: Path, hellaswag: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = evaluated(tiny_decoder, "hellaswag", data=str(hellaswag))
    asked: list[int] = []
    score = TransformersEngine.score

    def fail(self: TransformersEngine, requests: Any) -> Any:
        if len(asked) == 3:
            raise MemoryError
        asked.append(len(requests))
        return score(self, requests)

    monkeypatch.setattr("eval.harness_model.SCORES_AT_A_TIME", 8)
    monkeypatch.setattr(TransformersEngine, "score", fail)
    run = create(Runs(), Evaluation(model=str(tiny_decoder), suite="hellaswag", data=str(hellaswag)))
    worker = Worker(run.folder)
    with pytest.raises(MemoryError):
        worker.work(lambda: run_suite(Evaluation(**run.settings), worker))
    assert run.status().state is State.FAILED
    monkeypatch.setattr(TransformersEngine, "score", lambda self, some: asked.append(-len(some)) or score(self, some))
    worker = Worker(run.folder)
    worker.work(lambda: run_suite(Evaluation(**run.settings), worker))
    assert asked == [8, 8, 8, -8, -8, -8]
    one, other = results.read(whole.folder), results.read(run.folder)
    assert list(one.figures()) == list(other.figures())


@pytest.mark.parametrize(
    "name", ["tiny", pytest.param("smollm2-135m-instruct", marks=[pytest.mark.model, pytest.mark.slow])]
)
def test_likelihoods_do_not_depend_on_the_batch(
    name: str, tiny_decoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Texts of all lengths, one at a time and sixteen at a time: padded, and endings of one question in one row."""
    path = tmp_path / "hellaswag_val_full.txt"
    rows = [
        f"Roof: {'A man is on a roof. ' * (1 + n)}he\n{n}\nflies away.\nstands up{' again' * n}.\n"
        "sings a song about the sea.\nsinks.\n"
        for n in range(4)
    ]
    path.write_text("".join(rows), "utf-8")
    likelihoods = scoring.log_likelihoods
    passes: list[int] = []

    def counted(forward: Any, batch: Any) -> Any:
        passes.append(sum(len(work.pairs) for work in batch))
        return likelihoods(forward, batch)

    monkeypatch.setattr(scoring, "log_likelihoods", counted)
    found: dict[int, results.Results] = {}
    for size in (1, 16):
        monkeypatch.setattr("eval.harness_model.SCORES_AT_A_TIME", size)
        run = evaluated(tiny_decoder if name == "tiny" else name, "hellaswag", data=str(path))
        assert run.status().state is State.FINISHED, run.status().message
        assert sum(passes) == 16 and (set(passes) == {1}) is (size == 1)
        passes.clear()
        found[size] = results.read(run.folder)
    pairs = list(zip(found[1].samples("hellaswag"), found[16].samples("hellaswag"), strict=True))
    assert len(pairs) == 4
    for alone, together in pairs:
        ours, theirs = ([float(each[0]) for each in row["filtered_resps"]] for row in (alone, together))
        assert ours == pytest.approx(theirs, abs=1e-4) and len(set(ours)) == 4
    assert list(found[1].figures()) == list(found[16].figures())


def test_pause_is_heard_between_two_parts(tiny_decoder: Path, hellaswag: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eval.harness_model.SCORES_AT_A_TIME", 8)
    run = create(Runs(), Evaluation(model=str(tiny_decoder), suite="hellaswag", data=str(hellaswag)))
    worker = Worker(run.folder)
    (run.folder / "request").write_text("pause")
    worker.work(lambda: run_suite(Evaluation(**run.settings), worker))
    assert run.status().state is State.PAUSED and not (run.folder / "results.json").exists()
    (run.folder / "request").unlink()
    worker = Worker(run.folder)
    worker.work(lambda: run_suite(Evaluation(**run.settings), worker))
    assert run.status().state is State.FINISHED


def test_killed_at_any_moment_nothing_is_lost(tiny_decoder: Path, tmp_path: Path) -> None:
    rows = tmp_path / "many.txt"
    rows.write_text(HELLASWAG * 60, "utf-8")
    runs = Runs()
    run = create(runs, Evaluation(model=str(tiny_decoder), suite="hellaswag", data=str(rows), limit=600))
    process = subprocess.Popen([sys.executable, "-P", "-m", "eval", str(run.folder)])
    answers = run.folder / "answers.jsonl"
    deadline = time.monotonic() + 200
    while time.monotonic() < deadline and not (answers.exists() and answers.stat().st_size):
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert run.status().state is State.INTERRUPTED
    known = answers.read_bytes()
    subprocess.run([sys.executable, "-P", "-m", "eval", str(run.folder)], check=True, timeout=120)
    assert run.status().state is State.FINISHED
    assert answers.read_bytes().startswith(known.rpartition(b"\n")[0])
    assert next(results.read(run.folder).figures()).samples == 600


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        pytest.param({"suite": "nothing"}, UnknownTask, "There is no suite", id="unknown suite"),
        pytest.param({"model": "no/such model"}, UnknownModel, "no.such model", id="unknown model"),
        pytest.param({"limit": 0}, BadSettings, "limit must be at least 1", id="no rows wanted"),
        pytest.param({"shots": -1}, BadSettings, "shots must be 0 or more", id="fewer than no examples"),
        pytest.param({"data": "/no/such/file"}, BadDataset, "There is no file", id="no data"),
        pytest.param({"data": "EMPTY"}, BadDataset, "has no hellaswag_val_full.txt", id="a folder without them"),
        pytest.param({"model": "all-minilm-l6-v2"}, CapabilityMissing, "cannot score given texts", id="not its kind"),
        pytest.param({"suite": "chat", "against": "gpt-9"}, UnknownModel, "gpt-9", id="nobody to be compared with"),
        pytest.param(
            {"suite": "chat", "data": None, "against": "TINY", "judge": "gpt-9"}, UnknownModel, "gpt-9", id="no judge"
        ),
        pytest.param(
            {"suite": "own-text", "data": None}, BadDataset, "needs a file of rows", id="no text of one's own"
        ),
        pytest.param(
            {"shots": 2}, BadDataset, "no solved examples beside the rows", id="examples of the rows themselves"
        ),
        pytest.param(
            {"suite": "mini", "data": None, "shots": 20},
            BadDataset,
            "no solved examples",
            id="examples of our own rows",
        ),
        pytest.param(
            {"suite": "sst2", "shots": 1}, BadSettings, "shows no solved examples", id="no place for examples"
        ),
        pytest.param({"suite": "own-text", "data": None}, BadDataset, "needs a file of rows", id="nobody else's rows"),
    ],
)
def test_what_a_person_can_mend_is_said_before_it_begins(
    changes: dict[str, Any], error: type[ParleyError], said: str, tiny_decoder: Path, hellaswag: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    given = {"model": str(tiny_decoder), "suite": "hellaswag", "data": str(hellaswag), **changes}
    if given.get("against") == "TINY":
        given["against"] = str(tiny_decoder)
    if given["data"] == "EMPTY":
        given["data"] = str(tmp_path / "empty")
    with pytest.raises(error, match=said) as told:
        create(Runs(), Evaluation(**given))
    assert told.value.hint
    assert not list(Runs())


def test_rows_that_are_wrong_end_the_run_with_their_place(tiny_decoder: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text('{"ctx": "a"}\n')
    status = evaluated(tiny_decoder, "hellaswag", data=str(path)).status()
    assert status.state is State.FAILED
    assert "Row 1 of x.jsonl has no column 'ctx_a'" in status.message and "It has ctx" in status.hint


def test_examples_never_come_from_the_rows_that_are_measured_on(tiny_decoder: Path, tmp_path: Path) -> None:
    rows = tmp_path / "test.jsonl.gz"
    rows.write_bytes(gzip.compress(b'{"question": "1 + 1?", "answer": "#### 2"}\n'))
    for data in (rows, tmp_path):
        with pytest.raises(BadDataset, match=r"has no train\.jsonl\.gz") as caught:
            create(Runs(), Evaluation(model=str(tiny_decoder), suite="gsm8k", data=str(data)))
        assert "--shots 0" in caught.value.hint
        create(Runs(), Evaluation(model=str(tiny_decoder), suite="gsm8k", data=str(data), shots=0))
    (tmp_path / "train.jsonl.gz").write_bytes(rows.read_bytes())
    (task,) = runner.suite("gsm8k").tasks
    assert row_files.sources(runner.suite("gsm8k"), [task], str(rows)) == {"gsm8k": (rows, tmp_path / "train.jsonl.gz")}
    status = evaluated(tiny_decoder, "gsm8k", data=str(rows)).status()
    assert status.message == "train.jsonl.gz has 1 solved examples; 5 are to be shown." and "--shots 1" in status.hint


def test_a_group_on_a_folder_of_its_subsets(tiny_decoder: Path, tmp_path: Path) -> None:
    """BLiMP as its authors spread it: a file for each kind of grammar, of which some are here."""
    folder = tmp_path / "blimp"
    folder.mkdir()
    for subset, count in (("adjunct_island", 4), ("wh_island", 2)):
        pairs = [{"sentence_good": f"what is {n}", "sentence_bad": f"{n} what is", "UID": subset} for n in range(count)]
        (folder / f"{subset}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in pairs))
    run = evaluated(tiny_decoder, "blimp", data=str(folder))
    assert run.status().state is State.FINISHED, run.status().message
    values = {(f.task, f.name): f.value for f in results.read(run.folder).figures()}
    parts = [values[f"blimp_{name}", "acc,none"] for name in ("adjunct_island", "wh_island")]
    assert values["blimp", "acc,none"] == pytest.approx(sum(parts) / 2)  # as the harness does: kinds count alike
    assert {f.samples for f in results.read(run.folder).figures() if f.task == "blimp"} == {6}
    assert run.status().figures["blimp"] == values["blimp", "acc,none"]
    digest = results.read(run.folder).config["data_sha256"]["blimp"]
    assert len(digest) == 64 and digest == row_files.digest_of(folder)


def test_a_group_on_one_file_with_a_column_of_subsets(tiny_decoder: Path, tmp_path: Path) -> None:
    rows = [
        {"question": f"what is {n}", "choices": ["a", "b", "c", "d"], "answer": n % 4, "subject": subject}
        for subject, count in (("anatomy", 6), ("astronomy", 3), ("marketing", 3))
        for n in range(count)
    ]
    path = tmp_path / "mmlu.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    run = evaluated(tiny_decoder, "mmlu", data=str(path), limit=4)
    assert run.status().state is State.FINISHED, run.status().message
    figures = [figure for figure in results.read(run.folder).figures() if figure.name == "acc,none"]
    samples = {figure.task: figure.samples for figure in figures}
    assert {name: samples[name] for name in ("mmlu_anatomy", "mmlu_astronomy", "mmlu_marketing")} == {
        "mmlu_anatomy": 4, "mmlu_astronomy": 3, "mmlu_marketing": 3,
    }  # fmt: skip
    assert {"mmlu", "mmlu_stem", "mmlu_other"} <= samples.keys() and "mmlu_humanities" not in samples
    assert (samples["mmlu"], samples["mmlu_stem"], samples["mmlu_other"]) == (10, 7, 3)
    path.write_text(json.dumps({**rows[0], "subject": "alchemy"}) + "\n")
    status = evaluated(tiny_decoder, "mmlu", data=str(path)).status()
    assert "has no subset of mmlu" in status.message and "abstract_algebra.jsonl" in status.hint
    with pytest.raises(BadDataset, match="no solved examples beside the rows") as told:
        evaluated(tiny_decoder, "mmlu", data=str(path), shots=5)
    assert "--data" in told.value.hint


def test_rows_of_the_hub_where_it_cannot_be_reached(tiny_decoder: Path) -> None:
    status = evaluated(tiny_decoder, "hellaswag").status()
    assert status.state is State.FAILED
    assert "on the Hub, which cannot be reached" in status.message and "--data FILE" in status.hint


def test_the_commit_that_a_suite_names_is_the_one_that_is_fetched(
    tiny_decoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import datasets
    from lm_eval.tasks._yaml_loader import load_yaml

    asked: list[tuple[Any, ...]] = []

    def load(path: str, name: str | None = None, revision: str | None = None, **_: Any) -> Any:
        asked.append((path, name, revision))
        row = {"ctx_a": "A man sits. he", "ctx_b": "", "endings": ["a", "b", "c", "d"], "label": "1"}
        rows = datasets.Dataset.from_list([{**row, "activity_label": "Roof"}] * 3)
        return datasets.DatasetDict({"train": rows, "validation": rows})

    monkeypatch.setattr("datasets.load_dataset", load)
    monkeypatch.setattr("eval.harness.hub_reachable", lambda: True)
    run = evaluated(tiny_decoder, "hellaswag", limit=2)
    assert run.status().state is State.FINISHED, run.status().message
    revision = runner.suite("hellaswag").revision
    assert asked == [("Rowan/hellaswag", None, revision)]
    assert results.read(run.folder).config["source"] == f"Rowan/hellaswag@{revision}"
    copied = groups.pinned(harness._harness_tasks() / "blimp", tmp_path / "blimp", "abc")
    config = load_yaml(copied / "adjunct_island.yaml")
    assert config["dataset_kwargs"] == {"revision": "abc"} and config["dataset_path"] == "nyu-mll/blimp"
    assert "dataset_kwargs" not in load_yaml(harness._harness_tasks() / "blimp" / "adjunct_island.yaml")


def test_questions_that_were_changed_are_refused(tiny_decoder: Path, tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "mini").mkdir()
    (tmp_path / "mini" / "choice.jsonl").write_text("{}")
    monkeypatch.setattr(row_files, "FOLDER", tmp_path)
    with pytest.raises(BadDataset, match=r"choice.jsonl of Mini has been changed"):
        create(Runs(), Evaluation(model=str(tiny_decoder), suite="mini"))


@pytest.mark.model
def test_a_classifier_and_a_translator() -> None:
    run = evaluated("parley-sentiment", "mini")
    assert run.status().state is State.FINISHED, run.status().message
    assert run.status().figures["mini_sentiment"] > 0.8
    run = evaluated("parley-t5", "mini")
    assert run.status().state is State.FINISHED, run.status().message
    assert set(run.status().figures) == {"mini_en_fr", "mini_fr_en"}
    assert min(run.status().figures.values()) > 40
    left_out = results.read(run.folder).config["left_out"]
    assert "en → es" in left_out["this model cannot translate"] and "sentiment" in str(left_out)


@pytest.mark.slow
@pytest.mark.model
def test_a_chat_model_does_the_most_of_the_mini_suite() -> None:
    run = evaluated("smollm2-135m-instruct", "mini", limit=1)
    assert run.status().state is State.FINISHED, run.status().message
    found = results.read(run.folder)
    every = {task.title for task in runner.suite("mini").tasks}
    measured = {task.title for task in runner.suite("mini").tasks if task.name in found.tasks}
    named = [title for titles in found.config["left_out"].values() for title in titles]
    assert {"knowledge and sense", "arithmetic", "instructions", "sentiment"} <= measured
    assert measured.isdisjoint(named) and measured | set(named) == every


def test_summaries_beside_those_that_people_wrote(tmp_path: Path) -> None:
    path = tmp_path / "test.jsonl"
    source = ["The bridge was closed on Monday.", "Repairs of the bridge will take two weeks.", "Cars take the ferry."]
    target = ["The bridge is closed for two weeks of repairs.", "Repairs of the bridge will take two weeks."]
    path.write_text(json.dumps({"source": source, "target": target}) + "\n", "utf-8")
    run = evaluated("all-minilm-l6-v2", "scitldr", data=str(path))
    assert run.status().state is State.FINISHED, run.status().message
    found = {figure.metric: figure.value for figure in results.read(run.folder).figures()}
    assert set(found) == {"rouge1", "rouge2", "rougeL"} and 0.2 < found["rougeL"] <= 1
    path.write_text(json.dumps({"source": source}) + "\n", "utf-8")
    run = evaluated("all-minilm-l6-v2", "scitldr", data=str(path))
    assert run.status().state is State.FAILED and "no column 'target'" in run.status().message


def test_a_text_of_one_s_own(tiny_decoder: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.md"
    path.write_text("# Harbour\n\n" + "The boats come in at dawn, and the gulls know it. " * 60, "utf-8")
    run = evaluated(tiny_decoder, "own-text", data=str(path))
    assert run.status().state is State.FINISHED, run.status().message
    values = {figure.metric: figure.value for figure in results.read(run.folder).figures()}
    assert values["byte_perplexity"] == pytest.approx(2 ** values["bits_per_byte"])
    assert 5 < values["bits_per_byte"] < 20
    with pytest.raises(BadDataset, match="no file"):
        create(Runs(), Evaluation(model=str(tiny_decoder), suite="own-text", data="nowhere.md"))


def test_how_far_it_is_is_said_of_the_whole_suite(tiny_decoder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[int, int]] = []
    tell = Worker.tell

    def listen(self: Worker, *, step: int | None = None, steps: int | None = None, doing: str = "") -> None:
        told.extend([(step, steps)] if step is not None and steps is not None else [])
        tell(self, step=step, steps=steps, doing=doing)

    monkeypatch.setattr(Worker, "tell", listen)
    run = evaluated(tiny_decoder, "mini", limit=2)
    assert run.status().state is State.FINISHED, run.status().message
    assert {steps for _, steps in told} == {16} and told == sorted(told) and told[-1] == (16, 16)
    assert {step for step, _ in told} >= set(range(0, 17, 2))


def hub(monkeypatch: pytest.MonkeyPatch, load: Any) -> None:
    """A Hub that can be reached, whose sets are what `load` gives."""
    monkeypatch.setattr("datasets.load_dataset", load)
    monkeypatch.setattr("eval.harness.hub_reachable", lambda: True)


def scenes(*_: Any, **__: Any) -> Any:
    """HellaSwag, of the Hub."""
    import datasets

    row = {"ctx_a": "A man sits. he", "ctx_b": "", "endings": ["a", "b", "c", "d"], "label": "1"}
    rows = datasets.Dataset.from_list([{**row, "activity_label": f"Roof {n}"} for n in range(3)])
    return datasets.DatasetDict({"train": rows, "validation": rows})


@pytest.mark.parametrize(
    ("error", "said"),
    [
        pytest.param(OSError(errno.ENOSPC, "No space left"), "no space left on the disk for the rows", id="full"),
        pytest.param(OSError("Not enough disk space. Needed: 2 GB"), "no space left on the disk", id="foreseen"),
        pytest.param(ConnectionError("it is gone"), "rows of hellaswag cannot be had: it is gone", id="the network"),
        pytest.param(ValueError("no such revision"), "cannot be had: no such revision", id="no such set"),
    ],
)
def test_why_rows_of_the_hub_cannot_be_had(
    error: Exception, said: str, tiny_decoder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        try:
            raise error
        except Exception as cause:
            raise RuntimeError(str(cause)) from cause

    hub(monkeypatch, fail)
    status = evaluated(tiny_decoder, "hellaswag", limit=2).status()
    assert status.state is State.FAILED and said in status.message and status.hint


def test_what_fails_once_they_are_here_is_none_of_the_hub_s_doing(
    tiny_decoder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: TransformersEngine, requests: Any) -> Any:
        raise RuntimeError("the model broke")

    hub(monkeypatch, scenes)
    monkeypatch.setattr(TransformersEngine, "score", fail)
    run = create(Runs(), Evaluation(model=str(tiny_decoder), suite="hellaswag", limit=2))
    worker = Worker(run.folder)
    with pytest.raises(RuntimeError, match="the model broke"):
        worker.work(lambda: run_suite(Evaluation(**run.settings), worker))
    assert run.status().message == "It failed: RuntimeError: the model broke"


def test_examples_of_the_hub_are_those_of_its_training_rows(
    tiny_decoder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub(monkeypatch, scenes)
    run = evaluated(tiny_decoder, "hellaswag", limit=1, shots=1)
    assert run.status().state is State.FINISHED, run.status().message
    stored = json.loads((run.folder / "results.json").read_text())
    assert stored["n-shot"]["hellaswag"] == 1
    (sample,) = results.read(run.folder).samples("hellaswag")
    assert sample["arguments"][0][0].count("A man sits.") == 2


@pytest.mark.parametrize(
    ("splits", "own", "error"),
    [
        pytest.param({"training_split": "train", "test_split": "test"}, {}, None, id="rows to learn from"),
        pytest.param({"validation_split": "dev", "test_split": "test"}, {}, None, id="rows to try on"),
        pytest.param({"test_split": "test"}, {"split": "dev"}, None, id="a split for it"),
        pytest.param({"test_split": "test"}, {"samples": [{"a": 1}]}, None, id="examples of its own"),
        pytest.param({"test_split": "test"}, {}, BadDataset, id="the test rows alone"),
        pytest.param({"validation_split": "dev"}, {}, BadDataset, id="the rows that it is tried on alone"),
        pytest.param({"training_split": "train", "test_split": "train"}, {}, BadDataset, id="one split for both"),
        pytest.param({"training_split": "a", "test_split": "b", "num_fewshot": 0}, {}, BadSettings, id="none at all"),
    ],
)
def test_whose_rows_examples_would_be(splits: dict[str, Any], own: dict[str, Any], error: Any) -> None:
    config = dict.fromkeys(("training_split", "validation_split", "test_split", "num_fewshot"))
    task = SimpleNamespace(
        config=SimpleNamespace(task="t", **{**config, **splits}),
        fewshot_cfg=SimpleNamespace(**{"split": None, "samples": None, **own}),
    )
    if error is None:
        harness._require_others(task)
    else:
        with pytest.raises(error, match="no solved examples"):
            harness._require_others(task)


def test_rows_without_text_are_refused_with_their_place(tiny_decoder: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text('{"text": ""}\n', "utf-8")
    status = evaluated(tiny_decoder, "own-text", data=str(path)).status()
    assert status.state is State.FAILED and "Row 1 of mine.jsonl cannot be read: text is empty" in status.message


def test_a_limit_counts_the_rows_that_are_a_task_s_own(tiny_decoder: Path, tmp_path: Path) -> None:
    row = {"sentence": "", "occupation": "cook", "participant": "guest"}
    some = [
        {**row, "sentence": f"The cook told {pronoun} so.", "pronoun": pronoun, "gender": gender, "label": n % 2}
        for gender, pronoun in (("male", "him"), ("female", "her"))
        for n in range(4)
    ]
    path = tmp_path / "mine.csv"
    lines = [",".join(some[0]), *(",".join(map(str, each.values())) for each in some)]
    path.write_text("\n".join(lines), "utf-8")
    run = evaluated(tiny_decoder, "winogender", data=str(path), limit=2)
    assert run.status().state is State.FINISHED, run.status().message
    found = results.read(run.folder)
    assert {figure.task: figure.samples for figure in found.figures()} == {"winogender_female": 2, "winogender_male": 2}
    assert {row["doc"]["gender"] for row in found.samples("winogender_female")} == {"female"}
    assert [row["target"] for row in found.samples("winogender_male")] == [0, 1]  # numbers, though a CSV has texts
    assert found.config["left_out"]["mine.csv has no rows with gender neutral"] == ["them"]
    assert found.config["left_out"]["There is no gotcha.tsv beside mine.csv"] == ["her, gotcha", "him, gotcha"]


def test_columns_that_json_cannot_hold_are_no_trouble(tiny_decoder: Path, tmp_path: Path) -> None:
    import pyarrow
    from pyarrow import parquet

    row = {"goal": "How?", "sol1": "So.", "sol2": "Not so.", "label": 1, "asked": date(2024, 5, 1)}
    parquet.write_table(pyarrow.Table.from_pylist([row] * 3), tmp_path / "mine.parquet")
    run = evaluated(tiny_decoder, "piqa", data=str(tmp_path / "mine.parquet"))
    assert run.status().state is State.FINISHED, run.status().message
    assert results.read(run.folder).samples("piqa")[0]["doc"]["asked"].startswith("2024-05-01")
    rows = [{"sentence": "Good.", "label": n % 2, "asked": date(2024, 5, 1)} for n in range(2)]
    parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "films.parquet")
    run = evaluated(tiny_decoder, "sst2", data=str(tmp_path / "films.parquet"))
    assert run.status().state is State.FINISHED, run.status().message


def test_rows_of_the_assistant_s_tasks_where_the_hub_cannot_be_reached(
    tiny_decoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setattr("eval.fetched_rows.hub_reachable", lambda: False)
    status = evaluated(tiny_decoder, "sst2").status()
    assert status.state is State.FAILED
    assert "The rows of SST-2 cannot be had" in status.message and "--data FILE" in status.hint


def test_a_split_that_is_called_train_is_measured_on(tmp_path: Path) -> None:
    path = tmp_path / "input_data.jsonl"
    path.write_text('{"key": 1, "prompt": "Say so.", "instruction_id_list": [], "kwargs": []}\n', "utf-8")
    (task,) = runner.suite("ifeval").tasks
    config = json.loads(harness._config(harness.Given(task, path), tmp_path, None).read_text())
    assert list(config["dataset_kwargs"]["data_files"]) == ["train"]
    assert config["test_split"] == "train" and config["training_split"] is None


def test_social_iqa(tiny_decoder: Path, tmp_path: Path) -> None:
    asked = "Please choose the correct answer to the question: Ann lost her keys. She cried. Why did Ann cry?\n\n"
    row = {"instruction": f"{asked}Answer1: a Answer2: b Answer3: c\n\nAnswer format: answer1/answer2/answer3"}
    path = tmp_path / "social_i_qa_test.json"
    path.write_text(json.dumps([{**row, "answer": f"answer{n}"} for n in (1, 2, 3)]), "utf-8")
    run = evaluated(tiny_decoder, "siqa", data=str(path))
    assert run.status().state is State.FINISHED, run.status().message
    samples = results.read(run.folder).samples("social_iqa")
    assert [row["target"] for row in samples] == [0, 1, 2]
    assert samples[0]["arguments"][0][0] == "Q: Ann lost her keys. She cried. Why did Ann cry?\nA:"
