"""Streams and exit codes: what goes where, and how each failure ends."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest

from assistant import errors
from ui.terminal.output import exit_codes, printable, write_file, write_json


@pytest.mark.parametrize(
    ("raised", "code"),
    [
        (errors.UnknownModel("m"), 2),
        (errors.UnknownConversation("m"), 2),
        (errors.UnknownTask("m"), 2),
        (errors.BadSettings("m"), 2),
        (errors.BadDocument("m"), 1),
        (errors.BadDataset("m"), 1),
        (errors.TextTooLong("m"), 1),
        (errors.ModelNotAvailable("m"), 1),
        (errors.EngineFailed("m"), 1),
        (errors.RunNotFound("m"), 1),
        (KeyboardInterrupt(), 130),
    ],
)
def test_exit_codes(raised, code, capsys):
    with pytest.raises(SystemExit) as ended, exit_codes():
        raise raised
    assert ended.value.code == code
    assert capsys.readouterr().out == ""


def test_message_and_hint_on_stderr(capsys):
    with pytest.raises(SystemExit), exit_codes():
        raise errors.DiskFull("[red]No room\x1b[0m.", hint="Free some [bold]space.")
    assert capsys.readouterr().err == "parley: [red]No room␛[0m.\nFree some [bold]space.\n"


def test_mistakes_of_ours_keep_their_traceback():
    with pytest.raises(ValueError), exit_codes():
        raise ValueError
    with pytest.raises(FileNotFoundError), exit_codes():
        Path("/no/such/file").read_text()


def test_a_file_of_parleys_own_that_is_refused_is_told(parley_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refused = PermissionError(errno.EACCES, "Permission denied", str(parley_home / "session.lock"))
    with pytest.raises(SystemExit) as ended, exit_codes():
        raise refused
    said = capsys.readouterr().err
    assert ended.value.code == 1 and "session.lock cannot be used: Permission denied" in said and "PARLEY_HOME" in said
    for mistake in (
        PermissionError(errno.EACCES, "Permission denied", "/etc/shadow"),
        FileNotFoundError(errno.ENOENT, "No such file", str(parley_home / "gone")),
    ):
        with pytest.raises(type(mistake)), exit_codes():
            raise mistake


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\ttext\n", "plain\ttext\n"),
        ("\x1b[31mred", "␛[31mred"),
        ("\x9b31m", "�31m"),
        ("one\r\ntwo\rthree", "one\ntwothree"),
        ("\x00\x07\x08\x7f", "␀␇␈␡"),
        ("żółć 你好 🙂", "żółć 你好 🙂"),
    ],
)
def test_printable(text, shown):
    assert printable(text) == shown


def test_json_is_one_line_without_control_characters(capsys):
    value = {"text": "a\x1b[0m\x9b\x7f\n\u00e9"}
    write_json(value)
    printed = capsys.readouterr().out
    assert printed.count("\n") == 1 and "é" in printed
    assert not any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 for c in printed.rstrip("\n"))
    assert json.loads(printed) == value


def test_json_has_null_where_a_number_is_none(capsys):
    write_json({"drops": [{"after": float("nan"), "before": 0.5}], "most": (float("inf"), 1)})
    printed = capsys.readouterr().out
    assert json.loads(printed, parse_constant=pytest.fail) == {
        "drops": [{"after": None, "before": 0.5}],
        "most": [None, 1],
    }


def test_write_file_is_whole_or_not_at_all(tmp_path):
    path = tmp_path / "x.jsonl"
    write_file(path, ["old\n"])

    def breaks():
        yield "new\n"
        raise errors.BadDataset("broken")

    with pytest.raises(errors.BadDataset):
        write_file(path, breaks())
    assert path.read_text() == "old\n"
    assert list(tmp_path.iterdir()) == [path]


def test_write_file_says_why_not(tmp_path):
    with pytest.raises(errors.UserError, match="No such file"):
        write_file(tmp_path / "missing" / "x", ["text"])


def test_write_file_follows_a_link(tmp_path):
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("old")
    link.symlink_to(target)
    write_file(link, ["new"])
    assert link.is_symlink() and target.read_text() == "new"
