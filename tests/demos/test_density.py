"""The mixture that codes of a VAE are drawn from."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from demos import density
from demos.errors import NoData


def test_draws_have_the_mean_and_the_spread_of_the_codes() -> None:
    generator = torch.Generator().manual_seed(0)
    turned = torch.tensor([[2.0, 0.0], [1.5, 0.5]])
    here, there = torch.randn(2, 3000, 2, generator=generator)
    codes = torch.cat([here @ turned.T + 10, there * 0.1 - 10])
    found = density.fitted(codes)
    drawn = found.draw(6000, generator)
    assert torch.allclose(drawn.mean(0), codes.mean(0), atol=0.5)
    assert torch.allclose(torch.cov(drawn.T), torch.cov(codes.T), rtol=0.05)
    near = drawn[drawn[:, 0] < 0]
    assert near.std(0).tolist() == pytest.approx([0.1, 0.1], rel=0.2)  # nothing between the two
    assert abs(len(near) / len(drawn) - 0.5) < 0.05


def test_too_few_codes_leave_the_prior() -> None:
    found = density.fitted(torch.full((density.LEAST - 1, 4), 7.0))
    drawn = found.draw(5000, torch.Generator().manual_seed(0))
    assert drawn.mean().abs() < 0.05 and torch.allclose(torch.cov(drawn.T), torch.eye(4), atol=0.1)


def test_codes_that_are_all_the_same_can_be_drawn() -> None:
    drawn = density.fitted(torch.ones(200, 3)).draw(100, torch.Generator())
    assert drawn.isfinite().all() and (drawn - 1).abs().max() < 1


def test_it_is_kept_beside_the_weights(tmp_path: Path) -> None:
    found = density.fitted(torch.randn(500, 3))
    found.keep(tmp_path)
    read = density.read(tmp_path, 3)
    assert {each.dtype for each in load_file(tmp_path / density.FILE).values()} == {torch.float16}
    assert read.means.dtype == torch.float32
    one, same = (each.draw(5, torch.Generator().manual_seed(1)) for each in (found, read))
    assert torch.allclose(one, same, atol=1e-2)
    one, same = (each.factors @ each.factors.mT for each in (found, read))  # the covariances
    assert torch.allclose(one, same, rtol=2e-3, atol=1e-4) and torch.linalg.eigvalsh(same).min() > 0
    assert torch.equal(
        density.read(tmp_path / "none", 3).factors, torch.eye(3)[None]
    )  # weights of before there was one
    (tmp_path / density.FILE).write_bytes(b"\x00" * 20)
    with pytest.raises(NoData, match="cannot be used"):
        density.read(tmp_path, 3)


def test_a_component_has_codes_enough_for_its_dimensions() -> None:
    assert len(density.fitted(torch.randn(600, 30)).weights) == 5
    assert len(density.fitted(torch.randn(density.LEAST, 30)).weights) == 1


def test_older_files_with_whole_matrices_are_read(tmp_path: Path) -> None:
    found = density.fitted(torch.randn(500, 3))
    save_file({name: each.half() for name, each in vars(found).items()}, tmp_path / density.FILE)
    assert torch.equal(density.read(tmp_path, 3).factors, found.factors.half().float())
