"""Putting an exported model on the Hugging Face Hub, when a person asks for it and never otherwise."""

from __future__ import annotations

from pathlib import Path

from assistant.catalogue import HUB_ID
from assistant.errors import BadSettings, ModelError

LOGIN = "`hf auth login` on this machine, or set HF_TOKEN."


def logged_in() -> bool:
    """Whether this machine has a token of the Hub: of its own login, or HF_TOKEN."""
    from huggingface_hub import get_token

    return bool(get_token())


def require_target(repo: str) -> None:
    """Raises BadSettings for a bad name or no token: to be asked before anything is written."""
    if not HUB_ID.fullmatch(repo) or ":" in repo:
        raise BadSettings(f"{repo!r} is no name of a repository.", hint="It should be like yourname/model.")
    if not logged_in():
        raise BadSettings("The Hub needs to know who you are.", hint=LOGIN)


def push(written: Path, repo: str, *, private: bool = True) -> str:
    """Upload a folder or a file to the repository `repo` ("name/model"), made where there is none; its address.

    Raises BadSettings as `require_target` does, ModelError where the Hub cannot be reached or refuses.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    require_target(repo)
    api = HfApi()
    try:
        made = api.create_repo(repo, private=private, exist_ok=True)
        if written.is_dir():
            api.upload_folder(repo_id=repo, folder_path=written)
        else:
            api.upload_file(path_or_fileobj=written, path_in_repo=written.name, repo_id=repo)
    except (HfHubHTTPError, OSError) as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        hint = f"What was written is in {written}."
        raise ModelError(f"The Hub did not take {repo}: {first}", hint=hint) from error
    return str(made)
