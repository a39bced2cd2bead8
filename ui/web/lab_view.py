"""What the lab's page shows: an architecture explained, what was made, and trainings with what they made on the way."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

from assistant.run import Run, State, read_run
from assistant.runs import Runs
from demos.architectures import ARCHITECTURES
from demos.comparisons import COMPARISONS
from demos.explained import EXPLAINED, Explained
from demos.figures import FIGURES, Figure, svg
from ui.lab import SAMPLES, has_weights
from ui.lab_shown import png_source
from ui.web.run_acts import buttons_html, card_html

SHOWN, KEPT = 8, 64
"""Of what a training made on the way, that is shown; trainings whose curves are kept as they were drawn."""
DRAWN = (
    "loss",
    "kl",
    "squared_error",
    "generator",
    "discriminator",
    "score_of_real",
    "score_of_made",
    "penalty",
    "L1",
    "diversity",
    "diversity_within_a_class",
    "least_diverse_class",
    "classes_made",
    "rarest_class",
)
"""Figures that are drawn, each as far as a lesson has it."""
CURVE, POINTS = (300, 70), 150
"""Pixels of a curve, and about how many points it has."""


def about_html(name: str) -> str:
    """An architecture: how it works, what it is good at, where it fails, and the papers."""
    return explained_html(EXPLAINED[name], FIGURES[name])


def comparison_html(name: str) -> str:
    """The same of one of the other tabs."""
    return explained_html(*COMPARISONS[name])


def explained_html(told: Explained, figure: Figure) -> str:
    """A figure, a paragraph each of how, good and bad, and the papers."""
    links = "".join(
        f'<li><a href="{html.escape(where)}" target="_blank" rel="noreferrer">{html.escape(title)}</a></li>'
        for title, where in told.papers.items()
    )
    return (
        f'<div class="explained"><figure>{svg(figure)}</figure><p>{html.escape(told.how)}</p>'
        f"<p><b>Good at.</b> {html.escape(told.good)}</p><p><b>Fails at.</b> {html.escape(told.bad)}</p>"
        f"<details><summary>Papers</summary><ul>{links}</ul></details></div>"
    )


def picture_html(data: bytes, kind: str, words: str) -> str:
    """A picture that is made just now. kind: png or gif."""
    return f'<figure class="made"><img src="{png_source(data, kind)}" alt="{html.escape(words)}"></figure>'


def text_html(text: str) -> str:
    """A text that is being written."""
    return f'<pre class="made" dir="auto">{html.escape(text)}</pre>'


def trainings_html(runs: Sequence[Run]) -> str:
    """A card a training."""
    if not runs:
        return '<p class="result"><small>No training yet. One on digits shows something within a minute.</small></p>'
    return f'<div class="models runs">{"".join(map(_card, runs))}</div>'


def _card(run: Run) -> str:
    status = run.status()
    figures = [f"{name.replace('_', ' ')} {value:.4g}" for name, value in status.figures.items()]
    asked = ", ".join(f"{name} {value}" for name, value in run.settings.items() if name != "architecture")
    return card_html(run, status, _buttons(run, status.state), asked, _on_the_way(run) + _curves(run), figures)


def _buttons(run: Run, state: State) -> str:
    if state.alive:
        return buttons_html(run, [("pause", "Pause"), ("stop", "Stop")])
    use = [("use", "See what it makes")] if has_weights(run) and run.settings["architecture"] in EXPLAINED else []
    resume = [("resume", "Resume")] if state.resumable and state is not State.STOPPED else []
    further = [("further", "Train as long again")] if state is State.FINISHED else []
    return buttons_html(run, [*use, *resume, *further, ("delete", "Delete")])


def _on_the_way(run: Run) -> str:
    """Some of what it made, the first and the last among them, the newest in front."""
    files = sorted((run.folder / SAMPLES).glob("*.*")) if (run.folder / SAMPLES).is_dir() else []
    files = [file for file in files if re.fullmatch(r"\d{7}\.(png|txt)", file.name)]
    if len(files) > SHOWN:
        files = [files[round(n * (len(files) - 1) / (SHOWN - 1))] for n in range(SHOWN)]
    return (
        f'<div class="on-the-way" tabindex="0">{"".join(_sample(run, file) for file in reversed(files))}</div>'
        if files
        else ""
    )


def _sample(run: Run, file: Path) -> str:
    said = f"after {int(file.stem):,} steps"
    if file.suffix == ".png":
        source = f"parley/lab/{html.escape(run.id)}/{file.name}"
        shown = f'<a href="{source}" target="_blank"><img src="{source}" alt="What it makes {said}" loading="lazy"></a>'
    else:
        text = ""
        with suppress(OSError):  # it may be deleted just now
            text = file.read_text("utf-8", errors="replace")[:400]
        shown = f"<pre>{html.escape(text)}</pre>"
    return f"<figure>{shown}<figcaption>{said}</figcaption></figure>"


def _curves(run: Run) -> str:
    try:
        now = (run.folder / "metrics.jsonl").stat()
    except OSError:
        return ""
    return _drawn(run.folder, now.st_mtime_ns, now.st_size)


@lru_cache(KEPT)
def _drawn(folder: Path, _: int, __: int) -> str:
    """The curves of a run's figures, drawn anew when the file of them has another time or size."""
    lines = read_run(folder).metrics()
    parts: list[str] = []
    for name in DRAWN:
        points = [(line["step"], line[name]) for line in lines if isinstance(line.get(name), (int, float))]
        if len(points) > 2:
            parts.append(_curve(name, points))
    return f'<div class="curves">{"".join(parts)}</div>' if parts else ""


def _curve(name: str, points: Sequence[tuple[float, float]]) -> str:
    """A figure over the steps, as one line."""
    wide, high = CURVE
    low, top = min(value for _, value in points), max(value for _, value in points)
    last = points[-1][0] or 1
    shown = [*points[: -1 : max(1, len(points) // POINTS)], points[-1]]
    drawn = " ".join(f"{wide * x / last:.1f},{high - high * (y - low) / ((top - low) or 1):.1f}" for x, y in shown)
    said = f"{name.replace('_', ' ')}: {points[0][1]:.3g} at first, {points[-1][1]:.3g} now"
    return (
        f'<figure><svg class="plot curve" role="img" aria-label="{html.escape(said)}" '
        f'viewBox="-2 -2 {wide + 4} {high + 4}"><polyline points="{drawn}"/></svg>'
        f"<figcaption>{html.escape(said)}</figcaption></figure>"
    )


def lab_routes() -> list[Route]:
    """The pictures that trainings made, for the page."""

    def sample(request: Request) -> Response:
        name = request.path_params["name"]
        file = Runs().folder / request.path_params["run"] / SAMPLES / name
        known = re.fullmatch(r"[\w.-]*\w", request.path_params["run"]) and re.fullmatch(r"\d{7}\.png", name)
        if not known or not file.is_file():
            return PlainTextResponse("There is no such picture.", 404)
        return FileResponse(file, media_type="image/png", headers={"Cache-Control": "private, max-age=3600"})

    return [Route("/parley/lab/{run}/{name}", sample)]


TITLES = [(ARCHITECTURES[name].title, name) for name in EXPLAINED]
