"""The web app beside what the environment holds for Gradio's own server."""

from __future__ import annotations

import os
import subprocess
import sys


def test_an_empty_port_of_gradios_own_does_not_matter() -> None:
    environment = {**os.environ, "GRADIO_SERVER_PORT": "", "GRADIO_NUM_PORTS": "many"}
    subprocess.run([sys.executable, "-c", "import ui.web.app"], check=True, timeout=120, env=environment)
