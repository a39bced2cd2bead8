"""A sentiment analysis as HTML: the verdict, the course of feeling through the text, each sentence with its words."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

from assistant.tasks.sentiment import Analysis, Carrier, Moods, Opinion

MOST_BARS = 240
"""Bars of the course through a text; a longer text has several sentences a bar."""
FAINTEST = 0.03
"""Words that change less than this are not marked."""


def analysis_html(found: Analysis, feelings: Mapping[str, float] | None = None) -> str:
    """The whole result."""
    parts = [verdict_html(found.whole)]
    if len(found.sentences) > 1:
        parts.append(course_html([each.value for each in found.sentences], "sentence"))
    parts.append(sentences_html(found))
    if feelings:
        parts.append(shares_html("Emotions", feelings))
    return f'<div class="analysis">{"".join(parts)}</div>'


def verdict_html(whole: Opinion) -> str:
    """The label, and the three probabilities as one bar."""
    shares = "".join(
        f'<span class="{name}" style="--share:{share:.4f}" title="{name} {share:.1%}"></span>'
        for name, share in whole.probabilities.items()
    )
    words = " · ".join(f"{name} {share:.0%}" for name, share in whole.probabilities.items())
    return (
        f'<div class="verdict"><strong class="{whole.label}">{whole.label.capitalize()}</strong>'
        f'<div class="shares" aria-hidden="true">{shares}</div><small>{words}</small></div>'
    )


def course_html(values: Sequence[float], unit: str) -> str:
    """Feeling through a text or a table: a bar a sentence or row, up for positive, down for negative. Sentences link to
    where they stand below.

    values: each from -1 to 1.
    """
    group = -(-len(values) // MOST_BARS)
    bars = ""
    for first in range(0, len(values), group):
        some = values[first : first + group]
        value = sum(some) / len(some)
        kind = "positive" if value >= 0 else "negative"
        until = f" to {first + len(some):,}" if len(some) > 1 else ""
        link = f' href="#s{first}"' if unit == "sentence" else ""
        bars += (
            f'<a{link} class="{kind}" style="--height:{abs(value):.3f}" '
            f'title="{unit.capitalize()} {first + 1:,}{until}: {value:+.2f}"></a>'
        )
    mean = sum(values) / len(values)
    return (
        f'<figure class="course"><div role="img" aria-label="Feeling through {len(values):,} {unit}s, on average '
        f'{mean:+.2f} between -1 and 1">{bars}</div><figcaption>Feeling through the '
        f"{'text' if unit == 'sentence' else 'table'}, a bar "
        f"{f'a {unit}' if group == 1 else f'for {group:,} {unit}s'}</figcaption></figure>"
    )


def moods_html(found: Moods) -> str:
    """A table's feelings: the share of each label, and their course; nothing before the first row is done."""
    values = tuple(found.values)  # the job goes on meanwhile
    if not values:
        return ""
    shares = shares_html(f"{len(values):,} rows", found.shares())
    course = course_html(values, "row") if len(values) > 1 else ""
    return f'<div class="analysis">{course}{shares}</div>'


def sentences_html(found: Analysis) -> str:
    """Each sentence in the colour of its label, its words marked by what they did."""
    rows = ""
    for number, each in enumerate(found.sentences):
        end = each.start + len(each.text)
        words = [word for word in found.carriers if each.start <= word.start < end]
        rows += (
            f'<li id="s{number}" class="{each.label}"><span class="said">{marked(each, words)}</span>'
            f"<small>{each.label} {each.probabilities[each.label]:.0%}</small></li>"
        )
    legend = ""
    if found.carriers:
        legend = (
            '<p class="legend"><mark class="for">Marked words</mark> made the label likelier, '
            '<mark class="against">underlined ones</mark> spoke against it.</p>'
        )
    return f'<ol class="sentences">{rows}</ol>{legend}'


def marked(sentence: Opinion, words: Sequence[Carrier]) -> str:
    """The sentence, escaped, with a mark around each word that weighs."""
    out, at = "", 0
    for word in words:
        first = word.start - sentence.start
        out += html.escape(sentence.text[at:first])
        at = first + len(word.text)
        shown = html.escape(word.text)
        if abs(word.weight) < FAINTEST:
            out += shown
            continue
        kind = "for" if word.weight > 0 else "against"
        strength = min(1.0, abs(word.weight) * 2)
        out += f'<mark class="{kind}" style="--weight:{strength:.2f}" title="{word.weight:+.2f}">{shown}</mark>'
    return out + html.escape(sentence.text[at:])


def shares_html(title: str, shares: Mapping[str, float]) -> str:
    """Names with their shares as bars, the largest first."""
    rows = "".join(
        f'<div><dt>{html.escape(name)}</dt><dd style="--share:{share:.4f}"><span></span>{share:.0%}</dd></div>'
        for name, share in sorted(shares.items(), key=lambda pair: -pair[1])
    )
    return f'<section class="feelings"><h3>{html.escape(title)}</h3><dl>{rows}</dl></section>'
