"""Text to image by a latent diffusion model of others (Rombach et al. 2022, arXiv:2112.10752), through diffusers.

What demos/diffusion.py does with pixels and ten kinds, these do with the codes of a VAE and the words of a sentence; a
picture takes seconds on a GPU and many minutes on a CPU.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, Literal

import torch
from PIL import Image

from demos import importing
from demos.errors import BadConfig, NoData

Place = Literal["cuda", "offload", "cpu"]
MOST_STEPS, LEAST_SIDE, MOST_SIDE, GRAIN = 200, 64, 2048, 8


@dataclass(frozen=True, kw_only=True)
class Asked:
    """prompt, without: what is to be on it and what is not; width, height: pixels; guidance: how closely the words are
    followed (Ho & Salimans 2022, arXiv:2207.12598), 1 not at all more than learnt."""

    prompt: str
    without: str = ""
    width: int = 512
    height: int = 512
    steps: int = 25
    guidance: float = 7.0
    seed: int = 0

    def check(self) -> None:
        """Raises BadConfig for what cannot be."""
        wrong = [] if self.prompt.strip() else ["there are no words"]
        wrong += [] if 1 <= self.steps <= MOST_STEPS else [f"steps lie between 1 and {MOST_STEPS}"]
        wrong += [] if 0 <= self.guidance <= 30 else ["guidance lies between 0 and 30"]
        wrong += [] if 0 <= self.seed < 2**63 else ["a seed is 0 or more"]
        for name, side in (("width", self.width), ("height", self.height)):
            if not LEAST_SIDE <= side <= MOST_SIDE or side % GRAIN:
                wrong.append(f"{name} is a multiple of {GRAIN} from {LEAST_SIDE} to {MOST_SIDE}")
        if wrong:
            raise BadConfig(f"This cannot be: {'; '.join(wrong)}.", hint="Ask for something else.")


def place(needed: int, free: int | None) -> Place:
    """Where weights of so many bytes go: onto a GPU with so many free (None: there is none), whole if a fifth is left
    over for the work, else a part at a time."""
    if free is None:
        return "cpu"
    return "cuda" if needed * 1.25 <= free else "offload"


def precision(where: Place, bfloat16: bool) -> torch.dtype:
    """Of the weights: half on a GPU, the whole on a CPU."""
    if where == "cpu":
        return torch.float32
    return torch.bfloat16 if bfloat16 else torch.float16


def variant(folder: Path) -> str | None:
    """ "fp16" where a pipeline's folder has its denoising network in float16 alone, as diffusers names such files."""
    found = [file.name for part in ("unet", "transformer") for file in (folder / part).glob("*.safetensors")]
    return "fp16" if found and all(".fp16" in name for name in found) else None


class Painter:
    """A pipeline, loaded once. model: an id on the Hub, or a folder as diffusers saves one."""

    def __init__(self, model: str) -> None:
        """Raises NoData."""
        with importing.alone("pipelines"):
            from diffusers.pipelines.auto_pipeline import AutoPipelineForText2Image
            from diffusers.utils import logging as diffusers_logging
            from transformers.utils import logging as transformers_logging

        for logging in (diffusers_logging, transformers_logging):
            logging.disable_progress_bar()
            logging.set_verbosity_error()

        cuda = torch.cuda.is_available()
        kind = precision("cuda" if cuda else "cpu", cuda and torch.cuda.is_bf16_supported())
        try:
            folder = Path(model).expanduser()
            source = str(folder) if folder.is_dir() else model
            self._pipe: Any = AutoPipelineForText2Image.from_pretrained(
                source, dtype=kind, use_safetensors=True, variant=variant(folder)
            )
        except Exception as error:  # the Hub's, diffusers' and transformers' own kinds have nothing in common
            said = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise NoData(
                f"{model} cannot be loaded as a text-to-image model: {said}",
                hint="Give the Hub id of a diffusers pipeline, or the folder of one.",
            ) from error
        parts = [each for each in self._pipe.components.values() if isinstance(each, torch.nn.Module)]
        needed = sum(each.numel() * each.element_size() for part in parts for each in part.parameters())
        self.place = place(needed, torch.cuda.mem_get_info()[0] if cuda else None)
        if self.place == "offload":
            self._pipe.enable_model_cpu_offload()
        else:
            self._pipe.to(self.place)
        self._pipe.set_progress_bar_config(disable=True)
        self._one = Lock()  # a pipeline keeps its state in itself

    def paint(self, asked: Asked, told: Callable[[int], bool] = lambda _: True) -> Image.Image | None:
        """A picture. told: hears each step that is done, and says whether to go on; None where it did not.

        Raises BadConfig, and NoData where the pipeline fails.
        """
        asked.check()
        stopped = False

        def after(pipe: Any, step: int, _: Any, values: dict[str, Any]) -> dict[str, Any]:
            nonlocal stopped
            if not told(step + 1):
                stopped = pipe._interrupt = True
            return values

        try:
            with self._one:
                made = self._pipe(
                    prompt=asked.prompt,
                    negative_prompt=asked.without or None,
                    width=asked.width,
                    height=asked.height,
                    num_inference_steps=asked.steps,
                    guidance_scale=asked.guidance,
                    generator=torch.Generator("cpu").manual_seed(asked.seed),
                    callback_on_step_end=after,
                )
        except torch.OutOfMemoryError as error:
            raise NoData("The picture does not fit into memory.", hint="Ask for a smaller one.") from error
        except (TypeError, ValueError, RuntimeError, ArithmeticError) as error:
            raise NoData(f"The pipeline failed: {error}.", hint="Try other settings, or another model.") from error
        return None if stopped else made.images[0]
