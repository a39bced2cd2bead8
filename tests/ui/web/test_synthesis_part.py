"""What the page asks of the model that writes rows."""

from __future__ import annotations

from pathlib import Path

from finetune.synthesis import Wanted
from ui.web.synthesis_part import wanted_of


def test_the_page_has_what_the_command_has() -> None:
    said = ("mails", "billing=invoices, refunds; repair=phones", 12, "some.csv", "tests.csv", "a", "b", True, 3)
    labels = ("billing=invoices, refunds", "repair=phones")
    assert wanted_of(*said) == Wanted(
        "mails", 12, labels, Path("some.csv"), Path("tests.csv"), "a", "b", agreed_only=True, seed=3
    )


def test_what_was_left_alone_or_emptied_is_nothing() -> None:
    assert wanted_of("mails", "", None, None, None, None, "", False, None) == Wanted("mails", 0)
    assert wanted_of("mails", "", 5) == Wanted("mails", 5)
