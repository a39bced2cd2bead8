"""What a person brings to learn from, laid where a training finds it: a text, a table, pictures or a ZIP of them."""

from __future__ import annotations

import re
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from assistant.errors import BadDataset
from demos.architectures import Learns, read
from ui.lab import data_folder, mapped

PICTURES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif"}
MOST_PICTURES, MOST_BYTES = 20_000, 500_000_000
"""Of all that is unpacked."""
SAFE_NAME = re.compile(r"\w[\w .,+=@()-]*")
"""Of a kind of pictures, which becomes a folder: a plain name, which leads nowhere else and hides nothing."""
HINT = "Give PNG, JPEG or WebP files, or a ZIP with a folder of them for each kind."


@contextmanager
def laid(learns: Learns, files: Sequence[str]) -> Generator[Path]:
    """Where uploaded files lie: one as it is; pictures in a folder, with a folder in it for each kind that a ZIP has.

    learns: as an architecture says it. Raises BadDataset.
    """
    if gone := [Path(file).name for file in files if not Path(file).exists()]:
        raise BadDataset(f"{gone[0]} is not here any more.", hint="Bring it again: uploads are kept for a day.")
    if learns != "pictures":
        if len(files) != 1:
            raise BadDataset(f"There are {len(files)} files.", hint="Give one.")
        yield Path(files[0])
        return
    with tempfile.TemporaryDirectory(prefix="parley-pictures-") as scratch:
        folder = Path(scratch) / "pictures"
        folder.mkdir()
        for number, file in enumerate(map(Path, files)):
            if file.name.startswith("."):
                continue  # a system's own
            if file.suffix.lower() == ".zip":
                _unpack(file, folder, number)
            elif file.suffix.lower() in PICTURES:
                shutil.copyfile(file, folder / f"{number:06}{file.suffix.lower()}")
            else:
                raise BadDataset(f"{file.name} is no picture by its ending.", hint=HINT)
        yield folder


def check(learns: Learns, files: Sequence[str]) -> None:
    """Read it all as a training will. Raises BadDataset, ModelNotAvailable."""
    with laid(learns, files) as place, mapped():
        read(learns, str(place), data_folder())


def _unpack(path: Path, folder: Path, number: int) -> None:
    """The pictures of a ZIP, each in a folder that is called as the one that it lies in. number: of the ZIP."""
    try:
        with zipfile.ZipFile(path) as packed:
            members = [each for each in packed.infolist() if _wanted(PurePosixPath(each.filename))]
            if len(members) > MOST_PICTURES or sum(each.file_size for each in members) > MOST_BYTES:
                most = f"Give at most {MOST_PICTURES:,} pictures and {MOST_BYTES // 1_000_000} MB."
                raise BadDataset(f"{path.name} holds too much.", hint=most)
            for place, each in enumerate(members):
                name = PurePosixPath(each.filename)
                kind = name.parent.name
                if kind and not SAFE_NAME.fullmatch(kind):
                    hint = "Rename it: letters, digits, dots, dashes and spaces."
                    raise BadDataset(f"A kind of pictures cannot be called {kind!r} here.", hint=hint)
                (folder / kind).mkdir(exist_ok=True)
                into = folder / kind / f"{number:06}-{place:06}{name.suffix.lower()}"
                with packed.open(each) as source, into.open("wb") as target:
                    shutil.copyfileobj(source, target)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError) as error:  # the last one: it is locked
        raise BadDataset(f"{path.name} is no ZIP file that can be read: {error}.", hint=HINT) from error


def _wanted(name: PurePosixPath) -> bool:
    """Whether it is a picture, and none that a system has hidden among them."""
    hidden = any(part.startswith((".", "__MACOSX")) for part in name.parts)
    return name.suffix.lower() in PICTURES and not hidden
