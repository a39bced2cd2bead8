"""Text-to-image pipelines by name: those of the catalogue, beside whatever a person names on the Hub or on disk."""

from __future__ import annotations

from assistant import sources
from assistant.catalogue import Catalogue, Family, ModelEntry
from assistant.errors import ModelNotAvailable
from assistant.placement import gb


def pipelines(catalogue: Catalogue) -> list[ModelEntry]:
    """Those of the catalogue, in its order."""
    return [entry for entry in catalogue if entry.family is Family.DIFFUSION]


def source(catalogue: Catalogue, name: str) -> str:
    """What diffusers loads for a name: the folder of a model of the catalogue; a Hub id or a folder as it is.

    Nothing is fetched here. Raises ModelNotAvailable for one of the catalogue that is not on this machine.
    """
    entry = _named(catalogue, name)
    if entry is None:
        return name.strip()
    path = sources.locate(entry)
    if path is None:
        raise ModelNotAvailable(
            f"{entry.title} is not on this machine.",
            hint=f"Fetch it under Models, or with `parley models pull {entry.key}`: {gb(entry.download_bytes)}.",
        )
    return str(path)


def told(catalogue: Catalogue, name: str) -> str:
    """What is known of a name, in a line: what it is for, its size and licence, whether it is here."""
    entry = _named(catalogue, name)
    if entry is None:
        return "A Hub id, whose weights are fetched when you paint, or the folder of a diffusers pipeline."
    here = "on this machine" if sources.locate(entry) is not None else "not here yet: fetch it under Models"
    return f"{entry.description} {gb(entry.download_bytes)}, {entry.licence}, {here}."


def _named(catalogue: Catalogue, name: str) -> ModelEntry | None:
    """The catalogue's pipeline of that name, however it is written."""
    return next((entry for entry in pipelines(catalogue) if entry.key == name.strip().lower()), None)
