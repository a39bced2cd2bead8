"""The failures that Parley expects, each with what happened and what to do.

ParleyError
├── UserError    the request cannot be served as it was asked
│   ├── UnknownModel
│   ├── UnknownTask
│   ├── UnknownConversation
│   ├── TextTooLong
│   ├── BadDataset
│   ├── BadDocument
│   └── BadSettings
├── ModelError   the model cannot be had or run
│   ├── ModelNotAvailable
│   ├── ModelTooLarge
│   ├── WeightsCorrupt
│   ├── DiskFull
│   ├── ModelsBusy
│   ├── PullCancelled
│   └── EngineFailed
│       └── CapabilityMissing
├── Cancelled    whoever asked has taken the request back
├── StoreFailed  the database of conversations cannot be read or written
└── RunError     a long job ended otherwise than by finishing
    ├── TrainingDiverged
    ├── RunNotFound
    └── RunInterrupted

A face (page, terminal, API) catches `ParleyError`, shows `message` and `hint`, and never a traceback. `ValueError` and
`TypeError` are for programmers' mistakes and are not caught.
"""

from __future__ import annotations


class ParleyError(Exception):
    """An expected failure: `message` says what happened, `hint` what to do about it ("" where nothing can be done)."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".rstrip()


class UserError(ParleyError):
    """The request cannot be served as it was asked."""


class UnknownModel(UserError):
    """No model of that name in the catalogue, on the Hub or on disk."""


class UnknownTask(UserError):
    """No text task of that name."""


class UnknownConversation(UserError):
    """No conversation or message of that id."""


class TextTooLong(UserError):
    """The text does not fit the model's context even after old turns have left."""


class BadDataset(UserError):
    """A data file cannot be read, or lacks what the job needs."""


class BadDocument(UserError):
    """A document cannot be read: broken, encrypted, scanned, empty or too large."""


class BadSettings(UserError):
    """A setting has a value that it cannot have; all mistakes are reported together."""


class ModelError(ParleyError):
    """The model cannot be had or run."""


class ModelNotAvailable(ModelError):
    """The weights are not here and cannot be fetched."""


class ModelTooLarge(ModelError):
    """The model does not fit this machine; the hint names what would."""


class WeightsCorrupt(ModelError):
    """Fetched or stored weights differ from their published hash."""


class DiskFull(ModelError):
    """There is not enough free disk space for the weights."""


class ModelsBusy(ModelError):
    """The model would fit, but for others that are in use; the message names them."""


class PullCancelled(ModelError):
    """A pull was stopped before its end; what it had fetched is kept for the next one."""


class EngineFailed(ModelError):
    """The runtime failed; raised `from` the runtime's own error."""


class CapabilityMissing(EngineFailed):
    """The engine does not offer what was asked of it."""


class Cancelled(ParleyError):
    """Whoever asked has taken the request back: nobody is told."""


class StoreFailed(ParleyError):
    """The database of conversations cannot be read or written; raised `from` its own error."""


class RunError(ParleyError):
    """A long job ended otherwise than by finishing."""


class TrainingDiverged(RunError):
    """The loss became infinite or not a number."""


class RunNotFound(RunError):
    """No run of that name."""


class RunInterrupted(RunError):
    """The run was stopped before its end; it can be resumed."""
