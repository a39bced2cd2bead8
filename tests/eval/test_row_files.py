"""Which files a suite's tasks read of what somebody gives, and what is left out for want of rows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from assistant.errors import BadDataset
from eval.pairs import pairs
from eval.row_files import left_out, sources, told
from eval.suite import suite

LINES = {"en": "One.\nTwo.\n", "fr": "Un.\nDeux.\n", "es": "Uno.\nDos.\n", "de": "Eins.\nZwei.\n"}
ROWS = [
    {"from": "en", "to": "fr", "source": "One.", "target": "Un."},
    {"from": "fr", "to": "en", "source": "Deux.", "target": "Two."},
]
TRANSLATIONS = suite("flores").tasks


def written(folder: Path, files: Mapping[str, Any]) -> Path:
    for name, content in files.items():
        text = content if isinstance(content, str) else "".join(json.dumps(row) + "\n" for row in content)
        (folder / name).write_text(text, "utf-8")
    return folder


def of_flores(data: Path) -> dict[str, list[tuple[str, str]]]:
    """Direction → its pairs."""
    found = sources(suite("flores"), TRANSLATIONS, str(data))
    return {
        task.title: [(row["source"], row["target"]) for row in pairs(task, path)]
        for task in TRANSLATIONS
        if task.name in found and (path := found[task.name][0])
    }


def test_a_table_is_measured_in_the_directions_that_it_names(tmp_path: Path) -> None:
    data = written(tmp_path, {"mine.jsonl": ROWS}) / "mine.jsonl"
    assert of_flores(data) == {"en → fr": [("One.", "Un.")], "fr → en": [("Deux.", "Two.")]}
    lacking = left_out(suite("flores"), TRANSLATIONS, str(data))
    assert lacking["mine.jsonl has no rows with from en, to es"] == ["en → es"] and len(lacking) == 6


def test_a_table_that_does_not_say_its_languages_is_refused(tmp_path: Path) -> None:
    data = written(tmp_path, {"mine.csv": "source,target\nOne.,Un.\n"}) / "mine.csv"
    with pytest.raises(BadDataset, match=r"mine\.csv does not say which languages") as told:
        sources(suite("flores"), TRANSLATIONS, str(data))
    assert "from and to" in told.value.hint and "flores_en_fr.csv" in told.value.hint


def test_a_table_that_is_named_after_one_direction_is_of_that_alone(tmp_path: Path) -> None:
    folder = written(tmp_path, {"flores_en_fr.csv": "source,target\nOne.,Un.\n"})
    for data in (folder, folder / "flores_en_fr.csv"):
        assert of_flores(data) == {"en → fr": [("One.", "Un.")]}
    lacking = left_out(suite("flores"), TRANSLATIONS, str(folder / "flores_en_fr.csv"))
    assert lacking["flores_en_fr.csv is of another direction than fr → en"] == ["fr → en"]


def test_two_files_of_lines_serve_both_directions(tmp_path: Path) -> None:
    folder = written(tmp_path, {f"dev.{language}": LINES[language] for language in ("en", "fr")})
    expected = {"en → fr": [("One.", "Un."), ("Two.", "Deux.")], "fr → en": [("Un.", "One."), ("Deux.", "Two.")]}
    for data in (folder, folder / "dev.en", folder / "dev.fr"):
        assert of_flores(data) == expected


def test_a_folder_without_a_language_is_measured_in_the_others(tmp_path: Path) -> None:
    folder = written(tmp_path, {f"dev.{language}": LINES[language] for language in ("en", "fr", "es")})
    assert set(of_flores(folder)) == {"en → fr", "fr → en", "en → es", "es → en"}
    lacking = left_out(suite("flores"), TRANSLATIONS, str(folder))
    assert lacking["There is no dev.de beside dev.en"] == ["en → de"]
    assert lacking[f"{folder} has no dev.de"] == ["de → en"]
    assert "Not measured: en → de. Why: There is no dev.de beside dev.en." in told(lacking)


@pytest.mark.parametrize(
    ("files", "given", "said"),
    [
        pytest.param({"dev.en": "One.\nTwo.\n", "dev.fr": "Un.\n"}, "", "dev.en has 2 lines, dev.fr 1", id="one less"),
        pytest.param({"dev.en": "One.\n\nTwo.", "dev.fr": "Un.\n\nDeux."}, "", r"Line 2 of dev\.en is empty", id="gap"),
        pytest.param({"dev.en": "\n", "dev.fr": "\n"}, "", "dev.en has no lines", id="nothing"),
        pytest.param({"dev.en": "One.\n"}, "dev.en", "There is no dev.fr beside dev.en", id="alone"),
        pytest.param({"mine.txt": "One.\n"}, "mine.txt", "is in neither language of en → fr", id="no language"),
        pytest.param(
            {"mine.tsv": "a\tb\n1\t2\n"}, "mine.tsv", "Row 1 of mine.tsv has no column 'source'", id="columns"
        ),
        pytest.param({"x.jsonl": [{**ROWS[0], "to": "it"}]}, "x.jsonl", "no rows with from en, to fr", id="Italian"),
        pytest.param({}, "", "has no dev.en", id="an empty folder"),
    ],
)
def test_what_cannot_be_translated_is_said_at_once(
    files: dict[str, Any], given: str, said: str, tmp_path: Path
) -> None:
    with pytest.raises(BadDataset, match=said) as told:
        sources(suite("flores"), TRANSLATIONS, str(written(tmp_path, files) / given))
    assert told.value.hint


def genders(*names: str) -> list[dict[str, Any]]:
    row = {"sentence": "The cook told her.", "pronoun": "her", "occupation": "cook", "participant": "guest", "label": 1}
    return [{**row, "gender": name} for name in names]


def test_each_task_of_winogender_reads_the_file_that_is_its_own(tmp_path: Path) -> None:
    winogender = suite("winogender")
    folder = written(tmp_path, {"mine.jsonl": genders("female", "neutral")})
    found = sources(winogender, winogender.tasks, str(folder / "mine.jsonl"))
    assert list(found) == ["winogender_female", "winogender_neutral"]
    assert left_out(winogender, winogender.tasks, str(folder / "mine.jsonl")) == {
        "mine.jsonl has no rows with gender male": ["him"],
        "There is no gotcha.tsv beside mine.jsonl": ["her, gotcha", "him, gotcha"],
    }
    row = "The cook told him.\thim\tcook\tguest\tmale\t1\n"
    table = "sentence\tpronoun\toccupation\tparticipant\tgender\tlabel\n" + row
    written(tmp_path, {"test.tsv": table + row.replace("him", "her").replace("male", "female"), "gotcha.tsv": table})
    for given in ("", "test.tsv", "gotcha.tsv"):
        found = sources(winogender, winogender.tasks, str(folder / given))
        assert {name: path.name for name, (path, _) in found.items() if path} == {
            "winogender_female": "test.tsv",
            "winogender_male": "test.tsv",
            "winogender_gotcha_male": "gotcha.tsv",
        }


def test_of_the_mini_suite_a_file_of_one_s_own_is_for_the_first_task(tmp_path: Path) -> None:
    mini = suite("mini")
    data = (
        written(tmp_path, {"mine.jsonl": [{"question": "Why?", "choices": ["so", "no"], "answer": 0}]}) / "mine.jsonl"
    )
    assert list(sources(mini, mini.tasks, str(data))) == ["mini_choice"]


def test_what_a_model_cannot_do_is_told_beside_what_there_are_no_rows_for() -> None:
    mini = suite("mini")
    able = [task for task in mini.tasks if task.kind == "labels"]
    lacking = left_out(mini, able, None)
    assert lacking["this model cannot summarise"] == ["summaries"]
    assert lacking["this model cannot translate"][:2] == ["en → fr", "fr → en"]
    assert sum(map(len, lacking.values())) == len(mini.tasks) - 1


@pytest.mark.parametrize("name", ["sst2", "flores", "scitldr", "hellaswag", "winobias"])
def test_rows_that_are_published_need_not_be_given(name: str) -> None:
    found = sources(suite(name), suite(name).tasks, None)
    assert found == {task.name: (None, None) for task in suite(name).tasks}


def test_rows_that_only_a_person_has_must_be_given() -> None:
    with pytest.raises(BadDataset, match="Your own text needs a file of rows") as told:
        sources(suite("own-text"), suite("own-text").tasks, None)
    assert "--data FILE" in told.value.hint
