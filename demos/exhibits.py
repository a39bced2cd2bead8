"""What a look into a model shows, as plain data; how it is drawn is a page's or a terminal's affair.

`said` is each time what is to be seen, in a sentence: a caption, and the whole of it for those who cannot see.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch import Tensor

Log = Literal["", "x", "y"]


@dataclass(frozen=True)
class Sheet:
    """Pictures (count, channels, height, width) in [-1, 1], `columns` in a row."""

    images: Tensor
    said: str
    columns: int = 10


@dataclass(frozen=True)
class Heat:
    """values: (rows, columns), as dark as they are large; those below 0 in another colour. names: of rows and columns,
    "" for one that is not named. growing: more of it comes, and what follows takes its place."""

    values: Sequence[Sequence[float]]
    rows: Sequence[str]
    columns: Sequence[str]
    said: str
    growing: bool = False


@dataclass(frozen=True)
class Lines:
    """A line a name, its points (x, y) in the order of x. log: which of them by its powers of ten."""

    lines: Mapping[str, Sequence[tuple[float, float]]]
    across: str
    up: str
    said: str
    log: Log = ""


@dataclass(frozen=True)
class Points:
    """A cloud a name, points (x, y). log: which of them by its powers of ten."""

    groups: Mapping[str, Sequence[tuple[float, float]]]
    across: str
    up: str
    said: str
    log: Log = ""


@dataclass(frozen=True)
class Bars:
    """A share each, drawn from 0 to 1. mark: what is expected of each, None where nothing is."""

    shares: Mapping[str, float]
    said: str
    mark: float | None = None


@dataclass(frozen=True)
class Words:
    """A text that was made."""

    text: str
    said: str = ""


Exhibit = Sheet | Heat | Lines | Points | Bars | Words


def grows(exhibit: Exhibit) -> bool:
    """Whether what follows takes its place."""
    return isinstance(exhibit, Heat) and exhibit.growing
