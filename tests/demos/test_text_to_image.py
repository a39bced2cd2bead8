"""Text to image, through a pipeline that is real but for its size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from demos.errors import BadConfig, NoData
from demos.text_to_image import Asked, Painter, place, precision, variant
from tests.ui.terminal.test_train import parley


def test_a_sentence_and_a_seed_make_a_picture(tiny_pipeline: Path) -> None:
    painter = Painter(str(tiny_pipeline))
    assert painter.place == "cpu"
    heard: list[int] = []
    asked = Asked(prompt="a cat", width=64, height=72, steps=3)
    made = painter.paint(asked, lambda step: heard.append(step) or True)
    assert made is not None and made.size == (64, 72) and heard == [1, 2, 3]
    again, other = (painter.paint(Asked(prompt="a cat", width=64, height=72, steps=3, seed=n)) for n in (0, 1))
    assert again is not None and other is not None
    assert again.tobytes() == made.tobytes() != other.tobytes()


def test_it_stops_when_nobody_waits(tiny_pipeline: Path) -> None:
    heard: list[int] = []
    painter = Painter(str(tiny_pipeline))
    assert (
        painter.paint(Asked(prompt="a cat", width=64, height=64, steps=9), lambda n: heard.append(n) or n < 2) is None
    )
    assert heard == [1, 2]
    assert painter.paint(Asked(prompt="a cat", width=64, height=64, steps=2)) is not None


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"prompt": " "}, "no words"),
        ({"steps": 0}, "steps lie"),
        ({"width": 100}, "width is a multiple of 8"),
        ({"height": 9000}, "height is"),
        ({"guidance": float("nan")}, "guidance lies"),
        ({"seed": -1}, "a seed is 0 or more"),
    ],
)
def test_what_cannot_be_painted(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(BadConfig, match=said):
        Asked(**{"prompt": "a cat", **wrong}).check()


def test_what_is_no_pipeline(tmp_path: Path) -> None:
    for model in (str(tmp_path), "no/such-model", "nonsense with spaces"):
        with pytest.raises(NoData, match="cannot be loaded as a text-to-image model"):
            Painter(model)


def test_where_and_how_exactly() -> None:
    assert place(4 << 30, None) == "cpu"
    assert place(4 << 30, 8 << 30) == "cuda" and place(7 << 30, 8 << 30) == "offload"
    assert precision("cpu", True) is torch.float32
    assert precision("cuda", True) is torch.bfloat16 and precision("offload", False) is torch.float16


def test_weights_in_half_precision_alone_are_found(tiny_pipeline: Path, tmp_path: Path) -> None:
    from diffusers.pipelines.auto_pipeline import AutoPipelineForText2Image

    assert variant(tiny_pipeline) is None and variant(tmp_path) is None
    pipe: Any = AutoPipelineForText2Image.from_pretrained(tiny_pipeline, dtype=torch.float16)
    pipe.save_pretrained(tmp_path / "half", variant="fp16")
    assert (tmp_path / "half" / "unet" / "diffusion_pytorch_model.fp16.safetensors").is_file()
    assert variant(tmp_path / "half") == "fp16"
    asked = Asked(prompt="a cat", width=64, height=64, steps=2)
    whole, half = (Painter(str(each)).paint(asked) for each in (tiny_pipeline, tmp_path / "half"))
    assert whole is not None and half is not None
    away = np.abs(np.asarray(whole, int) - np.asarray(half, int))
    assert away.mean() < 4  # the same picture but for what float16 rounds


def test_parley_lab_paint(tiny_pipeline: Path, tmp_path: Path) -> None:
    words = ["lab", "paint", "a cat", "--model", str(tiny_pipeline), "--width", "64", "--height", "64", "--steps", "2"]
    done = parley(*words, "-o", str(tmp_path / "cat.png"))
    assert done.returncode == 0 and (tmp_path / "cat.png").read_bytes().startswith(b"\x89PNG"), done.stderr
    done = parley("lab", "paint", "a cat", "--model", str(tmp_path), "-o", str(tmp_path / "x.png"))
    assert done.returncode == 1 and "cannot be loaded" in done.stderr and "Traceback" not in done.stderr
    done = parley("lab", "paint", "a cat", "--model", "ssd-1b", "-o", str(tmp_path / "x.png"))
    assert done.returncode == 1 and "Segmind SSD-1B is not on this machine" in done.stderr
    assert "parley models pull ssd-1b" in done.stderr and not (tmp_path / "x.png").exists()
