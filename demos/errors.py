"""What can go wrong in the lab through no fault of the program's."""

from __future__ import annotations


class LabError(Exception):
    """An expected failure: `message` says what happened, `hint` what to do about it ("" where nothing can be done)."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class BadPicture(LabError):
    """A file is no picture, or none that can be used."""


class BadText(LabError):
    """A text is empty, too short, or no text."""


class NoData(LabError):
    """A data set is not here and cannot be fetched."""


class BadConfig(LabError):
    """A setting does not exist or has an impossible value."""


class Diverged(LabError):
    """A training has left the numbers: a loss is NaN or infinite."""
