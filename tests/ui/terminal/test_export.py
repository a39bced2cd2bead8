"""`parley export`."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(("repo", "said"), [("model", "no name of a repository"), ("me/model", "who you are")])
def test_where_it_could_not_go_is_told_before_it_is_written(parley, monkeypatch, repo, said):
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    done = parley("export", "no-such-run", "--to", "merged", "--push", repo)
    assert done.exit_code == 2 and said in done.stderr and "Traceback" not in done.stderr
