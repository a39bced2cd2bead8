"""Parley's own T5 is tuned on pairs, and translates with what it has learnt."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from assistant.engines.protocol import Capability, Rewriting
from assistant.errors import BadDataset, BadSettings
from assistant.models import Models
from assistant.run import Run, State
from assistant.runs import Runs
from assistant.service import Assistant
from finetune.formats import METHODS, recognised
from finetune.methods import create
from finetune.seq2seq import Seq2SeqSettings, asked_for
from finetune.settings import settings_from
from tests.finetune.doing import do

COLOURS = {"red": "rouge", "green": "vert", "blue": "bleu", "white": "blanc", "black": "noir", "yellow": "jaune"}
THINGS = {"widget": "gadjo", "bracket": "équerron", "spindle": "fuselot", "washer": "rondinet"}
"""Words of a house, which no model knows."""
ROWS = [
    {"en": f"The {thing} is {colour}.", "fr": f"Le {le_thing} est {couleur}."}
    for thing, le_thing in THINGS.items()
    for colour, couleur in COLOURS.items()
]
QUICK: dict[str, Any] = {"max_steps": 40, "per_device_train_batch_size": 8, "learning_rate": 1e-2, "logging_steps": 10}


def tuned(folder: Path, rows: list[dict[str, str]], **changes: Any) -> Run:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    given = {"data": str(path), "test_share": 0.2, **QUICK, **changes}
    return do(create(Runs(), "seq2seq", settings_from(Seq2SeqSettings, given)))


def test_a_house_teaches_its_words(tmp_path: Path) -> None:
    run = tuned(tmp_path, ROWS)
    status = run.status()
    assert status.state is State.FINISHED, status
    assert status.figures["bleu"] > status.figures["bleu_before"] + 20, status.figures
    assert {"chrf", "chrf_before"} <= status.figures.keys()
    assert any("eval_loss" in line for line in run.metrics()) and run.metrics()[0]["tokens_per_second"] > 0
    assistant = Assistant()
    order = assistant.order("The spindle is yellow.", "fr", "en")
    assert assistant.translation("The spindle is yellow.", order, model=run.id).text == "Le fuselot est jaune."
    assert assistant.translator("en", "fr").key != run.id, "nobody asked for it"
    assert run.id in [entry.key for entry in assistant.able_here("translate")]
    assert "| bleu |" in (run.model / "README.md").read_text("utf-8")


def test_it_goes_on_from_an_adapter_and_tells_what_it_will_take(tmp_path: Path) -> None:
    first = tuned(tmp_path, ROWS, max_steps=2)
    second = tuned(tmp_path, ROWS, max_steps=2, model=first.id)
    assert second.status().state is State.FINISHED, second.status()
    assert Models().find(second.id).base == "parley-t5"
    dry = tuned(tmp_path, ROWS, dry_run=True)
    assert dry.status().figures["seconds_per_step"] > 0, dry.status()


@pytest.mark.parametrize("kind", ["full", "lora"])
def test_a_task_of_its_own_has_a_prefix_of_its_own(tmp_path: Path, kind: str) -> None:
    rows = [{"source": f"{n} apples and {n} pears", "target": f"fruit {n}"} for n in range(24)]
    run = tuned(tmp_path, rows, task="summarize", prefix="<fr>", finetuning_type=kind, max_steps=3, learning_rate=1e-4)
    assert run.status().state is State.FINISHED, run.status()
    entry = Models().find(run.id)
    assert (entry.tasks, entry.prompts["summarize"]) == (("summarize",), "<fr>{text}")
    engine = Models().engine(run.id, capability=Capability.TEXT2TEXT)
    assert engine.text2text(["3 apples and 3 pears"], Rewriting("summarize", beams=1))[0]


@pytest.mark.parametrize("names", [("prompt", "completion"), ("text", "summary")])
def test_questions_and_answers_and_summaries_are_pairs_too(tmp_path: Path, names: tuple[str, str]) -> None:
    rows = [{names[0]: f"{n} apples and {n} pears", names[1]: f"fruit {n}"} for n in range(24)]
    run = tuned(tmp_path, rows, task="summarize", max_steps=2)
    assert run.status().state is State.FINISHED, run.status()
    assert "bleu" in run.status().figures


def test_which_languages_it_is_between() -> None:
    def asked(columns: tuple[str, str], **changes: Any) -> Any:
        return asked_for(settings_from(Seq2SeqSettings, {"data": "x", **changes}), columns)

    assert asked(("en", "fr")) == (Rewriting("translate", "en", "fr"), {})
    assert asked(("EN", "pt-BR"))[0] == Rewriting("translate", "en", "pt")
    own = asked(("source", "target"), source_language="en", target_language="cy", prefix="to Welsh: ")
    assert own == (Rewriting("translate", "en", "cy"), {"en-cy": "to Welsh: {text}"})
    with pytest.raises(BadSettings, match="which languages"):
        asked(("source", "target"))


def test_what_cannot_be_is_told(tmp_path: Path) -> None:
    run = tuned(tmp_path, [{"source": row["en"], "target": row["fr"]} for row in ROWS])
    assert run.status().state is State.FAILED and "which languages" in run.status().message
    run = tuned(tmp_path, [{"de": row["en"], "cy": row["fr"]} for row in ROWS])
    assert "does not translate German into Welsh" in run.status().message and "prefix=" in run.status().hint
    with pytest.raises(BadDataset, match="not for seq2seq"):
        tuned(tmp_path, [{"text": row["en"], "label": "a"} for row in ROWS])
    with pytest.raises(BadSettings, match="GPT-style"):
        tuned(tmp_path, ROWS, model="smollm2-135m-instruct")
    assert "seq2seq" in METHODS[recognised([{"en": "a", "fr": "b"}]).kind]
