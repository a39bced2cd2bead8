from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assistant.errors import BadDataset
from eval import metrics
from eval.compare import Verdict, compare, compare_all
from eval.results import Results, read, write
from eval.verdicts import judge
from tests.eval.made import grouped, made


def test_what_is_said_of_two_evaluations(tmp_path: Path) -> None:
    before = made(tmp_path / "a", [1.0, 0.0] * 100)
    after = made(tmp_path / "b", [1.0, 1.0] * 90 + [0.0, 0.0] * 10)
    (found,) = compare(before, after)
    assert (found.task, found.before, found.after, found.samples) == ("sums", 0.5, 0.9, 200)
    assert found.verdict is Verdict.REAL and found.better
    assert found.told().startswith("Real: +0.400 [+0.3")
    assert len(found.flips) == 100
    first = found.flips[0]
    assert (first.asked, first.right, first.before, first.after) == ("What is 1?", "right", "wrong", "right")
    (back,) = compare(after, before)
    assert not back.better and "worse" in back.told()


def test_too_few_samples_say_how_many_more(tmp_path: Path) -> None:
    before, after = made(tmp_path / "a", [1.0, 0.0] * 20), made(tmp_path / "b", [1.0, 0.0] * 17 + [1.0, 1.0] * 3)
    (found,) = compare(before, after)
    assert found.verdict is Verdict.TOO_FEW
    assert f"take {found.needed:,} more" in found.told()
    assert 50 < found.needed < 200


def test_bits_are_bits_and_a_perplexity_is_told_by_its_logarithm(tmp_path: Path) -> None:
    """Texts of 10 bytes that cost 20 bits before and 15 after: half a bit a byte, 0.347 nats."""
    found: list[Results] = []
    for name, bits in (("a", 20.0), ("b", 15.0)):
        figures = {"bits_per_byte,none": bits / 10, "byte_perplexity,none": 2 ** (bits / 10)}
        pair = [-bits * math.log(2), 10]
        rows = [
            {"doc_id": n, "doc_hash": f"h{n}", "arguments": [[f"text {n}"]], "filtered_resps": [""], "filter": "none"}
            | {"target": "", "bits_per_byte": pair, "byte_perplexity": pair}
            for n in range(40)
        ]
        packed = {"results": {"t": figures}, "higher_is_better": {"t": dict.fromkeys(("bits_per_byte",), False)}}
        (tmp_path / name).mkdir()
        found.append(write(tmp_path / name, {**packed, "n-samples": {"t": {"effective": 40}}}, {"t": rows}))
    told = {each.metric: each.told() for each in compare(*found)}
    assert "Real: -0.500 [-0.500, -0.500]" in told["bits_per_byte,none"] and "p < 0.0001" in told["bits_per_byte,none"]
    assert "-0.347 nats [" in told["byte_perplexity,none"]


def test_several_are_set_beside_the_first_and_must_be_surer(tmp_path: Path) -> None:
    """Ten flips to none have p = 0.002, five 0.06; among thirty comparisons the first is not enough either."""
    before = made(tmp_path / "a", [1.0] * 100 + [0.0] * 100, model="base")
    little = made(tmp_path / "b", [1.0] * 110 + [0.0] * 90, model="one")
    much = made(tmp_path / "c", [1.0] * 150 + [0.0] * 50, model="two")
    first, second = compare_all([before, little, much])
    assert (first.candidate, second.candidate) == ("one (2)", "two (3)")
    assert first.told().startswith("one (2): Real: +0.050") and second.told().startswith("two (3): Real: +0.250")
    assert compare_all([before, much])[0].told().startswith("Real:") and compare_all([before]) == []
    many = compare_all([before, *[little] * 30])
    assert {each.verdict for each in many} == {Verdict.TOO_FEW}


def test_a_copy_of_the_figures_alone_cannot_be_compared(tmp_path: Path) -> None:
    one, other = made(tmp_path / "a", [1.0] * 5), made(tmp_path / "b", [1.0] * 5)
    copy = tmp_path / "copy.json"
    copy.write_bytes(other.path.read_bytes())
    with pytest.raises(BadDataset, match=r"copy.json has figures, but not the answers"):
        compare(one, read(copy))


def test_only_the_same_questions_are_compared(tmp_path: Path) -> None:
    one, other = made(tmp_path / "a", [1.0] * 5), made(tmp_path / "b", [1.0] * 5, task="others")
    with pytest.raises(BadDataset, match="no question in common"):
        compare(one, other)


def test_one_that_shares_no_question_costs_the_others_nothing(tmp_path: Path) -> None:
    first, unlike, last = (
        made(tmp_path / name, [1.0] * hits + [0.0] * (100 - hits), model=name, task=task)
        for name, hits, task in (("a", 40, "sums"), ("b", 50, "others"), ("c", 80, "sums"))
    )
    missed: list[str] = []
    (found,) = compare_all([first, unlike, last], missed.append)
    assert found.told().startswith("c (3): Real: +0.400")
    assert missed == ["b (2) is not compared: a and b have no question in common."]
    assert found.p == compare(first, last)[0].p
    with pytest.raises(BadDataset, match="a and b have no question in common"):
        compare_all([first, unlike, unlike])


@pytest.mark.parametrize(
    ("before", "after", "better", "worse"),
    [
        pytest.param(0.5, 0.2, False, True, id="as far away on the other side"),
        pytest.param(0.9, 0.6, True, False, id="nearer"),
        pytest.param(0.8, 0.2, False, False, id="across"),
    ],
)
def test_a_share_of_stereotypes_is_best_at_a_half(
    before: float, after: float, better: bool, worse: bool, tmp_path: Path
) -> None:
    one, other = (
        made(tmp_path / str(share), [1.0] * round(200 * share) + [0.0] * round(200 * (1 - share)),
             metric="pct_stereotype", better=False)
        for share in (before, after)
    )  # fmt: skip
    (found,) = compare(one, other)
    distance = abs(after - 0.5) - abs(before - 0.5)
    assert found.difference == pytest.approx(distance) and "in its distance from 0.5" in found.told()
    assert (found.verdict is Verdict.REAL) is (better or worse)
    assert (found.better, found.worse) == (better, worse)


@pytest.mark.parametrize("figure", [1.5, 0.5])
def test_bits_above_one_are_no_percentages(figure: float, tmp_path: Path) -> None:
    """A quarter of a bit this way and that is more than anybody would call noise."""
    noise = np.random.default_rng(9).normal(0, 0.25, 60)
    both = [figure] * 60, list(figure + noise - noise.mean())
    before, after = (
        made(tmp_path / str(place), bits, metric="bits_per_byte", better=False) for place, bits in enumerate(both)
    )
    (found,) = compare(before, after)
    assert found.verdict is Verdict.TOO_FEW and found.needed > 1000


def translations(folder: Path, said: list[str], right: list[str], *, own_bleu: float | None = None) -> Results:
    """Of a task of the assistant's: a figure of all texts, which has no share in any one."""
    rows: list[dict[str, Any]] = [
        {"doc_id": place, "doc_hash": f"h{place}", "target": target, "filtered_resps": [text], "filter": "none"}
        | {"arguments": [["?"]], "chrf": metrics.sentence_chrf(text, target)}
        for place, (text, target) in enumerate(zip(said, right, strict=True))
    ]
    bleu = metrics.bleu(said, right) if own_bleu is None else own_bleu
    figures = {"bleu,none": bleu, "chrf,none": metrics.chrf(said, right)}
    folder.mkdir()
    return write(folder, {"results": {"t": figures}, "n-samples": {"t": {"effective": len(said)}}}, {"t": rows})


def test_figures_of_all_texts_together(tmp_path: Path) -> None:
    random = np.random.default_rng(10)
    words = ["boats", "gulls", "dawn", "shore", "harbour", "weather"]
    right = [" ".join(random.choice(words, size=10)) for _ in range(120)]

    def said(changed: float) -> list[str]:
        draw = np.random.default_rng(11)
        return [" ".join("rain" if draw.random() < changed else word for word in each.split()) for each in right]

    before, after = translations(tmp_path / "a", said(0.5), right), translations(tmp_path / "b", said(0.2), right)
    found = {each.metric: each for each in compare(before, after)}
    assert found.keys() == {"bleu,none", "chrf,none"}
    for each in found.values():
        assert each.difference == pytest.approx(each.after - each.before) and each.verdict is Verdict.REAL
    assert found["chrf,none"].flips and not found["bleu,none"].flips  # BLEU is none of one text
    other = translations(tmp_path / "c", said(0.2), right, own_bleu=50.0)
    assert [each.metric for each in compare(before, other)] == ["chrf,none"]  # reckoned from other texts


def test_a_group_has_a_verdict_as_a_whole(tmp_path: Path) -> None:
    """Three parts of unlike sizes; the one that is counted by samples, the other by parts."""
    random = np.random.default_rng(12)
    sizes = {"a": 300, "b": 60, "c": 30}
    hits = {name: (random.random(size) < 0.5).astype(float) for name, size in sizes.items()}
    after = {name: np.where(random.random(len(own)) < 0.4, 1.0, own) for name, own in hits.items()}
    for by_size in (True, False):
        one, other = (
            grouped(tmp_path / f"{side} {by_size}", {name: list(own) for name, own in some.items()}, by_size=by_size)
            for side, some in (("before", hits), ("after", after))
        )
        found = {each.task: each for each in compare(one, other)}
        assert list(found) == ["all", "some", "a", "b", "c"]
        whole = found["all"]
        assert whole.difference == pytest.approx(whole.after - whole.before)
        assert (whole.samples, whole.verdict, whole.parts) == (390, Verdict.REAL, 0)
        assert len(whole.flips) == sum(int((after[name] != own).sum()) for name, own in hits.items())
        changes = np.concatenate([after[name] - own for name, own in hits.items()])
        if by_size:  # MMLU's: as if all were one task
            assert whole.p == judge(changes.tolist()).p
        assert {each.parts for name, each in found.items() if name != "all"} == {4}


def test_of_many_parts_of_a_group_one_must_be_the_surer(tmp_path: Path) -> None:
    """Nine flips to none have p = 0.004: real alone, and not as the largest of twenty."""
    parts = {f"part {place:02}": [1.0] * 50 + [0.0] * 50 for place in range(20)}
    alone = made(tmp_path / "alone", parts["part 00"]), made(tmp_path / "alone too", [1.0] * 59 + [0.0] * 41)
    assert compare(*alone)[0].verdict is Verdict.REAL
    before = grouped(tmp_path / "a", parts, by_size=True)
    after = grouped(tmp_path / "b", {**parts, "part 00": [1.0] * 59 + [0.0] * 41}, by_size=True)
    found = {each.task: each for each in compare(before, after)}
    part = found["part 00"]
    assert part.p == pytest.approx(2 / 2**9) and part.verdict is Verdict.TOO_FEW
    assert part.told().startswith("Too few samples for one of 21 parts: +0.090") and part.needed > 30
    more = grouped(tmp_path / "c", {**parts, "part 00": [1.0] * 80 + [0.0] * 20}, by_size=True)
    told = {each.task: each.told() for each in compare(before, more)}["part 00"]
    assert told.startswith("Real: +0.300") and "better (p < 0.0001, one of 21 parts)" in told


def test_what_gives_no_numbers(tmp_path: Path) -> None:
    """A model that has come apart, and one that does on some samples."""
    before = made(tmp_path / "a", [1.5] * 20, metric="bits_per_byte", better=False)
    apart = made(tmp_path / "b", [math.nan] * 20, metric="bits_per_byte", better=False, model="apart")
    with pytest.raises(BadDataset, match="apart has figures that are no numbers"):
        compare(before, apart)
    partly = made(tmp_path / "c", [1.5] * 15 + [math.nan] * 5, metric="bits_per_byte", better=False)
    (found,) = compare(before, partly)
    assert found.samples == 15 and found.told().endswith("5 samples gave no number.")


def test_a_row_that_is_there_twice_is_paired_twice(tmp_path: Path) -> None:
    """A text that stands twice in a corpus counts twice in its BLEU."""
    right = ["the boats come in at dawn", "the gulls know it well"] * 20
    one, other = (
        translations(tmp_path / name, [each.replace(word, "rain") for each in right], right)
        for name, word in (("a", "the"), ("b", "know"))
    )
    for folder in (one, other):
        path = folder.path.parent / "samples_t.jsonl"
        rows = [{**row, "doc_hash": row["target"]} for row in folder.samples("t")]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert {each.metric: each.samples for each in compare(one, other)} == {"bleu,none": 40, "chrf,none": 40}
