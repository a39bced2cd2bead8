"""The Hub's own cache on this disk, read and trimmed as files: quick, and without asking anybody.

hub/models--org--name/
├── refs/main                      the commit that a branch pointed to
├── blobs/<sha256 or git hash>     contents
└── snapshots/<commit>/config.json → ../../blobs/…     a link appears when its blob is complete
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path

from assistant.catalogue import HubSource, ModelEntry
from assistant.weights.shelf import Installed

WANTED = (
    "*.json",
    "*.txt",
    "*.jinja",
    "*.model",
    "*.spm",
    "*.tiktoken",
    "model.safetensors",
    "model-*.safetensors",
    "pytorch_model.bin",
    "pytorch_model-*.bin",
)
"""What transformers may need of a repository. Others' formats (ONNX, Flax, consolidated.safetensors) are left there."""
WEIGHTS = (("model", ".safetensors"), ("pytorch_model", ".bin"))
COMMIT = re.compile(r"[0-9a-f]{40}")
SMALL_BYTES = 16 << 20


def hub_cache() -> Path:
    """Where the Hub's client keeps repositories: HF_HUB_CACHE, or `hub` in HF_HOME."""
    home = os.environ.get("HF_HOME") or f"{os.environ.get('XDG_CACHE_HOME') or '~/.cache'}/huggingface"
    chosen = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE") or f"{home}/hub"
    return Path(os.path.expandvars(chosen)).expanduser()


def repo_folder(repo: str) -> Path:
    """The repository's folder in the cache, whether it is there or not."""
    return hub_cache() / f"models--{repo.replace('/', '--')}"


def chosen_files(names: Iterable[str], patterns: Collection[str] = ()) -> list[str]:
    """Which of a repository's files a pull takes: those that `patterns` name, or what transformers needs.

    Weights that are there both as safetensors and as a pickle are taken as safetensors only.
    """
    names = sorted(names)
    if patterns:
        return [name for name in names if any(fnmatchcase(name, pattern) for pattern in patterns)]
    # fnmatch's * crosses slashes: the folders below hold pooling settings (small), but also ONNX and older exports.
    found = [name for name in names if any(fnmatchcase(name, pattern) for pattern in WANTED)]
    found = [name for name in found if name.count("/") == 0 or name.endswith("config.json")]
    if any(name.endswith(".safetensors") for name in found):
        found = [name for name in found if not name.startswith("pytorch_model")]
    return found


def missing_files(names: Collection[str], patterns: Collection[str] = ()) -> list[str]:
    """What a set of file names lacks to be a model that runs; empty when it is whole. Shards are not looked at."""
    if patterns:
        return [pattern for pattern in patterns if not any(fnmatchcase(name, pattern) for name in names)]
    missing = [] if "config.json" in names else ["config.json"]
    if not any(name.startswith(stem) and name.endswith(ending) for name in names for stem, ending in WEIGHTS):
        missing.append("model.safetensors")
    return missing


def snapshot(source: HubSource) -> Path | None:
    """The folder of the source's revision in the cache, None where there is none."""
    folder = repo_folder(source.repo)
    try:
        commit = source.revision
        if not COMMIT.fullmatch(commit):
            commit = (folder / "refs" / commit).read_text(encoding="utf-8").strip()
    except OSError:
        return None
    path = folder / "snapshots" / commit
    return path if commit and path.is_dir() else None


def files_of(folder: Path, patterns: Collection[str] = ()) -> dict[str, int]:
    """The model's files in a snapshot, name → size; {} unless it is whole, every shard included."""
    sizes: dict[str, int] = {}
    for path in folder.rglob("*"):
        if path.is_file():
            sizes[path.relative_to(folder).as_posix()] = path.stat().st_size
    names = chosen_files(sizes, patterns)
    if missing_files(names, patterns):
        return {}
    for name in names:
        if shards := re.fullmatch(r"(.+)-\d{5}-of-(\d{5})(\.\w+)", name):
            stem, count, ending = shards.groups()
            if any(f"{stem}-{n:05d}-of-{count}{ending}" not in sizes for n in range(1, int(count) + 1)):
                return {}
    return {name: sizes[name] for name in names}


def cached(entry: ModelEntry) -> Installed | None:
    """The model as another program may have left it in the Hub's cache, None unless it is whole."""
    folder = snapshot(entry.hub) if entry.hub else None
    files = files_of(folder, entry.hub.files) if folder and entry.hub else {}
    if not files or folder is None or entry.hub is None:
        return None
    if not all(name in files and _is(folder / name, digest) for name, digest in entry.sha256.items()):
        return None
    fetched = datetime.fromtimestamp(folder.stat().st_mtime, UTC)
    path = folder / next(name for name in files if name.endswith(".gguf")) if entry.format == "gguf" else folder
    return Installed(entry.key, path, sum(files.values()), f"{entry.hub} ({folder.name[:8]})", fetched)


def _is(path: Path, digest: str) -> bool:
    """Whether a cached file has that sha256: a large file's blob bears it as its name, a small one is read."""
    blob = path.resolve().name
    if re.fullmatch(r"[0-9a-f]{64}", blob):
        return blob == digest
    return path.stat().st_size <= SMALL_BYTES and hashlib.sha256(path.read_bytes()).hexdigest() == digest


def discard_files(folder: Path, names: Iterable[str]) -> int:
    """Delete files of a snapshot, with each blob that no other snapshot uses; bytes freed.

    A snapshot, and a repository, of which nothing is left goes whole.
    """
    freed = 0
    root = folder.parent.parent
    for name in names:
        link = folder / name
        if not link.exists():
            continue
        blob = link.resolve()
        link.unlink()
        used = {path.resolve() for path in (root / "snapshots").rglob("*") if path.is_symlink()}
        if blob != link and blob not in used and blob.exists():
            freed += blob.stat().st_size
            blob.unlink()
    if not any(path.is_file() for path in folder.rglob("*")):
        shutil.rmtree(folder, ignore_errors=True)
    if not any(path.is_file() for path in (root / "snapshots").rglob("*")):
        shutil.rmtree(root, ignore_errors=True)
    return freed
