"""The bundled catalogue entry by entry, what is merged over it, and how a name leads to a model."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from assistant import paths
from assistant.catalogue import BUNDLED, Catalogue, Family, ModelEntry
from assistant.engines.protocol import Sampling
from assistant.errors import BadSettings, UnknownModel
from assistant.settings import sampling_from

BUNDLE = Catalogue.load(BUNDLED)
EMBEDDED = {
    "smollm2-135m-instruct",
    "qwen2.5-coder-0.5b-instruct",
    "qwen2.5-coder-1.5b-instruct",
    "all-minilm-l6-v2",
    "parley-sentiment",
    "bergamot-en-pt",
    "bergamot-pt-en",
    "parley-t5",
    "parley-t5-es-de",
}
TASKS = {
    Family.DECODER: {"chat", "complete", "translate", "summarize"},
    Family.ENCODER: {"embed", "sentiment", "classify", "answer"},
    Family.SEQ2SEQ: {"answer", "translate", "summarize"},
    Family.DIFFUSION: {"text-to-image"},
}


def test_what_needs_no_hub_is_marked_so() -> None:
    assert {entry.key for entry in BUNDLE if entry.embedded} == EMBEDDED
    assert {entry.key for entry in BUNDLE if entry.wheels or entry.shipped} == EMBEDDED


@pytest.mark.parametrize("entry", BUNDLE, ids=lambda entry: entry.key)
class TestEveryEntry:
    def test_says_what_it_is(self, entry: ModelEntry) -> None:
        assert entry.title
        assert entry.licence
        assert entry.description.endswith(".")
        assert len(entry.description) <= 110
        assert entry.tasks
        assert set(entry.tasks) <= TASKS[entry.family]
        assert entry.languages
        assert all(re.fullmatch("[a-z]{2}", language) for language in entry.languages)

    def test_sizes_agree_with_each_other(self, entry: ModelEntry) -> None:
        bytes_a_weight = entry.download_bytes / entry.parameters
        low, high = {"gguf": (0.5, 1.3), "adapter": (0.01, 0.5)}.get(entry.format, (1.0, 4.1))
        assert low < bytes_a_weight < high
        assert entry.download_bytes < entry.memory_bytes < entry.download_bytes * 2 + 10**9
        if entry.wheels:
            assert entry.download_bytes == entry.wheels.bytes

    def test_what_a_token_takes_agrees_with_the_memory(self, entry: ModelEntry) -> None:
        assert (entry.format == "gguf") == bool(entry.cache_token_bytes)
        if entry.format == "gguf" and not entry.embedded:  # the file's heading says what memory_bytes holds
            reckoned = entry.download_bytes + 4096 * entry.cache_token_bytes + 0.3e9
            assert entry.memory_bytes == pytest.approx(reckoned, rel=0.01)

    def test_can_be_had(self, entry: ModelEntry) -> None:
        assert entry.sources or entry.shipped
        assert entry.problems() == []
        if entry.format == "gguf" and entry.hub:
            assert len(entry.hub.files) == 1
            assert not entry.sha256 or entry.sha256.keys() == set(entry.hub.files)
        if entry.wheels and not entry.wheels.joined:
            assert all(wheel.members for wheel in entry.wheels.files)

    def test_pipelines_have_their_parts_and_no_pickles(self, entry: ModelEntry) -> None:
        assert (entry.family is Family.DIFFUSION) == (entry.format == "diffusers")
        if entry.format != "diffusers":
            return
        assert entry.hub and not entry.embedded and not entry.lora_targets
        files = set(entry.hub.files)
        assert {"model_index.json", "*/config.json", "scheduler/*.json", "tokenizer/*"} <= files
        assert any(name.startswith(("unet/", "transformer/")) for name in files)
        weights = [name for name in files if name.startswith(("unet/", "transformer/", "vae/", "safety_checker/"))]
        assert all(name.endswith(".safetensors") for name in weights) and any(name.startswith("vae/") for name in files)
        halves = [".fp16." in name for name in weights]
        assert all(halves) or not any(halves)
        bytes_a_weight = entry.download_bytes / entry.parameters
        assert 1.8 < bytes_a_weight < 2.2 if all(halves) else 3.8 < bytes_a_weight < 4.1

    def test_sampling_is_valid(self, entry: ModelEntry) -> None:
        assert isinstance(sampling_from(entry.sampling), Sampling)

    def test_prompts_have_room_for_the_text_and_cover_the_tasks(self, entry: ModelEntry) -> None:
        templates = {name: text for name, text in entry.prompts.items() if not name.startswith("language:")}
        assert all("{text}" in text for text in templates.values())
        if entry.family is Family.SEQ2SEQ:
            pairs = {name for name in templates if name != "summarize"}
            assert ("translate" in entry.tasks) == bool(pairs)
            assert ("summarize" in entry.tasks) == ("summarize" in templates)
            assert {part for pair in pairs for part in pair.split("-")} <= {*entry.languages, "*"}

    def test_is_found_by_its_key_in_any_case(self, entry: ModelEntry) -> None:
        assert BUNDLE.find(entry.key.upper()) is entry

    def test_base_is_of_the_same_family_and_unaligned(self, entry: ModelEntry) -> None:
        if entry.base and entry.format == "adapter":
            assert BUNDLE[entry.base].family == entry.family
            assert entry.embedded <= BUNDLE[entry.base].embedded
        elif entry.base:
            assert BUNDLE[entry.base].tasks == ("complete",)
            assert BUNDLE[entry.base].parameters == entry.parameters


def test_every_role_has_a_small_model_and_a_larger_one() -> None:
    for task, small, large in (
        ("chat", 5e8, 1e10),
        ("translate", 1e8, 3e9),
        ("summarize", 5e8, 3e9),
        ("embed", 1e8, 4e8),
        ("text-to-image", 3e9, 6e9),
    ):
        sizes = [entry.download_bytes for entry in BUNDLE if task in entry.tasks]
        assert min(sizes) < small
        assert max(sizes) > large


def test_the_parts_of_a_joined_file_are_in_order() -> None:
    for entry in BUNDLE:
        if entry.wheels and entry.wheels.joined:
            numbers = [int(re.findall(r"\d+", wheel.members[0])[-1]) for wheel in entry.wheels.files]
            assert numbers == list(range(1, len(numbers) + 1))
            assert len({wheel.sha256 for wheel in entry.wheels.files}) == len(numbers)


def own(text: str) -> Path:
    path = paths.home() / "catalogue.toml"
    path.write_text(text)
    return path


NEW = """
[models.mine]
title = "Mine"
description = "My own."
family = "decoder"
tasks = ["chat"]
format = "gguf"
licence = "MIT"
parameters = 5
download_bytes = 5
memory_bytes = 6
context_length = 7
hub = { repo = "me/mine", files = ["mine.gguf"] }
"""


def test_a_persons_own_file_adds_models_and_changes_fields() -> None:
    own(NEW + '[models.smollm2-135m-instruct]\ntitle = "Smolly"\n')
    catalogue = Catalogue.load()
    assert len(catalogue) == len(BUNDLE) + 1
    assert catalogue["mine"].hub is not None
    assert catalogue["smollm2-135m-instruct"].title == "Smolly"
    assert catalogue["smollm2-135m-instruct"].wheels == BUNDLE["smollm2-135m-instruct"].wheels


def test_all_mistakes_are_reported_together() -> None:
    mistakes = NEW.replace("parameters = 5", 'parameters = "many"').replace('family = "decoder"', 'family = "rnn"')
    mistakes += '[models.Bad_Key]\ntitle = "x"\n[models.smollm2-135m-instruct]\ncolour = "red"\n'
    mistakes += '[models.qwen3-8b]\nbase = "nobody"\nsampling = { heat = 1 }\n'
    mistakes += '[models.t5-small]\nsampling = { temperature = -1 }\nsha256 = { "x" = "12" }\ndownload_bytes = 0\n'
    path = own(mistakes)
    with pytest.raises(BadSettings) as caught:
        Catalogue.load()
    for said in (
        str(path),
        "mine: parameters",
        "mine: family",
        "Bad_Key: family",
        "smollm2-135m-instruct: colour",
        "qwen3-8b: base: there is no model 'nobody'",
        "qwen3-8b: sampling.heat is not a setting",
        "t5-small: temperature must be between 0 and 5, not -1",
        "t5-small: the sha256 of x is not 64 hex digits",
        "t5-small: download_bytes must be above 0",
    ):
        assert said in caught.value.message


@pytest.mark.parametrize("text", ["[models", 'models = "none"', "[models]\nx = 1", "\udcff"])
def test_a_file_that_cannot_be_read_is_named(text: str) -> None:
    path = paths.home() / "catalogue.toml"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(BadSettings, match=re.escape(str(path))):
        Catalogue.load()


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("smollm", "smollm2-135m-instruct"),
        ("qwen3-8", "qwen3-8b"),
        ("opus-mt-de-fr", "opus-mt-de-en"),
        ("bergamot-pt-es", "bergamot-pt-en"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(name: str, near: str) -> None:
    with pytest.raises(UnknownModel) as caught:
        BUNDLE.find(name)
    assert near in caught.value.hint


def test_a_name_like_nothing_points_to_the_list() -> None:
    with pytest.raises(UnknownModel, match="parley models list"):
        BUNDLE["zzzzzz"]


def test_a_hub_id_of_the_catalogue_is_its_entry() -> None:
    assert BUNDLE.find("qwen/qwen3-8b").key == "qwen3-8b"


def test_a_missing_file_is_called_so() -> None:
    with pytest.raises(UnknownModel, match=r"There is no file nowhere\.gguf"):
        BUNDLE.find("nowhere.gguf")
