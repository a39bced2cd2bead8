"""Text-to-image pipelines by their names."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant import hardware, paths, sources
from assistant.catalogue import BUNDLED, Catalogue, Family
from assistant.engines.choice import choose
from assistant.errors import CapabilityMissing, ModelNotAvailable
from tests.ui.terminal.test_train import parley
from ui.lab_painting import pipelines, source, told

CATALOGUE = Catalogue.load(BUNDLED)


def test_those_of_the_catalogue_are_offered_with_size_and_licence() -> None:
    assert [entry.key for entry in pipelines(CATALOGUE)] == [e.key for e in CATALOGUE if "text-to-image" in e.tasks]
    assert len(pipelines(CATALOGUE)) >= 3
    for entry in pipelines(CATALOGUE):
        said = told(CATALOGUE, entry.key)
        assert entry.licence in said and "GB" in said and "not here yet" in said
    assert "fetched when you paint" in told(CATALOGUE, "someone/else")


def test_what_is_not_here_is_not_fetched_unasked() -> None:
    with pytest.raises(ModelNotAvailable, match="Stable Diffusion XL is not on this machine") as found:
        source(CATALOGUE, " Stable-Diffusion-XL ")
    assert "parley models pull stable-diffusion-xl" in found.value.hint
    assert source(CATALOGUE, "someone/else") == "someone/else" and source(CATALOGUE, "/a folder") == "/a folder"


@pytest.mark.parametrize("model", ["~nobody_here/x", "x" * 300])
def test_what_is_no_name_of_a_pipeline_is_said(model: str, tmp_path: Path) -> None:
    done = parley("lab", "paint", "a cat", "--model", model, "-o", tmp_path / "x.png")
    assert (done.returncode, "cannot be loaded" in done.stderr) == (1, True), done.stderr


def test_one_that_was_brought_from_a_folder_is_found(tiny_pipeline: Path) -> None:
    entry = CATALOGUE["stable-diffusion-v1-5"]
    sources.pull(entry, from_file=tiny_pipeline)
    found = Path(source(CATALOGUE, entry.key))
    assert (found / "model_index.json").is_file() and (found / "unet" / "config.json").is_file()
    assert "on this machine" in told(CATALOGUE, entry.key)
    sources.remove(entry)
    assert "not here yet" in told(CATALOGUE, entry.key)


def test_a_persons_own_catalogue_adds_one() -> None:
    own = """
[models.mine]
title = "Mine"
description = "My own."
family = "diffusion"
tasks = ["text-to-image"]
format = "diffusers"
licence = "MIT"
parameters = 5
download_bytes = 10
memory_bytes = 20
context_length = 77
hub = { repo = "me/mine", files = ["model_index.json"] }
"""
    (paths.home() / "catalogue.toml").write_text(own)
    assert pipelines(Catalogue.load())[-1].key == "mine"


def test_no_engine_chats_with_one_and_what_it_is_for_is_said() -> None:
    entry = CATALOGUE["ssd-1b"]
    assert entry.family is Family.DIFFUSION
    with pytest.raises(CapabilityMissing, match="a text-to-image pipeline") as found:
        choose(entry, hardware.detect())
    assert "parley lab paint" in found.value.hint
