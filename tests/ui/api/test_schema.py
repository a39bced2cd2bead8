"""schemathesis makes up requests from our OpenAPI, good and bad ones: every answer is one that the schema promises."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.ui.api.conftest import Start

CONFIG = Path(__file__).with_name("schemathesis.toml")


@pytest.mark.parametrize("examples", [8, pytest.param(100, marks=[pytest.mark.slow, pytest.mark.timeout(1800)])])
def test_what_the_schema_promises_holds(start: Start, tmp_path: Path, examples: int) -> None:
    server = start(waiting=1000)
    command = [
        sys.executable,
        "-m",
        "schemathesis.cli",
        "--config-file",
        str(CONFIG),
        "run",
        f"{server.url}/openapi.json",
    ]
    command += ["--max-examples", str(examples), "--seed", "1", "--no-color", "--request-timeout", "20"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
