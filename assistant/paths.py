"""Where Parley keeps things: `PARLEY_HOME`, or the user's data folder."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

from assistant.errors import BadSettings


def home() -> Path:
    """The folder of everything that Parley keeps: conversations, weights, runs. Created when missing, for its owner
    alone: others on the machine have no business in conversations. Raises BadSettings where it cannot be made."""
    chosen = os.environ.get("PARLEY_HOME")
    try:
        folder = Path(chosen).expanduser() if chosen else Path(platformdirs.user_data_dir("parley", appauthor=False))
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except (OSError, RuntimeError) as error:  # RuntimeError: ~somebody who there is not
        why = "a file is there" if isinstance(error, FileExistsError) else getattr(error, "strerror", None) or error
        named = chosen or getattr(error, "filename", None) or "the user's data folder"
        hint = "Set PARLEY_HOME to a folder that you may write to."
        raise BadSettings(f"Parley cannot keep its things in {named}: {why}.", hint=hint) from error
    return folder


def database_path(person: str = "") -> Path:
    """The SQLite file of the conversations; of a person, where several log in."""
    return home() / "people" / person / "parley.db" if person else home() / "parley.db"


def models_folder() -> Path:
    """The folder with one sub-folder for each model that Parley fetched itself (the Hub's cache is the Hub's).

    `PARLEY_MODELS` moves it, for weights that several homes share.
    """
    chosen = os.environ.get("PARLEY_MODELS")
    return Path(chosen).expanduser() if chosen else home() / "models"


def datasets_folder() -> Path:
    """The folder of training data that was fetched, written by a model or taken from votes. Created when missing."""
    folder = home() / "datasets"
    folder.mkdir(exist_ok=True)
    return folder


def runs_folder() -> Path:
    """The folder with one sub-folder for each training or evaluation run."""
    return home() / "runs"
