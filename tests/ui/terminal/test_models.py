"""`parley models` as a person and a program use it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from assistant import paths
from assistant.catalogue import BUNDLED, Catalogue, ModelEntry
from tests.assistant.test_sources import write_catalogue
from tests.assistant.weights.conftest import index, tiny, wheelhouse
from tests.assistant.weights.conftest import models as no_models
from tests.assistant.weights.wheelhouse import PARTS, Index

__all__ = ["index", "no_models", "tiny", "wheelhouse"]

Parley = Callable[..., Result]
SMOL = "smollm2-135m-instruct"


@pytest.fixture
def models(no_models: Path) -> Path:
    """The folder of models that both conftests mean."""
    return no_models


@pytest.fixture
def known(tiny: ModelEntry, models: Path) -> ModelEntry:
    """The tiny model, in the person's own catalogue."""
    write_catalogue(tiny, paths.home() / "catalogue.toml")
    return tiny


def test_list_names_every_model_on_a_line_of_its_own(parley: Parley, fake: Callable[..., None]) -> None:
    result = parley("models", "list")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0].split()[:4] == ["MODEL", "FAMILY", "SIZE", "STATE"]
    assert [line.split()[0] for line in lines[1:]] == [entry.key for entry in Catalogue.load(BUNDLED)]
    smol = next(line for line in lines if line.startswith(SMOL + " "))
    assert " here " in smol
    assert "a test" in smol
    assert "Apache-2.0" in smol
    assert any("not here  Hub or PyPI" in line for line in lines)


def test_list_as_json_can_be_narrowed(parley: Parley, fake: Callable[..., None]) -> None:
    row, *shipped = json.loads(parley("models", "list", "--here", "--json").stdout)
    assert [each["key"] for each in shipped] == ["parley-sentiment", "parley-t5", "parley-t5-es-de"]
    assert {each["source"] for each in shipped} == {"Parley itself"}
    assert (row["key"], row["state"], row["bytes"], row["source"]) == (SMOL, "here", 4, "a test")
    assert Path(row["path"]).is_file()
    rows = json.loads(parley("models", "list", "--task", "embed", "--json").stdout)
    assert {row["family"] for row in rows} == {"encoder"}
    assert all(row["state"] == "not here" and row["path"] is None for row in rows)


def test_list_shows_what_is_here_beside_the_catalogue(parley: Parley, models: Path) -> None:
    from tests.ui.terminal.fake_parley import put_model

    put_model(models, "org--mine")
    rows = json.loads(parley("models", "list", "--json").stdout)
    assert rows[-1]["key"] == "org--mine"
    assert rows[-1].keys() >= rows[0].keys() - {"fetched"}


def test_list_of_a_task_that_no_model_has(parley: Parley, models: Path) -> None:
    result = parley("models", "list", "--task", "juggle")
    assert result.exit_code == 2
    assert "translate" in result.stderr


def test_info_tells_what_it_is_and_what_would_run_it(parley: Parley, models: Path) -> None:
    result = parley("models", "info", SMOL)
    assert result.exit_code == 0
    for said in ("SmolLM2 135M", "Apache-2.0", "8,192 tokens", "not here", "llamacpp", "because", "sha256"):
        assert said in result.stdout
    row = json.loads(parley("models", "info", SMOL, "--json").stdout)
    assert row["runs"]["engine"] == "llamacpp"
    assert row["runs"]["needs_bytes"] > row["download_bytes"]
    asked = json.loads(parley("models", "info", SMOL, "--engine", "transformers", "--json").stdout)
    assert asked["runs"]["engine"] == "transformers"


@pytest.mark.parametrize("key", [entry.key for entry in Catalogue.load(BUNDLED)])
def test_info_of_every_model(parley: Parley, models: Path, key: str) -> None:
    result = parley("models", "info", key, "--json")
    assert result.exit_code == 0
    runs = json.loads(result.stdout)["runs"]
    assert runs["reason"]
    assert runs["engine"] or runs["advice"]


def test_an_unknown_model_is_wrong_use(parley: Parley, models: Path) -> None:
    for command in ("info", "pull", "remove"):
        result = parley("models", command, "smollm2")
        assert result.exit_code == 2
        assert result.stdout == ""
        assert "Did you mean smollm2-135m-instruct" in result.stderr


def test_pull_prints_where_it_is_and_remove_takes_it_away(
    parley: Parley, known: ModelEntry, models: Path, wheelhouse: Path
) -> None:
    for said in ("tiny is here.", "tiny is here already."):
        result = parley("models", "pull", "tiny", "--from", str(wheelhouse))
        assert (result.exit_code, result.stdout) == (0, f"{models / 'tiny' / 'tiny.gguf'}\n")
        assert said in result.stderr
    result = parley("models", "remove", "tiny")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "tiny is gone" in result.stderr
    assert parley("models", "remove", "tiny").exit_code == 1


def test_a_vanished_wheel_is_a_failure_that_names_the_way_out(
    parley: Parley, known: ModelEntry, wheelhouse: Path
) -> None:
    assert known.wheels is not None
    for path in wheelhouse.iterdir():
        path.unlink()
    result = parley("models", "pull", "tiny")
    assert (result.exit_code, result.stdout) == (1, "")
    assert any(wheel.file_name in result.stderr and wheel.sha256 in result.stderr for wheel in known.wheels.files)
    assert "parley models pull tiny --from FILE" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("words", [["tiny", "tiny", "--from", "."], ["tiny", "--from", "/nowhere"], []])
def test_wrong_use_of_pull(parley: Parley, known: ModelEntry, words: list[str]) -> None:
    assert parley("models", "pull", *words).exit_code == 2


def test_a_file_of_ones_own_is_shown_and_not_removed(parley: Parley, models: Path, tmp_path: Path) -> None:
    from tests.assistant.weights.test_gguf_files import write_gguf

    path = write_gguf(tmp_path / "mine.gguf")
    row = json.loads(parley("models", "info", str(path), "--json").stdout)
    assert (row["state"], row["path"], row["title"]) == ("here", str(path), "Tiny")
    assert parley("models", "remove", str(path)).exit_code == 2
    assert path.exists()


def test_what_lies_in_the_hubs_cache_is_removed_only_when_that_is_meant(
    parley: Parley, models: Path, tmp_path: Path
) -> None:
    from tests.assistant.weights.test_hub_cache import put

    folder = put("Qwen/Qwen3-0.6B", {"config.json": b"{}", "model.safetensors": b"weights"})
    assert parley("models", "remove", "qwen3-0.6b").exit_code == 2
    assert folder.exists()
    assert parley("models", "remove", "qwen3-0.6b", "--yes").exit_code == 0
    assert not folder.exists()


def test_ctrl_c_ends_a_pull_with_130_and_leaves_no_pip(known: ModelEntry, models: Path, index: Index) -> None:
    import psutil

    assert known.wheels is not None
    index.slow = {wheel.file_name for wheel in known.wheels.files}
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    command = [sys.executable, "-c", "from ui.cli import main; main()", "models", "pull", "tiny"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True)
    assert index.half_way.wait(20)
    pips = psutil.Process(process.pid).children(recursive=True)
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=10)
    assert time.monotonic() - begun < 3
    assert (process.returncode, out) == (130, "")
    assert "Traceback" not in err
    assert pips
    assert not psutil.wait_procs(pips, timeout=3)[1]
    index.go.set()


def test_a_pull_into_a_pipe_tells_how_far_it_is(
    parley: Parley, known: ModelEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ui.terminal.pulling.LINE_SECONDS", 0)
    result = parley("models", "pull", "tiny")
    assert result.exit_code == 0
    assert "downloading" in result.stderr
    assert Path(result.stdout.strip()).read_bytes() == b"".join(PARTS)


@pytest.mark.parametrize("words", [(), ("list",), ("info",), ("pull",), ("remove",)])
def test_help_shows_examples(parley: Parley, words: tuple[str, ...]) -> None:
    result = parley("models", *words, "--help")
    assert result.exit_code == 0
    assert not words or f"parley models {words[0]}" in result.stdout
