"""From the form to runs: a run for each pair that fits, and files that lie as they would for the command line."""

from __future__ import annotations

import gzip
from importlib.util import find_spec
from pathlib import Path

import pytest

from assistant.errors import BadDataset, BadSettings, CapabilityMissing, ParleyError, UnknownModel, UserError
from assistant.run import Run
from assistant.run_worker import Worker
from assistant.runs import Runs
from assistant.service import Assistant
from eval import turns
from eval.row_files import sources
from eval.suite import suite
from ui.web.evaluate_start import Wanted, begin, laid, wanted_of

SMALL, CLASSIFIER = "smollm2-135m-instruct", "parley-sentiment"
HELLASWAG = "Roof: A man sits on a roof. he\n1\nflies.\nstands up.\nsings.\nsinks.\n"


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Run]:
    """The runs whose processes would begin."""
    found: list[Run] = []
    monkeypatch.setattr(Runs, "start", lambda _, run: found.append(run))
    monkeypatch.setattr("eval.runner._require_here", lambda *_: None)
    monkeypatch.setattr("eval.harness.require", lambda: None)
    return found


def wanted(suites: list[str], models: list[str], files: list[str] | None = None, **more: object) -> Wanted:
    values = {"limit": None, "shots": None, "engine": "auto", "bits": "", "against": None, "judge": None, **more}
    return wanted_of(suites, models, files, **values)


def test_a_run_for_each_model_on_each_suite_that_it_can_do(
    started: list[Run], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eval.chosen.installed_version", lambda _: "0.50")  # what makes eight bits
    asked = wanted(["mini", "speed"], [SMALL, CLASSIFIER], limit=7.0, engine="transformers", bits="8bit")
    made = begin(Assistant(), Runs(), asked)
    pairs = [(run.settings["suite"], run.settings["model"]) for run in made]
    assert pairs == [("mini", SMALL), ("speed", SMALL)] and started == made
    assert [(run.settings["limit"], run.settings["engine"], run.settings["quantisation"]) for run in made] == [
        (7, "transformers", "8bit"),
        (7, "auto", None),  # it times each form by itself
    ]
    assert turns.line(made[1]) == [run.id for run in made]
    said = capsys.readouterr().out  # where Gradio puts messages outside of a page
    assert "cannot be timed" in said and "its weights are taken as they are" in said and "left out" in said


def test_what_is_asked_for_while_another_works_waits_for_it(started: list[Run]) -> None:
    runs = Runs()
    (first,) = begin(Assistant(), runs, wanted(["mini"], [SMALL]))
    assert turns.line(first) == []
    Worker(first.folder).tell(doing="grammar")
    (second,) = begin(Assistant(), runs, wanted(["mini"], [CLASSIFIER]))
    assert turns.ahead(second) == first


@pytest.mark.parametrize(
    ("asked", "error", "said"),
    [
        pytest.param(wanted([], [SMALL]), UserError, "No suite", id="no suite"),
        pytest.param(wanted(["mini"], []), UserError, "No model", id="no model"),
        pytest.param(wanted(["hellaswag"], [CLASSIFIER]), CapabilityMissing, "cannot score", id="none can do it"),
        pytest.param(wanted(["mini"], [SMALL, "gone"]), UnknownModel, "gone", id="one is unknown"),
        pytest.param(
            wanted(["mini"], [SMALL], engine="llamacpp", bits="4bit"), BadSettings, "quantisation", id="not together"
        ),
        pytest.param(wanted(["chat"], [SMALL]), BadSettings, "compared with", id="nobody to be compared with"),
        pytest.param(wanted(["piqa"], [SMALL], ["/no/rows"]), BadDataset, "no file or folder", id="no rows"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_begun(
    asked: Wanted, error: type[ParleyError], said: str, started: list[Run]
) -> None:
    runs = Runs()
    with pytest.raises(error, match=said):
        begin(Assistant(), runs, asked)
    assert not list(runs) and not started


def test_rows_go_to_the_suites_that_need_some_and_judges_to_those_that_are_judged(
    started: list[Run], tmp_path: Path
) -> None:
    file = tmp_path / "hellaswag_val_full.txt"
    file.write_text(HELLASWAG)
    asked = wanted(["mini", "chat", "hellaswag"], [SMALL], [str(file)], against=CLASSIFIER, judge=SMALL)
    mini, chat, hellaswag = begin(Assistant(), Runs(), asked)
    assert mini.settings["data"] is None and mini.settings["against"] is None
    assert chat.settings["data"] is None and (chat.settings["against"], chat.settings["judge"]) == (CLASSIFIER, SMALL)
    kept = Path(hellaswag.settings["data"])
    assert kept.is_relative_to(hellaswag.folder) and kept.read_text() == HELLASWAG


def test_rows_with_their_examples_are_a_folder_of_the_run(started: list[Run], tmp_path: Path) -> None:
    """GSM8K's rows begin with solved examples, which stand in a file beside them."""
    rows = gzip.compress(b'{"question": "1 + 1?", "answer": "#### 2"}\n')
    files = [tmp_path / "a" / "test.jsonl.gz", tmp_path / "b" / "train.jsonl.gz"]  # as a browser's files come in
    for file in files:
        file.parent.mkdir()
        file.write_bytes(rows)
    with pytest.raises(BadDataset, match=r"has no train\.jsonl\.gz"):
        begin(Assistant(), Runs(), wanted(["gsm8k"], [SMALL], [str(files[0])]))
    (run,) = begin(Assistant(), Runs(), wanted(["gsm8k"], [SMALL], list(map(str, files))))
    folder = Path(run.settings["data"])
    assert folder.is_relative_to(run.folder)
    found = sources(suite("gsm8k"), suite("gsm8k").tasks, str(folder))
    assert found == {"gsm8k": (folder / "test.jsonl.gz", folder / "train.jsonl.gz")}


def test_files_of_several_suites_are_found_by_their_names(started: list[Run], tmp_path: Path) -> None:
    names = ["hellaswag_val_full.txt", "piqa_test.json", "pro_stereotyped_type1.txt.test",
             "anti_stereotyped_type1.txt.test", "wh_island.jsonl"]  # fmt: skip
    files = [tmp_path / str(n) / name for n, name in enumerate(names)]
    for file in files:
        file.parent.mkdir()
        file.write_text(HELLASWAG)
    chosen = ["hellaswag", "piqa", "winobias", "blimp"]
    runs = begin(Assistant(), Runs(), wanted(chosen, [SMALL], list(map(str, files))))
    assert [sorted(each.name for each in Path(run.settings["data"]).iterdir()) for run in runs] == [sorted(names)] * 4
    with pytest.raises(BadDataset, match=r"has no piqa_test\.json"):  # one file is not given to both
        begin(Assistant(), Runs(), wanted(["hellaswag", "piqa"], [SMALL], [str(files[0])]))


@pytest.mark.parametrize("name", [".hidden", "-rf", "a\nb", "a:b", "~x", "a\\b"])
def test_names_that_are_not_plain_are_refused(name: str, tmp_path: Path) -> None:
    paths = [tmp_path / "good.jsonl", tmp_path / name]
    for path in paths:
        path.write_text("{}")
    with pytest.raises(BadDataset, match="cannot be called") as caught, laid(list(map(str, paths)), together=False):
        pass
    assert caught.value.hint


def test_two_files_of_one_name_are_refused_and_none_is_none(tmp_path: Path) -> None:
    paths = [tmp_path / side / "rows.jsonl" for side in "ab"]
    for path in paths:
        path.parent.mkdir()
        path.write_text("{}")
    with pytest.raises(BadDataset, match="Two files"), laid(list(map(str, paths)), together=False):
        pass
    with laid([], together=True) as none, laid([str(paths[0])], together=False) as one:
        assert none is None and one == str(paths[0])
    with laid([str(paths[0])], together=True) as folder:
        assert folder is not None and [each.name for each in Path(folder).iterdir()] == ["rows.jsonl"]
    assert not Path(folder).exists()


@pytest.mark.skipif(find_spec("lm_eval") is None, reason="lm-eval is not installed: the eval extra")
def test_a_form_that_is_empty_but_for_its_pairs() -> None:
    asked = wanted(["mini"], [SMALL])
    assert (asked.limit, asked.shots, asked.quantisation, asked.against, asked.files) == (None, None, None, None, [])
