"""Asking the Hub, through its own client: what a repository holds, and the download itself, in a process of its own.

Everything that the client can raise becomes ours in `explain`.
"""

from __future__ import annotations

import errno
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from glob import escape
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, cast

from assistant.catalogue import HubSource
from assistant.errors import DiskFull, ModelNotAvailable, ParleyError, UnknownModel
from assistant.weights.hub_cache import chosen_files, hub_cache, missing_files, snapshot

if TYPE_CHECKING:
    from tqdm.auto import tqdm

LISTING_SECONDS = 10


@dataclass(frozen=True)
class Listing:
    """What the Hub says of a repository at a revision. `parameters` is None where it does not know."""

    commit: str
    sizes: dict[str, int]
    licence: str = "unknown"
    gated: bool = False
    parameters: int | None = None
    gguf: dict[str, Any] = field(default_factory=dict[str, Any])


def endpoint() -> str:
    """The Hub's address: HF_ENDPOINT, or the public one."""
    return (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")


def listing(source: HubSource) -> Listing:
    """Ask the Hub for the repository's files. Raises ModelNotAvailable, UnknownModel."""
    from huggingface_hub import HfApi

    try:
        info = HfApi(endpoint=endpoint()).model_info(
            source.repo, revision=source.revision, files_metadata=True, timeout=LISTING_SECONDS
        )
    except Exception as error:
        raise explain(error, source) from error
    sizes = {file.rfilename: file.size or 0 for file in info.siblings or ()}
    licences = [tag.removeprefix("license:") for tag in info.tags or () if tag.startswith("license:")]
    return Listing(
        commit=info.sha or source.revision,
        sizes=sizes,
        licence=licences[0] if licences else "unknown",
        gated=bool(info.gated),
        parameters=info.safetensors.total if info.safetensors else None,
        gguf=dict(info.gguf or {}),
    )


def small_file(source: HubSource, name: str) -> Path:
    """Fetch one small file of the repository into the Hub's cache. Raises ModelNotAvailable, UnknownModel."""
    from huggingface_hub import hf_hub_download

    try:
        return Path(
            hf_hub_download(source.repo, name, revision=source.revision, cache_dir=hub_cache(), endpoint=endpoint())
        )
    except Exception as error:
        raise explain(error, source) from error


def explain(error: BaseException, source: HubSource) -> ParleyError:
    """Our error for whatever the Hub's client, its transport or the disk raised."""
    import httpx2
    from huggingface_hub import errors

    repo, page = source.repo, f"https://huggingface.co/{source.repo}"
    silent = f"The Hub did not answer when {repo} was asked for"
    again = "Check the network and try again: what has been fetched is kept."
    login = "Log in with `hf auth login`, or set HF_TOKEN."
    match error:
        case ParleyError():
            return error
        case errors.GatedRepoError():
            return ModelNotAvailable(
                f"{repo} is gated: its publisher wants its licence accepted first.", hint=f"Do so at {page}. {login}"
            )
        case errors.RepositoryNotFoundError():
            return ModelNotAvailable(f"The Hub has no {repo}, or it is private.", hint=f"Check the name. {login}")
        case errors.RevisionNotFoundError():
            return ModelNotAvailable(f"{repo} has no revision {source.revision}.", hint=f"See {page}/commits/main.")
        case errors.DisabledRepoError():
            return ModelNotAvailable(f"{repo} has been disabled on the Hub.", hint="Choose another model.")
        case errors.OfflineModeIsEnabled():
            return ModelNotAvailable(f"{repo} is not here and HF_HUB_OFFLINE is set.", hint="Unset it to fetch models.")
        case errors.HfHubHTTPError() if error.response.status_code in (401, 403):
            return ModelNotAvailable(f"The Hub refuses access to {repo}.", hint=login)
        case errors.HfHubHTTPError() if error.response.status_code == 429:
            return ModelNotAvailable("The Hub says that it has been asked too often.", hint="Wait a while, or log in.")
        case errors.EntryNotFoundError() if isinstance(error, errors.HfHubHTTPError):
            return ModelNotAvailable(f"{repo} lacks a file that it should have.", hint=f"See {page}/tree/main.")
        case errors.HfHubHTTPError():
            return ModelNotAvailable(
                f"The Hub failed with HTTP {error.response.status_code} for {repo}.", hint="Try again later."
            )
        case errors.LocalEntryNotFoundError() if isinstance(error.__cause__, errors.OfflineModeIsEnabled):
            return explain(error.__cause__, source)
        case errors.LocalEntryNotFoundError():
            return ModelNotAvailable(f"{silent}, and it is not in the Hub's cache.", hint=again)
        case errors.LocalTokenNotFoundError():
            return ModelNotAvailable(f"{repo} needs a login, and there is none.", hint=login)
        case errors.HFValidationError():
            return UnknownModel(f"{repo!r} is not a name that the Hub can have.", hint="Names are ORGANISATION/MODEL.")
        case httpx2.ProxyError():
            return ModelNotAvailable(f"The proxy refused when {repo} was asked for.", hint="Check HTTPS_PROXY.")
        case httpx2.HTTPError() | errors.FileMetadataError() | errors.DryRunError() | errors.XetDownloadError():
            return ModelNotAvailable(f"{silent}.", hint=again)
        case OSError() if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return DiskFull(f"The disk of {hub_cache()} filled up.", hint="Free some space, or set HF_HOME elsewhere.")
        case _:
            last = str(error).strip().splitlines()[-1:] or [""]
            return ModelNotAvailable(f"{repo} could not be fetched ({type(error).__name__}: {last[0]}).", hint=again)


class Bar:
    """Stands in for tqdm: counts the bytes of the bars that count bytes, and tells `Bar.tell` of them."""

    tell: ClassVar[Callable[[int], None]] = print
    counts: ClassVar[dict[int, int]] = {}

    def __init__(self, *_: Any, unit: str = "it", initial: int = 0, total: int | None = None, **__: Any) -> None:
        self.total, self.n, self._bytes = total, initial, unit == "B"

    def update(self, n: float | None = 1) -> None:
        """Count, and tell. The client has one bar for bytes received and one for bytes written: the larger is told."""
        self.n += int(n or 0)
        if self._bytes:
            Bar.counts[id(self)] = self.n
            Bar.tell(max(Bar.counts.values()))

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        pass

    @property
    def format_dict(self) -> dict[str, Any]:
        """What the client reads a rate from."""
        return {"rate": None}

    def __getattr__(self, name: str) -> Callable[..., None]:
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda *_, **__: None  # refresh, close, set_postfix_str, set_description, …


def say(**message: Any) -> None:
    """Put a message for the process that started this one on its own line."""
    print(json.dumps(message), flush=True)  # noqa: T201


def fetch(source: HubSource) -> None:
    """Download the repository's chosen files into the Hub's cache, saying how far it is."""
    from huggingface_hub import snapshot_download

    found = listing(source)
    names = chosen_files(found.sizes, source.files)
    if missing := missing_files(names, source.files):
        raise ModelNotAvailable(
            f"{source.repo} has no {' and no '.join(missing)}: transformers and llama.cpp cannot run it.",
            hint=f"See https://huggingface.co/{source.repo}/tree/main for what it has.",
        )
    folder = snapshot(HubSource(source.repo, found.commit))
    here = sum(found.sizes[name] for name in names if folder and (folder / name).exists())
    say(total=sum(found.sizes[name] for name in names), here=here)
    last = 0.0

    def tell(done: int) -> None:
        nonlocal last
        if time.monotonic() - last > 0.2:
            last = time.monotonic()
            say(done=done)

    Bar.tell = tell
    path = snapshot_download(
        source.repo,
        revision=source.revision,
        allow_patterns=[escape(name) for name in names],
        cache_dir=hub_cache(),
        endpoint=endpoint(),
        tqdm_class=cast("type[tqdm[Any]]", Bar),  # what the client uses of a tqdm is there
    )
    say(folder=path, files=names)


def main() -> None:
    """Fetch what the first argument describes; the outcome is the last line of output."""
    request = json.loads(sys.argv[1])
    source = HubSource(request["repo"], request["revision"], tuple(request["files"]))
    try:
        fetch(source)
    except Exception as error:  # noqa: BLE001  # the edge: every failure is put into our words
        told = explain(error, source)
        say(error=type(told).__name__, message=told.message, hint=told.hint)
