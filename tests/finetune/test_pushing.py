"""A model goes to the Hub when it is asked for, under a name and with a login, and what the Hub says is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import huggingface_hub
import pytest

from assistant.errors import BadSettings, ModelError
from finetune import pushing


class Hub:
    """Instead of HfApi: what it was asked for."""

    asked: list[tuple[str, dict[str, Any]]]
    refuses: bool = False

    def create_repo(self, repo: str, **how: Any) -> str:
        if self.refuses:
            raise OSError("The Hub is away.\nA long story.")
        self.asked.append((repo, how))
        return f"https://hub.test/{repo}"

    def upload_folder(self, **how: Any) -> None:
        self.asked.append(("folder", how))

    def upload_file(self, **how: Any) -> None:
        self.asked.append(("file", how))


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> type[Hub]:
    monkeypatch.setattr(huggingface_hub, "get_token", lambda: "hf_nobody")
    monkeypatch.setattr(Hub, "asked", [], raising=False)
    monkeypatch.setattr(Hub, "refuses", False)
    monkeypatch.setattr(huggingface_hub, "HfApi", Hub)
    return Hub


def test_a_folder_and_a_file_go_there_in_private(hub: type[Hub], tmp_path: Path) -> None:
    (tmp_path / "model.gguf").write_bytes(b"GGUF")
    assert pushing.push(tmp_path, "me/model") == "https://hub.test/me/model"
    pushing.push(tmp_path / "model.gguf", "me/model")
    made = ("me/model", {"private": True, "exist_ok": True})
    assert hub.asked[0] == hub.asked[2] == made
    assert hub.asked[1] == ("folder", {"repo_id": "me/model", "folder_path": tmp_path})
    assert hub.asked[3][0] == "file" and hub.asked[3][1]["path_in_repo"] == "model.gguf"


@pytest.mark.parametrize("repo", ["", "model", "me/model:main", "me/mo del", "../model"])
def test_what_is_no_name_is_not_sent(hub: type[Hub], tmp_path: Path, repo: str) -> None:
    with pytest.raises(BadSettings, match="no name of a repository"):
        pushing.push(tmp_path, repo)
    assert not hub.asked


def test_nobody_is_told_to_log_in(hub: type[Hub], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub, "get_token", lambda: None)
    assert not pushing.logged_in()
    with pytest.raises(BadSettings, match="who you are") as told:
        pushing.require_target("me/model")
    assert "hf auth login" in told.value.hint and not hub.asked


def test_what_the_hub_refuses_says_where_the_files_are(
    hub: type[Hub], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "refuses", True)
    with pytest.raises(ModelError, match=r"did not take me/model: The Hub is away\. What") as told:
        pushing.push(tmp_path, "me/model")
    assert str(tmp_path) in told.value.hint
