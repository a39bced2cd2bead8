"""A training's card on the lab's page: its figures as curves, read once."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from assistant.run import Run
from assistant.runs import Runs
from ui.terminal.watching import figures
from ui.web.lab_view import POINTS, trainings_html

GAN = {
    "generator": 1.5,
    "discriminator": 0.5,
    "score_of_real": 0.8,
    "score_of_made": -0.7,
    "penalty": 0.01,
    "diversity": 0.3,
    "classes_made": 9.0,
    "rarest_class": 0.02,
}
PIX2PIX = {"generator": 1.5, "discriminator": 0.5, "L1": 0.2}
VAE = {"loss": 20.0, "kl": 9.0, "squared_error": 0.04}


def told(run: Run, steps: int, line: Mapping[str, Any]) -> None:
    with (run.folder / "metrics.jsonl").open("a") as file:
        for step in range(1, steps + 1):
            file.write(json.dumps({"step": step, **line}) + "\n")


@pytest.mark.parametrize("line", [GAN, PIX2PIX, VAE], ids=["gan", "pix2pix", "vae"])
def test_every_loss_and_score_is_seen_while_it_learns(line: Mapping[str, float]) -> None:
    run = Runs().create("lab", "x", "ui.lab", {"architecture": "gan"})
    told(run, 3, line)
    shown = trainings_html([run])
    captions = re.findall(r"<figcaption>(.*?): (.*?) at first", shown)
    assert {name.replace(" ", "_"): float(value) for name, value in captions} == line
    said = figures({"step": 3, **line}, 9)
    for name in line:
        assert name.replace("_", " ").lower() in said.lower(), name


def test_figures_are_read_when_there_are_new_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Runs().create("lab", "x", "ui.lab", {"architecture": "vae"})
    told(run, 3, VAE)
    read: list[Path] = []
    metrics = Run.metrics

    def counted(of: Run) -> list[dict[str, Any]]:
        read.append(of.folder)
        return metrics(of)

    monkeypatch.setattr(Run, "metrics", counted)
    shown = [trainings_html([run]) for _ in range(3)]
    assert len(read) == 1 and shown[0] == shown[1] == shown[2]
    told(run, 1, {**VAE, "loss": 7.0})
    assert "7 now" in trainings_html([run]) and len(read) == 2


def test_the_newest_point_is_drawn_however_many_there_are() -> None:
    run = Runs().create("lab", "x", "ui.lab", {"architecture": "vae"})
    with (run.folder / "metrics.jsonl").open("w") as file:
        for step in range(1, 4 * POINTS):
            file.write(json.dumps({"step": step, "loss": float(step)}) + "\n")
    points = re.findall(r'<polyline points="([^"]*)"', trainings_html([run]))[0].split()
    assert points[-1] == "300.0,0.0" and POINTS <= len(points) <= 2 * POINTS
