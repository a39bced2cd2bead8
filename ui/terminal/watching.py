"""A run as the terminal shows it: figures as they come, and what became of it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ui.amounts import span
from ui.outcomes import CHECK, called, outcome
from ui.terminal.evaluate import table
from ui.terminal.output import note, waiting, write, write_json

if TYPE_CHECKING:
    from assistant.run import Run, Status
    from assistant.runs import Runs
    from finetune.settings import Settings

POLL_SECONDS = 0.5
CONFUSIONS = 5
THEN = {
    "reward": ("Learn from it", 'parley train rlhf "reward_models=[{id}]"'),
    "classifier": ("Sort with it", 'parley classify "…" --model {id}'),
    "translate": ("Translate with it", 'parley translate "…" --to … --model {id}'),
    "summarize": ("Summarise with it", "parley summarize text.txt --model {id}"),
    "lab": ("See what it makes", "parley lab sample {id}"),
    "looked into": ("Look into it", "parley lab look {id}"),
    "judge": ("Measure with it", "parley lab faceoff … --judge {id}"),
}
"""Kind of a run, or its task → what may be done with what came out."""
SHOWN = (
    "loss",
    "squared_error",
    "generator",
    "discriminator",
    "score_of_real",
    "score_of_made",
    "penalty",
    "L1",
    "diversity",
    "classes_made",
    "rarest_class",
    "eval_loss",
    "reward",
    CHECK,
    "kl",
    "length",
    "entropy",
    "margin",
    "accuracy",
    "eval_accuracy",
    "gradient_norm",
    "learning_rate",
    "tokens_per_second",
)
"""Figures of a line, in this order, where there are such."""
SAMPLE_CHARACTERS = 160
"""Of an answer, that are shown."""


def follow(runs: Runs, run: Run) -> None:
    """Show figures on stderr until the run's process ends. Ctrl-C pauses the run and waits for its checkpoint."""
    told = len(run.metrics())
    pausing = False
    with waiting("starting") as saying:
        while True:
            try:
                status = run.status()
                lines = run.metrics()
                told = min(told, len(lines))  # what is done again since the last checkpoint is told again
                for line in lines[told:]:
                    note(figures(line, status.steps))
                if len(lines) > told and (some := run.samples()):
                    note(_sample(some[-1]), style="dim")
                told = len(lines)
                if not status.state.alive:
                    return
                saying("writing a checkpoint" if pausing else _where(status))
                time.sleep(POLL_SECONDS)
            except KeyboardInterrupt:
                if pausing or not run.status().state.alive:
                    raise
                pausing = True
                runs.pause(run)
                note("Pausing after this step. Once more Ctrl-C leaves the run to itself.", style="dim")


def see_through(runs: Runs, run: Run, *, detach: bool, as_json: bool) -> None:
    """Start a training and follow it to its end, or with `detach` say how to. Raises RunError where it failed."""
    runs.start(run)
    if detach:
        note(f"{run.id} has begun. `parley runs watch {run.id}` follows it.", style="dim")
        write(f"{run.id}\n")
        return
    follow(runs, run)
    if as_json:
        write_json(packed(run))
        refuse_failure(run)
    else:
        say_end(run)


def say_end(run: Run) -> None:
    """What became of the run, on stderr, and what may be done now. Raises RunError where it failed."""
    from assistant.run import State
    from assistant.tuned import ABOUT

    status = run.status()
    took = f"{status.step:,} steps in {span(status.seconds)}"
    refuse_failure(run)
    if status.state is State.PAUSED:
        note(f"Paused after {took}. `parley runs resume {run.id}` goes on.")
    elif status.state in (State.FINISHED, State.STOPPED):
        note(f"{'Done' if status.state is State.FINISHED else 'Stopped'}: {took}.")
        if run.kind == "eval":
            if status.state is State.FINISHED:
                note("\n".join(table(run)))
            return
        if status.message:
            note(status.message, style="yellow")
        if run.kind != "lab":
            for line in [*outcome(status.figures), *confusions(run.report())]:
                note(line)
        if run.kind != "lab" and status.state is State.STOPPED and not (run.model / ABOUT).is_file():
            note(f"It has left no model. `parley runs resume {run.id}` goes on with it.")
            return
        said, command = THEN.get(str(run.settings.get("task", _kind(run))), ("Talk to it", "parley chat --model {id}"))
        note(f"{said}: {command.format(id=run.id)}", style="dim")


def _kind(run: Run) -> str:
    """The run's kind; of the lab's, by what its architecture is for."""
    if run.kind != "lab":
        return run.kind
    from demos.architectures import ARCHITECTURES

    name = str(run.settings.get("architecture", ""))
    if name not in ARCHITECTURES:
        return run.kind
    return "judge" if name == "classifier" else run.kind if ARCHITECTURES[name].makes else "looked into"


def confusions(report: Mapping[str, Any]) -> list[str]:
    """The labels that a classifier confuses most, a line each; where it is sure that a row is wrong, the surest."""
    names, matrix = report.get("labels", []), report.get("matrix", [])
    pairs = [
        (count, names[wanted], names[said])
        for wanted, row in enumerate(matrix)
        for said, count in enumerate(row)
        if count and wanted != said
    ]
    lines = [
        f"  {count:>4}  {wanted} taken for {said}" for count, wanted, said in sorted(pairs, reverse=True)[:CONFUSIONS]
    ]
    doubted = [
        f"  {each['probability']:.0%}  {each['text'][:80]!r} is called {each['label']}, looks like {each['said']}"
        for each in report.get("doubted", [])[:CONFUSIONS]
    ]
    heads = ("What it confuses:", "Rows that look wrongly labelled:")
    return [
        line for head, some in zip(heads, (lines, doubted), strict=True) for line in ([head, *some] if some else [])
    ]


def refuse_failure(run: Run, settings: Settings | None = None) -> None:
    """Raises RunError where the run failed or was killed. settings: of one that was only measured."""
    from assistant.errors import RunError, RunInterrupted
    from assistant.run import State

    status = run.status()
    if status.state is State.FAILED:
        raise RunError(status.message, hint=status.hint)
    if status.state is State.INTERRUPTED:
        if settings is None:
            raise RunInterrupted(status.message, hint=status.hint)
        from finetune.preflight import smaller

        raise RunError(
            "It was killed while it was measured: there is too little memory for it.", hint=smaller(settings)
        )


def packed(run: Run) -> dict[str, Any]:
    """What `--json` prints of a run."""
    status = run.status()
    return {
        "id": run.id,
        "kind": run.kind,
        "title": run.title,
        "state": status.state.value,
        "step": status.step,
        "steps": status.steps,
        "seconds": round(status.seconds, 1),
        "message": status.message,
        "figures": dict(status.figures),
        "folder": str(run.folder),
    }


def beside(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """A row a run: its id and state, the settings in which the runs differ, the last of each figure, what came out."""
    settings = [dict(run.settings) for run in runs]
    names = dict.fromkeys(name for each in settings for name in each)
    differing = [name for name in names if len({repr(each.get(name)) for each in settings}) > 1]
    rows: list[dict[str, Any]] = []
    for run, own in zip(runs, settings, strict=True):
        status = run.status()
        last: dict[str, Any] = {}
        for line in run.metrics():
            last |= {name: value for name, value in line.items() if name not in ("time", "part")}
        about = {"id": run.id, "kind": run.kind, "state": status.state.value, "seconds": round(status.seconds, 1)}
        rows.append({**about, **{name: own.get(name) for name in differing}, **last, **status.figures})
    return rows


def figures(line: dict[str, Any], steps: int) -> str:
    """One line of metrics for people."""
    said = [f"step {line['step']:,}" + (f" of {steps:,}" if steps else "")]
    for name in SHOWN:
        if isinstance(value := line.get(name), (int, float)):
            shown = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.4g}"
            said.append(f"{called(name)} {shown}")
    return "  ".join(said)


def _sample(each: Mapping[str, Any]) -> str:
    """An answer as it is now, in one line."""
    asked, answered = (" ".join(str(each[name]).split()) for name in ("asked", "answered"))
    return f"  reward {each['reward']:.2f}  {asked[:80]} → {answered[:SAMPLE_CHARACTERS]}"


def _where(status: Status) -> str:
    left = f", {span(status.eta_seconds)} left" if status.eta_seconds else ""
    far = f"{status.step:,} of {status.steps:,}{left}" if status.steps else ""
    return ": ".join(part for part in (status.doing, far) if part) or status.state.value
