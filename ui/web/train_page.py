"""The page that teaches a model: data looked through, what would be learnt, a dry run, and the runs themselves."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr

from assistant import hardware
from assistant.errors import BadDataset, ParleyError
from assistant.run import State
from assistant.runs import Runs
from assistant.service import Assistant
from finetune import bases, hub_data, masking, methods, own_rows
from finetune.lint import Report, cleaned, lint, too_long
from finetune.settings import Settings
from ui import training
from ui.web import theme
from ui.web.events import QUICK, told
from ui.web.runs_view import build_runs
from ui.web.synthesis_part import SynthesisPart
from ui.web.train_controls import NUMBERS, settings_of
from ui.web.train_view import dry_run_html, lint_html, mask_html
from ui.web.working import waiting_html

EXAMPLE = Path(methods.__file__).with_name("examples") / "captain.jsonl"
EXAMPLE_EPOCHS = 8
"""So often through the example's forty rows that the answers sound of it."""
SHOWN_ROWS = 3
DRY_RUN_POLL_SECONDS = 0.5
FIRST = {"num_train_epochs": 3.0, "max_length": 512, "per_device_train_batch_size": 8}
"""What the page begins with, where that is not the method's own."""
UNCUT = ("rlhf", "rlhf-loop")
"""Methods that cut no row at the length of the page: they have lengths of their own."""
KINDS = {"lora": "LoRA", "qlora": "QLoRA, 4 bits", "dora": "DoRA", "full": "Every weight", "head": "The head alone"}
"""finetuning_type → as it is called here."""


def build_train(assistant: Assistant, page: gr.Blocks) -> None:
    """Lay out the page inside the current Blocks and wire it."""
    runs = Runs()
    first, first_fields = Settings(), Settings.__dataclass_fields__

    def known(method: str) -> list[tuple[str, str]]:
        return [(entry.title, entry.key) for entry in bases.trainable(assistant, methods.METHODS[method].families)]

    def judges() -> list[tuple[str, str]]:
        return [(run.title, run.id) for run in runs if run.kind == "reward" and run.status().state is State.FINISHED]

    offered = known("sft")
    with gr.Column(elem_classes="text-page wide train"):
        gr.HTML(
            "<h1>Teach a model</h1><p>Bring rows: questions and answers, pairs of which one is better, verdicts. "
            "A small adapter learns from them. It all stays on this machine.</p>",
            apply_default_css=False,
        )
        with gr.Row(elem_classes="actions"):
            example = gr.Button("Try the example: a ship's captain", size="md", elem_id="train-example")
            paired = gr.Button("Use my votes as pairs", size="md", elem_id="train-pairs")
            voted = gr.Button("Use my votes one by one", size="md", elem_id="train-votes")
        data = gr.File(label="Rows: JSON lines, JSON, CSV, Parquet", type="filepath", elem_id="train-data")
        with (
            gr.Accordion("Or from the Hugging Face Hub", open=False, elem_id="train-hub"),
            gr.Row(elem_classes="languages"),
        ):
            hub = gr.Textbox("", label="Data set", placeholder="org/name, org/name:split", elem_id="train-hub-name")
            fetching = gr.Button("Fetch", size="md", scale=0, elem_id="train-fetch")
        written = SynthesisPart(assistant)
        looked = gr.HTML(apply_default_css=False, elem_id="train-looked", js_on_load=theme.script("acts"))
        method = gr.Radio(
            [(each.summary, each.name) for each in methods.METHODS.values()],
            value="sft",
            label="What it is to learn",
            elem_id="train-method",
        )
        judge = gr.Dropdown(
            judges(),
            multiselect=True,
            visible=False,
            label="Reward models",
            info="Train one first: “Say how good an answer is”.",
            elem_id="train-judge",
        )
        with gr.Row(elem_classes="languages"):
            model = gr.Dropdown(offered, value=offered[0][1] if offered else None, label="Model", elem_id="train-model")
            epochs = gr.Slider(
                1, 20, FIRST["num_train_epochs"], step=1, label=NUMBERS["num_train_epochs"], elem_id="train-epochs"
            )
            kind = gr.Radio(
                [(KINDS[each], each) for each in Settings.tunings],
                value=first.finetuning_type,
                label="What is trained",
                elem_id="train-kind",
            )
        with gr.Accordion("More settings", open=False, elem_id="train-more"):
            with gr.Row():
                rate = gr.Textbox("", label="Learning rate", placeholder="the method's own", elem_id="train-rate")
                length = gr.Number(
                    FIRST["max_length"], label=NUMBERS["max_length"], precision=0, minimum=8, elem_id="train-length"
                )
                batch = gr.Number(
                    FIRST["per_device_train_batch_size"],
                    label=NUMBERS["per_device_train_batch_size"],
                    precision=0,
                    minimum=1,
                    elem_id="train-batch",
                )
                rank = gr.Number(first.lora_r, label=NUMBERS["lora_r"], precision=0, minimum=1, elem_id="train-rank")
            measure_it = gr.Checkbox(
                False, label="Measure it before and after, on the mini suite", elem_id="train-evaluate"
            )
            tests = gr.File(
                label="Rows to be measured on (else some are set apart)", type="filepath", elem_id="train-tests"
            )
            further = gr.Textbox(
                "", lines=2, label="Further settings", placeholder="lora_dropout=0.05 gradient_checkpointing=true",
                info="As `parley train` takes them, one key=value after another.", elem_id="train-further",
            )  # fmt: skip
        with gr.Row(elem_classes="actions"):
            go = gr.Button("Start", variant="primary", interactive=False, size="md", elem_id="train-start")
            dry = gr.Button("What will it take?", interactive=False, size="md", elem_id="train-dry")
            stop = gr.Button("Stop", visible=False, size="md", elem_id="train-stop")
        measured = gr.HTML(apply_default_css=False, elem_id="train-measured")
        refresh = build_runs(assistant, runs, page)
    given = [method, judge, data, tests, model, epochs, kind, length, batch, rank, measure_it, rate, further]

    def look(
        path: str | None, wanted: str, chosen: str | None, most: float | None, apart: str | None
    ) -> Iterator[dict[Any, Any]]:
        ready = path is not None
        buttons = {go: gr.update(interactive=ready), dry: gr.update(interactive=ready), measured: ""}
        if path is None:
            yield buttons | {looked: ""}
            return
        yield buttons | {looked: waiting_html("Looking through the rows …")}
        file, tested, shown = Path(path), Path(apart) if apart else None, ""
        try:
            report = lint(file, tests=tested)
            able = [name for name in methods.METHODS if name in report.methods]
            if able and wanted not in able:  # the rows say what can be learnt of them
                wanted = able[0]
                changed = choose(wanted, chosen)
                chosen, most = changed[model]["value"], changed[length]["value"]  # before Gradio takes them out
                yield {method: wanted} | changed
            shown = lint_html(report)
            yield {looked: shown}
            if chosen and most and report.kept and wanted not in UNCUT:
                yield from measured_rows(file, tested, report, wanted, chosen, int(most))
        except ParleyError:
            yield {looked: shown}
            raise

    def measured_rows(
        file: Path, tested: Path | None, report: Report, wanted: str, chosen: str, most: int
    ) -> Iterator[dict[Any, Any]]:
        """What takes the model's own tokens: rows that are too long, and what is learnt of a row."""
        if wanted != "sft":
            yield {looked: lint_html(report) + waiting_html("Counting tokens …")}
            counted = lint(file, tests=tested, count=masking.token_counter(chosen, assistant), most=most)
            yield {looked: lint_html(counted)}
            return
        yield {looked: lint_html(report) + waiting_html("Reading what would be learnt (half a minute at first) …")}
        seen = masking.look(file, chosen, max_length=most, models=assistant, report=report)
        counted = report.beside(too_long(seen.counts.cut, most)) if seen.counts.cut else report
        yield {looked: lint_html(counted) + mask_html(seen, SHOWN_ROWS, most)}

    def choose(wanted: str, chosen: str | None) -> dict[Any, Any]:
        able = known(wanted)
        keys = [key for _, key in able]
        settings = methods.METHODS[wanted].settings_class()
        fields = settings.__dataclass_fields__
        own = fields["model"].default
        value = own if own in keys and own != first.model else chosen if chosen in keys else next(iter(keys), None)
        usual = {
            name: FIRST[name] if fields[name].default == first_fields[name].default else fields[name].default
            for name in FIRST
        }
        filled = {epochs: "num_train_epochs", length: "max_length", batch: "per_device_train_batch_size"}
        return {
            part: gr.update(visible=name not in settings.unused, value=usual[name]) for part, name in filled.items()
        } | {
            rank: gr.update(visible="lora_r" not in settings.unused),
            rate: gr.update(visible="learning_rate" not in settings.unused),
            kind: gr.update(choices=[(KINDS[each], each) for each in settings.tunings], value="lora"),
            model: gr.update(choices=able, value=value),
            judge: gr.update(visible=wanted == "rlhf", choices=judges()),
        }

    def cleaned_copy(path: str, apart: str | None) -> dict[Any, Any]:
        report = lint(Path(path), tests=Path(apart) if apart else None)
        into = own_rows.write_rows(f"{Path(path).stem}-cleaned", cleaned(Path(path), report))
        gr.Info(f"{len(report.kept):,} rows are in {into}.")
        return {data: str(into)}

    def fetch(name: str) -> Iterator[dict[Any, Any]]:
        yield {looked: waiting_html(f"Fetching {name.strip()} …")}
        try:
            path = hub_data.located(name.strip())
            if not path.is_file():
                raise BadDataset(f"{name!r} is no data set of the Hub.", hint=hub_data.HOW)
        except ParleyError:
            yield {looked: ""}
            raise
        yield {data: str(path), looked: ""}

    def measure(*values: Any) -> Iterator[dict[Any, Any]]:
        settings = replace(settings_of(*values), dry_run=True)
        yield {measured: waiting_html("Starting …"), dry: gr.update(interactive=False), stop: gr.update(visible=True)}
        with tempfile.TemporaryDirectory(prefix="parley-dry-run-") as folder:
            some = Runs(Path(folder))
            run = methods.create(some, values[0], settings)
            some.start(run)
            try:
                while (status := run.status()).state.alive:
                    yield {measured: waiting_html(f"{status.doing or 'starting'} …".capitalize())}
                    time.sleep(DRY_RUN_POLL_SECONDS)
                yield {measured: dry_run_html(status, settings, hardware.detect())}
            finally:
                some.kill(run)

    def again() -> dict[Any, Any]:
        return {dry: gr.update(interactive=True), stop: gr.update(visible=False)}

    def start(*values: Any) -> Any:
        run = training.create(runs, values[0], settings_of(*values), keep=True)
        runs.start(run)
        return refresh.begin(run)

    fitted = [model, judge, epochs, kind, length, batch, rank, rate]
    shown = [looked, go, dry, measured, method, *fitted]
    example.click(lambda: (str(EXAMPLE), EXAMPLE_EPOCHS, "sft"), None, [data, epochs, method], **QUICK)
    for part in (data, model, length, tests):
        part.change(told(look), [data, method, model, length, tests], shown, trigger_mode="always_last", **QUICK)
    looked.act(told(cleaned_copy), [data, tests], [data], **QUICK)
    paired.click(told(lambda: str(own_rows.votes(assistant.store, "preference"))), None, [data], **QUICK)
    voted.click(told(lambda: str(own_rows.votes(assistant.store, "kto"))), None, [data], **QUICK)
    written.wire(data)
    gr.on([hub.submit, fetching.click], told(fetch), [hub], [data, looked], **QUICK)
    method.input(choose, [method, model], fitted, **QUICK)
    measuring = dry.click(told(measure), given, [measured, dry, stop], **QUICK)
    measuring.then(again, None, [dry, stop], **QUICK)
    stop.click(lambda: "", None, [measured], cancels=[measuring], **QUICK).then(again, None, [dry, stop], **QUICK)
    go.click(told(start), given, refresh.outputs, **QUICK)
