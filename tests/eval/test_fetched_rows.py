"""Rows of the assistant's own tasks from a Hub of the test's own, and from a publisher's address."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from assistant.errors import BadDataset, ModelNotAvailable
from assistant.public_sets import public_sets
from eval import fetched_rows
from eval.fetched_rows import fetched
from eval.local_rows import rows
from eval.pairs import pairs
from eval.row_files import Files
from eval.suite import Suite, suite
from tests.assistant.weights.fake_hub import FakeHub, Repo

LANGUAGES = {"eng": "en", "fra": "fr", "spa": "es", "deu": "de", "por": "pt"}


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    server = FakeHub()
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    yield server
    server.stop()


def on_main(name: str) -> Suite:
    """The Hub of these tests knows no commits of the real sets."""
    return replace(suite(name), revision="main")


def nowhere(chosen: Suite) -> Files:
    return {task.name: (None, None) for task in chosen.tasks}


def test_sentences_of_the_hub(hub: FakeHub, tmp_path: Path) -> None:
    import pyarrow
    from pyarrow import parquet

    data = io.BytesIO()
    table = {"idx": [0, 1], "sentence": ["charming . ", "bleak "], "label": [1, 0]}
    parquet.write_table(pyarrow.table(table), data)
    chosen = on_main("sst2")
    (task,) = chosen.tasks
    hub.repos["stanfordnlp/sst2"] = Repo({task.hub[0]: data.getvalue()})
    for _ in range(2):  # what has been fetched is not asked for again
        found = fetched(chosen, chosen.tasks, nowhere(chosen), tmp_path)
        path = found["sst2"][0]
        assert path is not None
        assert [row["label"] for row in rows(path, task.reader)] == ["1", "0"]
        assert {row["label"] for row in rows(path, task.reader)} <= set(task.options["labels"])


def test_translations_of_the_hub_are_paired_by_their_id(hub: FakeHub, tmp_path: Path) -> None:
    def lines(language: str) -> bytes:
        order = [2, 1, 3] if language == "fra" else [1, 2]
        return "".join(json.dumps({"id": n, "text": f"{language} {n}", "domain": "x"}) + "\n" for n in order).encode()

    chosen = on_main("flores")
    files = {f"dev/{language}_Latn.jsonl": lines(language) for language in LANGUAGES}
    hub.repos["openlanguagedata/flores_plus"] = Repo(files)
    found = fetched(chosen, chosen.tasks, nowhere(chosen), tmp_path)
    for task in chosen.tasks:
        path = found[task.name][0]
        assert path is not None
        one, other = (
            next(code for code in LANGUAGES if LANGUAGES[code] == task.options[x]) for x in ("source", "target")
        )
        told = [(row["source"], row["target"]) for row in pairs(task, path)]
        assert sorted(told) == [(f"{one} {n}", f"{other} {n}") for n in (1, 2)]


def test_what_a_publisher_guards_is_said_with_its_page(hub: FakeHub, tmp_path: Path) -> None:
    chosen = on_main("flores")
    hub.repos["openlanguagedata/flores_plus"] = Repo(status=403, code="GatedRepo")
    with pytest.raises(BadDataset, match=r"The rows of FLORES-101 cannot be had: .*is gated") as told:
        fetched(chosen, chosen.tasks, nowhere(chosen), tmp_path)
    assert "https://huggingface.co/datasets/openlanguagedata/flores_plus" in told.value.hint
    assert "--data FILE" in told.value.hint


def test_the_hub_cannot_be_reached(hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetched_rows, "hub_reachable", lambda: False)
    with pytest.raises(BadDataset, match="The rows of SST-2 cannot be had") as told:
        fetched(on_main("sst2"), suite("sst2").tasks, nowhere(suite("sst2")), tmp_path)
    assert "--data FILE" in told.value.hint and not hub.served


def test_a_public_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def given(name: str) -> Path:
        (tmp_path / public_sets()[name].file).write_text('{"source": ["One."], "target": ["1."]}\n')
        return tmp_path

    chosen = suite("scitldr")
    monkeypatch.setattr(fetched_rows, "fetch", given)
    path = fetched(chosen, chosen.tasks, nowhere(chosen), tmp_path)["scitldr"][0]
    assert path is not None and path.name == chosen.tasks[0].file
    assert rows(path, "summary") == [{"text": "One.", "summaries": ["1."]}]

    def silent(name: str) -> Path:
        raise ModelNotAvailable("https://… cannot be fetched.", hint="Check the connection.")

    monkeypatch.setattr(fetched_rows, "fetch", silent)
    with pytest.raises(BadDataset, match=r"The rows of SciTLDR cannot be had.*Check the connection\. Or give"):
        fetched(chosen, chosen.tasks, nowhere(chosen), tmp_path)


def test_what_is_here_is_not_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(*_: Any) -> Any:
        raise AssertionError

    monkeypatch.setattr(fetched_rows, "_here", asked)
    given: Files = {"sst2": (tmp_path / "dev.tsv", None)}
    assert fetched(suite("sst2"), suite("sst2").tasks, given, tmp_path) == given
    assert fetched(suite("piqa"), suite("piqa").tasks, {"piqa": (None, None)}, tmp_path) == {"piqa": (None, None)}
