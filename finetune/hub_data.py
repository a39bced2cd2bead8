"""Data sets of the Hugging Face Hub as files: "org/name", "org/name:split", "org/name:configuration:split"; and public
ones that are known here by name (`parley data fetch`).

A set is fetched once, when it is named, and kept as Parquet in Parley's home; what follows reads a file like any other.
"""

from __future__ import annotations

import re
from pathlib import Path

from assistant import paths
from assistant.errors import BadDataset, ModelNotAvailable
from assistant.public_sets import fetch, public_sets
from assistant.whole_files import beside

HOW = "A data set of the Hub is org/name, org/name:split or org/name:configuration:split."
FILES = (".csv", ".tsv", ".json", ".jsonl", ".parquet")
_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*(?::[\w.-]+){0,2}")


def located(name: str) -> Path:
    """The file of that name, or of the Hub's data set, which is fetched where it is not here yet.

    Raises BadDataset where there is neither, ModelNotAvailable where the Hub cannot be reached, DiskFull.
    """
    path = Path(name).expanduser()
    if name in public_sets() and not path.exists():
        return _one_file(fetch(name), name)
    if path.exists() or not _ID.fullmatch(name) or path.suffix.lower() in FILES:
        return path
    repo, *rest = name.split(":")
    configuration, split = rest if len(rest) == 2 else (None, rest[0] if rest else "train")
    parts = [*repo.split("/"), *([configuration] if configuration else []), split]
    target = paths.datasets_folder() / f"{'--'.join(parts)}.parquet"
    if not target.exists():
        _fetch(repo, configuration, split, target)
    return target


def _one_file(folder: Path, name: str) -> Path:
    files = [path for path in sorted(folder.iterdir()) if path.suffix in FILES]
    if len(files) != 1:
        hint = f"Its files are in {folder}: name one of them."
        raise BadDataset(f"{name} is {len(list(folder.iterdir()))} files, of which none alone is rows.", hint=hint)
    return files[0]


def _fetch(repo: str, configuration: str | None, split: str, target: Path) -> None:
    import datasets
    from datasets.exceptions import DatasetsError
    from huggingface_hub.errors import OfflineModeIsEnabled

    from assistant.catalogue import HubSource
    from assistant.weights import hub
    from assistant.weights.hub_fetch import explain

    try:
        rows = datasets.load_dataset(repo, configuration, split=split)
        with beside(target) as partial:
            rows.to_parquet(partial)
    except (ValueError, DatasetsError) as error:
        told = " ".join(f"{error} {error.__cause__ or ''}".split())[:300]
        hint = f"{HOW} If it should be a file, check its path."
        raise BadDataset(f"{repo} cannot be read as a data set: {told}", hint=hint) from error
    except Exception as error:
        said = explain(OfflineModeIsEnabled() if hub.offline() else error, HubSource(repo))
        hint = f"If it should be a file, check its path. {said.hint}"
        raise ModelNotAvailable(said.message, hint=hint) from error
