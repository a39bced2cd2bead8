"""`parley data`: what goes out comes in again."""

from __future__ import annotations

import json

import pytest

from assistant.store import Store


@pytest.fixture
def talked(fake, parley) -> str:
    """The id of a conversation with a liked reply."""
    parley("chat", "What is up?")
    store = Store()
    (kept,) = store.conversations()
    store.vote(store.get(kept.id).path()[-1].id, 1)
    return kept.id


def test_votes_out_as_json_lines(talked, parley, tmp_path):
    done = parley("data", "export", "--format", "kto")
    (row,) = map(json.loads, done.stdout.splitlines())
    assert row["label"] is True
    assert row["completion"] == [{"role": "assistant", "content": "You said: What is up?"}]
    path = tmp_path / "votes.jsonl"
    to_file = parley("data", "export", "--format", "kto", "--output", str(path))
    assert (to_file.exit_code, to_file.stdout) == (0, "")
    assert "1 rows" in to_file.stderr and path.read_text() == done.stdout


def test_nothing_to_export_is_said(fake, parley, tmp_path):
    path = tmp_path / "votes.jsonl"
    done = parley("data", "export", "--format", "preference", "--output", str(path))
    assert done.exit_code == 0 and "vote on replies" in done.stderr
    assert path.read_text() == ""


@pytest.mark.parametrize("form", ["json", "markdown"])
def test_a_conversation_out_and_in(talked, parley, tmp_path, form):
    path = tmp_path / f"talk.{form}"
    assert parley("data", "export", "--conversation", talked[:6], "--format", form, "-o", str(path)).exit_code == 0
    done = parley("data", "import", str(path), "--json")
    (new,) = json.loads(done.stdout)["conversations"]
    assert new != talked
    assert [m.content for m in Store().get(new).path()] == ["What is up?", "You said: What is up?"]
    piped = parley("data", "import", "-", input=path.read_text())
    assert piped.exit_code == 0 and len(Store().conversations()) == 3


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["export", "--format", "csv"], 2),
        (["export"], 2),
        (["export", "--format", "json"], 2),
        (["export", "--format", "kto", "--conversation", "abc"], 2),
        (["export", "--format", "kto", "--all"], 2),
        (["export", "--format", "json", "--conversation", "abc"], 2),
        (["export", "--format", "kto", "--output", "/no/such/folder/x"], 1),
        (["import", "/no/such/file"], 1),
    ],
)
def test_what_goes_wrong(fake, parley, words, code):
    done = parley("data", *words)
    assert done.exit_code == code
    assert done.stderr and done.stdout == ""


def test_a_broken_file_is_not_taken_in(fake, parley, tmp_path):
    path = tmp_path / "broken.json"
    path.write_text('{"format": ')
    done = parley("data", "import", str(path))
    assert done.exit_code == 1 and "not JSON" in done.stderr
    assert Store().conversations() == []
