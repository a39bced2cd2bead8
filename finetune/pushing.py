"""Putting an exported model on the Hugging Face Hub, when a person asks for it and never otherwise."""

from __future__ import annotations

from pathlib import Path

from assistant.catalogue import HUB_ID
from assistant.errors import BadSettings, ModelError


def push(written: Path, repo: str, *, private: bool = True) -> str:
    """Upload a folder or a file to the repository `repo` ("name/model"), made where there is none; its address.

    Raises BadSettings for a bad name or no token, ModelError where the Hub cannot be reached or refuses.
    """
    from huggingface_hub import HfApi, get_token
    from huggingface_hub.errors import HfHubHTTPError

    if not HUB_ID.fullmatch(repo) or ":" in repo:
        raise BadSettings(f"{repo!r} is no name of a repository.", hint="It should be like yourname/model.")
    if not get_token():
        raise BadSettings("The Hub needs to know who you are.", hint="`hf auth login`, or set HF_TOKEN.")
    api = HfApi()
    try:
        made = api.create_repo(repo, private=private, exist_ok=True)
        if written.is_dir():
            api.upload_folder(repo_id=repo, folder_path=written)
        else:
            api.upload_file(path_or_fileobj=written, path_in_repo=written.name, repo_id=repo)
    except (HfHubHTTPError, OSError) as error:
        first = str(error).strip().splitlines()[0]
        hint = f"What was written is in {written}."
        raise ModelError(f"The Hub did not take {repo}: {first}", hint=hint) from error
    return str(made)
