"""What is found in bad training data, in twenty ways of being bad, each with its rows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from assistant.errors import BadDataset
from finetune.lint import Report, cleaned, lint

GOOD = [{"text": f"The {n}th parcel came on time, and the box was whole.", "label": "ab"[n % 2]} for n in range(40)]


def written(path: Path, rows: Sequence[Any]) -> Path:
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows), "utf-8")
    return path


def found(report: Report, about: str) -> list[tuple[str, tuple[int, ...], bool]]:
    return [(each.said, each.rows, each.dropped) for each in report.findings if each.about == about]


def test_good_rows_are_kept_and_nothing_is_said(tmp_path: Path) -> None:
    report = lint(written(tmp_path / "a.jsonl", GOOD))
    assert (report.rows, report.kept, report.findings) == (40, tuple(range(1, 41)), ())
    assert (report.labels, report.methods) == ({"a": 20, "b": 20}, ("classifier",))
    assert list(cleaned(tmp_path / "a.jsonl", report)) == GOOD


@pytest.mark.parametrize(
    ("bad", "about", "said"),
    [
        ("{broken", "unusable", "not JSON"),
        ("[1, 2]", "unusable", "not a JSON object"),
        ({"text": "", "label": "a"}, "unusable", "text is empty"),
        ({"text": None, "label": "a"}, "unusable", "text is empty"),
        ({"text": ["a"], "label": "a"}, "unusable", "text is no text"),
        ({"label": "a"}, "unusable", "text is empty"),
        ({"text": "No label."}, "unusable", "label is empty"),
        ({"text": "THE  0th parcel came on time, and the box was whole.", "label": "a"}, "duplicates", "earlier row"),
    ],
)
def test_rows_that_cannot_be_trained_on_are_left_out(tmp_path: Path, bad: Any, about: str, said: str) -> None:
    path = written(tmp_path / "a.jsonl", [*GOOD[:20], bad, *GOOD[20:]])
    report = lint(path)
    ((told, rows, dropped),) = found(report, about)
    assert (said in told, rows, dropped) == (True, (21,), True)
    assert (report.rows, len(report.kept), 21 in report.kept) == (41, 40, False)
    assert list(cleaned(path, report)) == GOOD


@pytest.mark.parametrize(
    ("odd", "about", "said"),
    [
        ({"text": GOOD[0]["text"], "label": "b"}, "contradictions", "another label"),
        ({"text": "Das CafÃ© war geschlossen.", "label": "a"}, "encoding", "wrong encoding"),
        ({"text": "Lost: caf\ufffd.", "label": "a"}, "encoding", "wrong encoding"),
        ({"text": "Write to jane.doe@mail.example.", "label": "a"}, "personal data", "e-mail"),
        ({"text": "Call +49 171 555 0199 now.", "label": "a"}, "personal data", "telephone"),
        ({"text": "I paid with 4111 1111 1111 1111.", "label": "a"}, "personal data", "card"),
        ({"text": "Send it to DE89 3704 0044 0532 0130 00.", "label": "a"}, "personal data", "IBAN"),
        ({"text": "It runs on 192.168.0.17 here.", "label": "a"}, "personal data", "IPv4"),
        ({"text": "A rare one.", "label": "c"}, "labels", "'c' has too few rows"),
        ({"text": "A variant.", "label": "A"}, "labels", "'A' looks like 'a'"),
    ],
)
def test_rows_to_look_at_are_kept(tmp_path: Path, odd: dict[str, Any], about: str, said: str) -> None:
    report = lint(written(tmp_path / "a.jsonl", [*GOOD, odd]))
    assert any(said in told and rows == (41,) and not dropped for told, rows, dropped in found(report, about))
    assert 41 in report.kept


def test_sixteen_digits_that_are_no_card_are_not_told(tmp_path: Path) -> None:
    rows = [{"text": "Order 4111 1111 1111 1112 and 0000 0000 0000 0000.", "label": "a"}]
    assert found(lint(written(tmp_path / "a.jsonl", [*GOOD, *rows])), "personal data") == []


def test_rows_of_the_test_file_are_left_out(tmp_path: Path) -> None:
    tests = written(tmp_path / "t.jsonl", [{"text": GOOD[3]["text"].upper(), "label": "b"}, "{broken"])
    report = lint(written(tmp_path / "a.jsonl", GOOD), tests=tests)
    assert found(report, "leaks") == [("stands in the test file too", (4,), True)] and 4 not in report.kept


def test_a_preference_for_nothing_is_left_out(tmp_path: Path) -> None:
    rows = [{"prompt": f"Question {n}?", "chosen": f"Yes, {n}.", "rejected": "No."} for n in range(10)]
    report = lint(written(tmp_path / "a.jsonl", [*rows, {"prompt": "Q?", "chosen": "No.", "rejected": " no. "}]))
    assert found(report, "says nothing") == [("chosen and rejected are the same", (11,), True)]


def test_uneven_labels_and_other_languages_are_told(tmp_path: Path) -> None:
    german = [
        {"text": f"Das Paket Nummer {n} kam gestern pünktlich und unbeschädigt an.", "label": "a"} for n in range(9)
    ]
    rows = [{**row, "label": "a"} for row in GOOD] + german
    report = lint(written(tmp_path / "a.jsonl", rows))
    assert [rows for said, rows, _ in found(report, "languages") if "German" in said] == [tuple(range(41, 50))]
    assert ["saying nothing else" in said for said, *_ in found(report, "labels")] == [True]


def test_long_rows_are_counted_in_tokens(tmp_path: Path) -> None:
    long = {"text": "word " * 300, "label": "a"}
    report = lint(written(tmp_path / "a.jsonl", [*GOOD, long]), count=lambda text: len(text.split()), most=200)
    assert [rows for _, rows, _ in found(report, "too long")] == [(41,)]


@pytest.mark.parametrize(
    ("short", "long"),
    [
        (
            {"prompt": "a b", "chosen": "c d e", "rejected": "f g h"},
            {"prompt": "a b", "chosen": "c", "rejected": "d " * 4},
        ),
        ({"source": "a b c d", "target": "e f g h"}, {"source": "a", "target": "b c d e f g"}),
        ({"prompt": "a b c d"}, {"prompt": "a b c d e f"}),
        ({"prompt": "a b", "completion": "c d e"}, {"prompt": "a b c", "completion": "d e f"}),
    ],
)
def test_what_is_read_by_itself_is_counted_by_itself(tmp_path: Path, short: Any, long: Any) -> None:
    """Two answers to one question are two rows for a model, a text and its translation too."""
    path = written(tmp_path / "a.jsonl", [short, long])
    report = lint(path, count=lambda text: len(text.split()), most=5)
    assert [rows for _, rows, _ in found(report, "too long")] == [(2,)]


def test_a_finding_names_every_row(tmp_path: Path) -> None:
    report = lint(written(tmp_path / "a.jsonl", [*GOOD, *GOOD]))
    (finding,) = report.findings
    assert (finding.count, finding.rows) == (40, tuple(range(41, 81)))


def test_questions_alone_are_told_apart_by_what_they_ask(tmp_path: Path) -> None:
    rows = [{"prompt": f"What is {n}?", "level": n} for n in range(4)]
    report = lint(written(tmp_path / "a.jsonl", [*rows, {"prompt": "what is  2?", "level": 9}]))
    assert (report.methods, report.kept) == (("rlhf",), (1, 2, 3, 4))
    assert found(report, "duplicates") == [("the same as an earlier row", (5,), True)]


def test_an_empty_answer_at_the_end_of_a_transcript_is_left_out(tmp_path: Path) -> None:
    asked = "\n\nHuman: Why?\n\nAssistant: "
    rows = [{"chosen": f"{asked}Because {n}.", "rejected": f"{asked}No."} for n in range(3)]
    report = lint(written(tmp_path / "a.jsonl", [*rows, {"chosen": f"{asked}So.", "rejected": asked}]))
    assert found(report, "unusable") == [("rejected ends without an answer of its own", (4,), True)]


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.jsonl", b"", "empty"),
        ("a.jsonl", b"{broken\n{broken\n", r"No row of a\.jsonl can be used: it is not JSON.*\(row 1\)"),
        ("a.csv", b"text,text\na,b\n", "Two columns"),
        ("a.json", b"not json", "not JSON"),
        ("a.parquet", b"PAR1", "a.parquet"),
        ("a.csv", bytes(range(256)) * 64, "a.csv"),
        ("a.csv", b"one,two\n1,2\n", "one, two"),
    ],
)
def test_a_file_that_is_none_is_told(tmp_path: Path, name: str, data: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(BadDataset, match=said):
        lint(tmp_path / name)
