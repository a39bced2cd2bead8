"""What the lab's page offers for a training: data sets, steps that show something, and settings to choose among."""

from __future__ import annotations

from dataclasses import dataclass

SETS = {
    "pictures": [("Fashion-MNIST: 60,000 pieces of clothing", "fashion"), ("Digits: 1,797, quick", "digits")],
    "text": [("Tales: our own, 440,000 characters", "tales")],
    "pairs": [("Phrases: our own, English and French", "phrases")],
    "series": [("Waves: our own, with a trend and two seasons", "waves")],
}
OWN = {
    "pictures": "Or the path of a folder of pictures; or bring ten or more, or a ZIP with a folder for each kind",
    "text": "Or the path of a file of text; or bring one of your own",
    "pairs": "Or the path of a table of two columns; or bring one of your own",
    "series": "Or the path of a table with a column of numbers; or bring one of your own",
}
QUICK_STEPS = {
    "rnn": 400,
    "transformer": 400,
    "gan": 600,
    "vae": 600,
    "diffusion": 300,
    "classifier": 400,
    "pix2pix": 400,
    "translator": 600,
    "captioner": 600,
    "forecaster": 600,
}
"""Steps that show something within minutes on two cores."""


@dataclass(frozen=True)
class Choice:
    """A setting of an architecture with few values. label: of the list; options: (for people, value), the default
    first."""

    setting: str
    label: str
    options: tuple[tuple[str, str], ...]


CHOICES = {
    "gan": Choice(
        "loss", "Loss", (("Non-saturating", "nonsaturating"), ("Wasserstein with gradient penalty", "wgan-gp"))
    ),
    "rnn": Choice("cell", "Cell", (("LSTM", "lstm"), ("GRU", "gru"), ("Without gates", "rnn"))),
}
