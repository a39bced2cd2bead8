"""The model card of what a run made: written from the run, so that it says what was done (Mitchell et al. 2019,
arXiv:1810.03993). It is the README.md beside the weights, with the Hub's metadata in front."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from assistant.whole_files import read_object, write_whole
from finetune.methods import METHODS

if TYPE_CHECKING:
    from assistant.catalogue import ModelEntry
    from assistant.run import Run
    from finetune.data import Rows

TASKS = {"decoder": "text-generation", "encoder": "text-classification", "seq2seq": "text2text-generation"}
UNSAID = (
    "data",
    "test",
    "model",
    "trainer",
    "report_to",
    "dry_run",
    "evaluate",
    "logging_steps",
    "eval_steps",
    "save_steps",
)
"""Settings that the table does not repeat."""
LAST_STEPS = 5
"""Figures that are averaged where a training is its own measure."""
TRAINING = "train_"
"""Begins the names of such."""
LICENCES = {"Apache-2.0": "apache-2.0", "MIT": "mit"}


def write_card(run: Run, base: ModelEntry, rows: Rows, figures: Mapping[str, float]) -> None:
    """Write the card into the run's model folder. base: the whole model that it began from. Raises OSError."""
    write_whole(run.model / "README.md", [card(run, base, rows, figures)])


def card(run: Run, base: ModelEntry, rows: Rows, figures: Mapping[str, float]) -> str:
    """Markdown with the Hub's YAML in front; figures stand in its `model-index` too."""
    from huggingface_hub import EvalResult, ModelCardData

    status, settings = run.status(), run.settings
    data = Path(str(settings["data"])).name
    task = TASKS[base.family]
    results = [
        EvalResult(
            task_type=task, dataset_type="file", dataset_name=data, metric_type=name, metric_value=round(value, 4)
        )
        for name, value in figures.items()
    ]
    adapter = (run.model / "adapter_config.json").is_file()
    about = ModelCardData(
        base_model=base.hub.repo if base.hub else None,
        library_name="peft" if adapter else "transformers",
        license=LICENCES.get(base.licence, "other"),
        license_name=None if base.licence in LICENCES else base.licence or "unknown",
        model_name=run.title,
        pipeline_tag=task,
        tags=["parley", run.kind],
        eval_results=results or None,
    )
    method = METHODS[run.kind].summary if run.kind in METHODS else run.kind
    hashes = _hashes(run)
    minutes = f"{max(1, round(status.seconds / 60))} min"
    table = [
        f"| {name} | {_cell(value)} |"
        for name, value in settings.items()
        if name not in UNSAID and value not in (None, {}, [])
    ]
    training = {name: value for name, value in figures.items() if name.startswith(TRAINING)}
    return "\n".join(
        [
            f"---\n{about.to_yaml()}\n---",
            f"# {run.title}\n",
            f"{'An adapter (LoRA) on' if adapter else 'Made from'} {base.title}: {method}\n",
            f"- **Base:** {base.title}, licence {base.licence or 'unknown'}",
            f"- **Data:** {data}, {rows.said}{hashes} Its licence is for whoever publishes this to state.",
            f"- **Trained:** {status.step:,} steps in {minutes} with Parley, {run.created:%Y-%m-%d}\n",
            "What the data gets wrong or leaves out, the model does too. What is not among the figures below was not"
            " measured.\n",
            *_figures("on rows that were set apart", {name: figures[name] for name in figures if name not in training}),
            *_figures("of the last steps", training),
            "## Settings\n",
            "| | |\n|---|---|",
            *table,
            "",
        ]
    )


def add_figures(run: Run, title: str, lines: Sequence[str], figures: Mapping[str, float]) -> None:
    """Add a section to the card of a run, and its figures to the metadata; nothing where there is no card. One of that
    title at its end gives way: a run that was killed just then is measured again."""
    from huggingface_hub import EvalResult, ModelCard

    path = run.model / "README.md"
    if not path.is_file():
        return
    card = ModelCard(path.read_text("utf-8"))
    about: Any = card.data
    about.eval_results = [
        *(each for each in about.eval_results or [] if each.dataset_name not in figures),
        *(
            EvalResult(
                task_type=about.pipeline_tag or "",
                dataset_type=name,  # figures of one type would be one entry
                dataset_name=name,
                metric_type="score",
                metric_value=round(value, 4),
            )
            for name, value in figures.items()
        ),
    ]
    listed = "\n".join(f"- {line}" for line in lines)
    text = card.text.partition(f"\n## {title}\n")[0].rstrip()
    write_whole(path, [f"---\n{about.to_yaml()}\n---\n{text}\n\n## {title}\n\n{listed}\n"])


def last_evaluation(run: Run) -> dict[str, float]:
    """What the run's own rows that were set apart said last; {} where there are none."""
    line: dict[str, Any] = next((line for line in reversed(run.metrics()) if "eval_loss" in line), {})
    return {name: value for name, value in line.items() if name.startswith("eval_") and isinstance(value, float)}


def last_steps(run: Run, names: Sequence[str], until: int | None = None) -> dict[str, float]:
    """What a training said of itself in its last steps, on the mean: of one whose loss tells nothing.

    until: the step whose weights came out, where it is not the last.
    """
    lines = [line for line in run.metrics() if until is None or line["step"] <= until]
    values = {name: [line[name] for line in lines if name in line][-LAST_STEPS:] for name in names}
    return {f"{TRAINING}{name}": fmean(some) for name, some in values.items() if some}


def _figures(what: str, figures: Mapping[str, float]) -> list[str]:
    """A section of the card; none without figures."""
    lines = [f"| {name.replace('_', ' ')} | {value:.4g} |" for name, value in figures.items()]
    return [f"## Figures {what}\n", "| | |\n|---|---|", *lines, ""] if lines else []


def _hashes(run: Run) -> str:
    found = read_object(run.folder / "environment.json").get("data_sha256", {})
    return "".join(f" sha256 of {name}: `{digest}`." for name, digest in found.items())


def _cell(value: Any) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")
