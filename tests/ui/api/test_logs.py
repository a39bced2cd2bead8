"""What is written down is JSON, a line for each thing, also where it went wrong."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from assistant.engines.fake import FakeEngine
from tests.ui.api.conftest import Start, until
from ui.api.logs import JsonLines, audit_to, log_errors

CHAT = "/v1/chat/completions"
ASK = {"model": "smollm2-135m-instruct", "messages": [{"role": "user", "content": "My secret plan"}]}


@pytest.fixture
def restored() -> Iterator[None]:
    """The process's log as it was."""
    root = logging.getLogger()
    before = root.handlers
    yield
    logging.captureWarnings(False)
    root.handlers = before


@pytest.mark.usefixtures("restored")
def test_what_goes_wrong_is_a_line_with_its_time_and_its_traceback(
    start: Start, capsys: pytest.CaptureFixture[str]
) -> None:
    def breaks(messages: object) -> str:
        raise MemoryError("of the test's own making")

    server = start(FakeEngine(breaks))
    log_errors()
    with server.http() as client:
        id = client.post(CHAT, json=ASK).headers["x-request-id"]
    logging.getLogger("uvicorn.error").error("two\nlines")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("mind", stacklevel=1)
    failed, other, warned = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert datetime.fromisoformat(failed["time"]).tzinfo is not None
    assert (failed["level"], failed["logger"]) == ("ERROR", "parley.api")
    assert failed["message"] == f"request {id} failed"
    assert failed["exception"].startswith("Traceback") and "of the test's own making" in failed["exception"]
    assert (other["logger"], other["message"], "exception" in other) == ("uvicorn.error", "two\nlines", False)
    assert (warned["level"], warned["logger"]) == ("WARNING", "py.warnings") and "mind" in warned["message"]


def test_fields_stand_beside_the_message() -> None:
    record = logging.makeLogRecord({"name": "x", "msg": "%d of them", "args": (2,), "levelname": "INFO"})
    record.fields = {"status": 200}
    line = json.loads(JsonLines().format(record))
    assert (line["message"], line["status"]) == ("2 of them", 200)


@pytest.mark.parametrize(
    ("task", "body", "model"),
    [
        ("sentiment", {}, "parley-sentiment"),
        ("sentiment", {"model": "smollm2-135m-instruct"}, "smollm2-135m-instruct"),
        ("translate", {"target": "de", "source": "en", "model": "smollm2-135m-instruct"}, "smollm2-135m-instruct"),
        ("summarize", {"sentences": 1, "way": "extractive"}, "all-minilm-l6-v2"),
    ],
)
def test_text_tasks_are_written_down_with_their_model(
    start: Start, tmp_path: Path, task: str, body: dict[str, object], model: str
) -> None:
    audit_to(tmp_path / "api.jsonl")
    texts = ["The sea is calm today. The boats went out.", "Two cats sleep."]
    try:
        with start().http() as client:
            client.post(f"/v1/{task}", json={"input": texts, **body})
        until(lambda: (tmp_path / "api.jsonl").read_text().count("\n") == 1)
        line = json.loads((tmp_path / "api.jsonl").read_text())
    finally:
        logging.getLogger("parley.audit").handlers = []
    assert (line["route"], line["model"]) == (f"/v1/{task}", model)
    assert (line["texts"], line["characters"]) == (2, sum(map(len, texts)))
    assert "sea" not in json.dumps(line)
