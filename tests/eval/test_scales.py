from __future__ import annotations

import pytest

from eval.scales import allowed, ideal, scale, worth


@pytest.mark.parametrize(
    ("name", "before", "may"),
    [
        pytest.param("acc,none", 0.5, 0.01, id="from 0 to 1"),
        pytest.param("chrf,none", 0.9, 1.0, id="from 0 to 100, whatever its value"),
        pytest.param("bleu", 40.0, 1.0, id="without a filter"),
        pytest.param("bleu_acc,none", 0.5, 0.01, id="a share that is called after it"),
        pytest.param("bits_per_byte,none", 1.5, 0.01, id="bits"),
        pytest.param("word_perplexity,none", 30.0, 0.3, id="a share of what has no end"),
        pytest.param("tokens_per_second,none", 200.0, 2.0, id="speed"),
        pytest.param("first_token_seconds,none", 0.5, 0.005, id="seconds"),
    ],
)
def test_how_much_worse_a_figure_may_be(name: str, before: float, may: float) -> None:
    assert allowed(name, before, 0.01) == pytest.approx(may)


def test_what_is_good() -> None:
    assert worth("acc,none", 0.9, True) > worth("acc,none", 0.1, True)
    assert worth("load_seconds,none", 9.0, False) < worth("load_seconds,none", 1.0, False)
    assert (ideal("pct_stereotype,none"), ideal("pct_stereotype_type1,none"), ideal("acc,none")) == (0.5, 0.5, None)
    shares = [0.5, 0.55, 0.4, 0.2, 0.9]
    assert sorted(shares, key=lambda share: -worth("pct_stereotype,none", share, False)) == shares
    assert (scale("chrf,none"), scale("acc")) == (100, 1)
