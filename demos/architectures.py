"""What can be trained and sampled: a line each, so that nothing heavy is imported before it is needed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from demos import importing
from demos.errors import BadConfig, NoData

if TYPE_CHECKING:
    from demos.lesson import Config, Lesson

BUILT_IN = ("fashion", "digits", "tales", "phrases", "waves")
"""Names of data that are no paths."""
GUIDANCE = 2.0
"""Of a diffusion: of 1, 2 and 3 it has the best FID, and 0.98 of the pictures are taken for what was asked."""
ABOUT = "lab.json"
"""What is written last beside weights: what they are."""
WEIGHTS = Path(__file__).with_name("weights")
"""What comes with the project, a folder each."""
Learns = Literal["pictures", "text", "pairs", "series"]
_SEQUENCES = {"text": ("texts", "Text"), "pairs": ("pairs", "Pairs"), "series": ("series", "Series")}
"""What else than pictures is learnt from: the module that loads it, and what it becomes there."""


@dataclass(frozen=True)
class Architecture:
    """config, uses: names in the module of what it is asked for, and of what loads its weights. learns: from what;
    makes: what can be sampled of it, "" for those that are only looked into; tested: on pictures of a test set."""

    name: str
    title: str
    config: str
    uses: str
    learns: Learns
    makes: Literal["pictures", "text", ""]
    tested: bool = False

    def module(self) -> Any:
        return importing.module(self.name)

    def config_class(self) -> type[Config]:
        return getattr(self.module(), self.config)

    def load(self, folder: Path) -> Any:
        """Its trained weights in a folder. Raises NoData."""
        try:
            return getattr(self.module(), self.uses)(folder)
        except (KeyError, TypeError, AttributeError, ValueError, RuntimeError) as error:
            raise NoData(f"What {folder} says of its weights cannot be used: {error}.") from error

    @property
    def shipped(self) -> Path:
        return WEIGHTS / self.name

    def lesson(self, config: Any, home: Path) -> Callable[[], Lesson]:
        """What builds its lesson, the data read already. home: for data sets that are fetched.

        Raises NoData, BadPicture, BadText.
        """
        from accelerate import PartialState

        device = PartialState().device
        build = self.module().build
        found = read(self.learns, config.data, home)
        if self.learns != "pictures":
            module, kind = _SEQUENCES[self.learns]
            rows = getattr(importing.module(module), kind).of(found, Path(config.data).name)
            return lambda: build(config, rows, device)
        from demos import images

        pictures: images.Pictures = found
        if not self.tested:
            return lambda: build(config, pictures, device)
        test = images.load(config.data, "test", home=home)
        return lambda: build(config, pictures, test, device)


ARCHITECTURES = {
    each.name: each
    for each in (
        Architecture("rnn", "Recurrent network", "RnnConfig", "Rnn", "text", "text"),
        Architecture("transformer", "Transformer", "TransformerConfig", "Transformer", "text", "text"),
        Architecture("gan", "GAN", "GanConfig", "Gan", "pictures", "pictures"),
        Architecture("vae", "VAE", "VaeConfig", "Vae", "pictures", "pictures"),
        Architecture("diffusion", "Diffusion", "DiffusionConfig", "Diffusion", "pictures", "pictures"),
        Architecture("classifier", "Classifier", "ClassifierConfig", "load", "pictures", "", True),
        Architecture("pix2pix", "Edges to pictures", "Pix2PixConfig", "Pix2Pix", "pictures", "", True),
        Architecture("translator", "Translator", "TranslatorConfig", "Translator", "pairs", ""),
        Architecture("captioner", "Captioner", "CaptionerConfig", "Captioner", "pictures", "", True),
        Architecture("forecaster", "Forecaster", "ForecasterConfig", "Forecaster", "series", ""),
    )
}


def read(learns: Learns, data: str, home: Path) -> Any:
    """The data of that name or place, as what learns from it takes it. home: for data sets that are fetched.

    Raises NoData, BadPicture, BadText.
    """
    if learns == "pictures":
        from demos import images

        return images.load(data, home=home)
    return importing.module(_SEQUENCES[learns][0]).load(data)


def architecture(name: str) -> Architecture:
    """Raises BadConfig for one that there is not."""
    if name not in ARCHITECTURES:
        raise BadConfig(f"The lab has no {name!r}.", hint=f"There are {', '.join(ARCHITECTURES)}.")
    return ARCHITECTURES[name]
