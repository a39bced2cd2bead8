"""Packages that a setting wants are asked for before the run."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.errors import BadSettings
from finetune.needs import require_packages
from finetune.settings import Settings


def missing(*names: str, **settings: object) -> str:
    """What is said where these packages are not installed; "" for nothing."""
    try:
        require_packages(Settings(**settings), lambda name: name not in names)  # type: ignore[arg-type]
    except BadSettings as error:
        return f"{error.message} {error.hint}"
    return ""


@pytest.mark.parametrize(
    ("settings", "package", "instead"),
    [
        ({"finetuning_type": "qlora"}, "bitsandbytes", "finetuning_type=lora"),
        ({"accelerate_config": "zero3"}, "deepspeed", "accelerate_config=fsdp2"),
        ({"trainer": {"use_liger_kernel": True}}, "liger_kernel", "pip install liger-kernel"),
        ({"report_to": ["trackio"]}, "trackio", "pip install trackio"),
    ],
)
def test_a_package_that_is_not_here_is_named(settings: dict[str, object], package: str, instead: str) -> None:
    said = missing(package, **settings)
    assert f"needs {package}, which is not installed" in said and instead in said
    assert missing(**settings) == "" and missing(package) == ""


def test_one_of_two_suffices() -> None:
    assert missing("tensorboard", report_to=["tensorboard"]) == ""
    assert "needs tensorboard" in missing("tensorboard", "tensorboardX", report_to=["tensorboard"])


def test_a_file_of_accelerate_says_what_it_needs(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text("distributed_type: DEEPSPEED\n")
    assert "needs deepspeed" in missing("deepspeed", accelerate_config=str(path))
    path.write_text("just words\n")
    assert "no configuration of Accelerate" in missing(accelerate_config=str(path))
