"""Looks into the translator, the captioner and the forecaster: where it looked, what it says, what it foretells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from demos.captioner import Captioner
from demos.captions import captions
from demos.exhibits import Exhibit, Heat, Lines, Sheet, Words
from demos.forecaster import Forecaster
from demos.images import scaled
from demos.looks import Given
from demos.looks_pictures import as_known, known_pictures
from demos.pairs import join, split
from demos.translator import Translator

SOME = 10
"""Examples that are shown at once."""


def translator_translate(model: Translator, _: Path, given: Given) -> Iterator[Exhibit]:
    text = given.text.strip() or model.examples[given.seed % len(model.examples)]
    done = model.translate(text)
    said = f"Of “{text}”."
    if done.unknown:
        said += f" It does not know {', '.join(f'“{word}”' for word in done.unknown)}, and guesses."
    yield Words(join(done.made) or "…", said if done.made else f"{said} It says nothing.")
    if done.made:
        yield Heat(
            done.looked.tolist(),
            done.made,
            [*done.read, "(end)"],
            "A row a word that it made, a column a word that it read: the darker, the more it looked there for it. "
            "Where the languages order their words otherwise, the dark places leave the diagonal.",
        )


def captioner_say(model: Captioner, folder: Path, given: Given) -> Iterator[Exhibit]:
    if given.picture is not None:
        one = as_known(given.picture, model.channels)[None]
        (said,) = model.say(one)
        yield Words(said, f"It only has words for {', '.join(model.classes)}.")
        yield Sheet(one, "The picture as it sees it.")
        return
    known = known_pictures(folder, given.home)
    apart = max(1, len(known) // SOME)
    places = range(given.seed % apart, len(known), apart)[:SOME]
    images = known.images[list(places)]
    made = model.say(images)
    wanted = [join(split(said)) for said in captions(images, [known.classes[int(known.labels[n])] for n in places])]
    right = sum(said == is_so for said, is_so in zip(made, wanted, strict=True))
    lines = (
        f"{place}. {said}{'' if said == is_so else f' – rather {is_so}'}"
        for place, (said, is_so) in enumerate(zip(made, wanted, strict=True), 1)
    )
    yield Sheet(scaled(images), "Pictures that it did not learn from, from left to right.", SOME)
    yield Words("\n".join(lines), f"{right} of {len(made)} are right to the word.")


def forecaster_forecast(model: Forecaster, _: Path, given: Given) -> Iterator[Exhibit]:
    found = model.forecast(seed=given.seed)
    shown = found.was[-3 * model.ahead :]
    inside = sum(low <= came <= high for low, came, high in zip(found.low, found.came, found.high, strict=True))
    errors = [model.mase(each, found.came) for each in (found.foretold, found.season_ago, found.last)]
    name = "a season ago" if model.season > 1 else "last value"
    after = {
        "came": found.came,
        "foretold": found.foretold,
        "low": found.low,
        "high": found.high,
        name: found.season_ago,
    }
    yield Lines(
        {"was": _points(shown, 1 - len(shown)), **{said: _points(values, 1) for said, values in after.items()}},
        "steps after the last that it knew",
        "value",
        f"The end of the row, which it did not learn from. Of {len(found.came)} numbers that came, {inside} lie "
        f"between low and high, where it expects 80 %. Mean scaled error, below 1 for what beats the naive forecast of "
        f"a season of {model.season} as it usually is: it {errors[0]:.2f}, the value a season ago {errors[1]:.2f}, the "
        f"last value {errors[2]:.2f}.",
    )


def _points(values: Sequence[float], start: int) -> list[tuple[float, float]]:
    return [(float(start + place), value) for place, value in enumerate(values)]
