"""Starting without Gradio's type stubs."""

from __future__ import annotations

import inspect
import subprocess
import sys


def test_the_page_is_imported_without_writing_stubs() -> None:
    code = (
        "import gradio_client, sys; from pathlib import Path; write = Path.write_text\n"
        "def watched(self, *a, **k): assert self.suffix != '.pyi', self; return write(self, *a, **k)\n"
        "read = Path.read_text\n"
        "def seen(self, *a, **k): assert self.suffix != '.pyi', self; return read(self, *a, **k)\n"
        "Path.write_text, Path.read_text = watched, seen\n"
        "import ui.web.app, gradio; gradio.Textbox('x')"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_what_others_ask_stays_as_it_was() -> None:
    before = inspect.getfile
    from ui.web.stubs import no_stubs

    with no_stubs():
        assert inspect.getfile(test_what_others_ask_stays_as_it_was) == __file__
    assert inspect.getfile is before
