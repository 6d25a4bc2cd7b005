"""Lattices against one dense sum."""

from __future__ import annotations

import numpy as np
import pytest

from mmdiscover.decompositions.networks.contraction import contraction_cost
from mmdiscover.decompositions.networks.peps import PEPS, random_peps


def test_two_by_two() -> None:
    lattice = random_peps(2, 2, 2, 3, seed=1)
    (a, b), (c, d) = lattice.cores
    # Up, left, down, right, mode: a and b share h, a and c share v, b and d share w, c and d share g.
    expected = np.einsum("xyvhi,zhwtj,vpqgk,wgrsl->ijkl", a, b, c, d)
    np.testing.assert_allclose(lattice.to_full(), expected, rtol=1e-12)
    assert lattice.parameters == 4 * 2 * 9
    assert lattice.sides == (2, 2)


@pytest.mark.parametrize("dtype", [np.float64, np.complex128])
def test_inner_products(dtype: type) -> None:
    one, other = random_peps(3, 3, 2, 2, seed=2, dtype=dtype), random_peps(3, 3, 2, 3, seed=3, dtype=dtype)
    full, second = one.to_full(), other.to_full()
    assert full.shape == one.shape == (2,) * 9
    np.testing.assert_allclose(one.inner(other), np.vdot(full, second), rtol=1e-10)
    np.testing.assert_allclose(one.norm(), np.linalg.norm(full), rtol=1e-10)


def test_the_cost_of_an_inner_product_is_known_beforehand() -> None:
    lattice = random_peps(4, 4, 2, 2, seed=4)
    cost = lattice.inner_cost(lattice)
    naive = lattice.inner_cost(lattice, optimizer="at once")
    assert cost.flops < 1e-6 * naive.flops
    # Column by column, the frontier has 2·4 edges of size 2, and never more than a few others.
    assert cost.largest_intermediate <= 2**14
    np.testing.assert_allclose(
        lattice.inner(lattice, optimizer=cost.path), lattice.inner(lattice, optimizer="left to right"), rtol=1e-10
    )
    assert cost.flops < contraction_cost(lattice.to_network()).flops


def test_one_row_is_a_train() -> None:
    lattice = random_peps(1, 4, 3, 2, seed=5)
    cores = [core[0, :, 0].transpose(0, 2, 1) for core in lattice.cores[0]]
    expected = np.einsum("aib,bjc,ckd,dle->ijkl", *cores)
    np.testing.assert_allclose(lattice.to_full(), expected, rtol=1e-12)
    assert PEPS(((np.ones((1, 1, 1, 1, 3)),),)).to_full().tolist() == [1, 1, 1]


def test_wrong_cores() -> None:
    core = np.ones((1, 1, 1, 1, 2))
    with pytest.raises(
        ValueError, match=r"cores has rows of \[2, 1\] sites, expected at least one row, all equally long"
    ):
        PEPS(((core, core), (core,)))
    with pytest.raises(ValueError, match=r"cores has rows of \[\] sites"):
        PEPS(())
    with pytest.raises(
        ValueError,
        match=r"cores\[0\]\[0\] has sizes \(1, 1, 1, 2\) up, left, down and right, expected \(1, 1, 1, 1\)",
    ):
        PEPS(((np.ones((1, 1, 1, 2, 2)),),))
    with pytest.raises(ValueError, match=r"cores\[0\]\[1\] has sizes \(1, 1, 1, 1\)"):
        PEPS(((np.ones((1, 1, 1, 2, 2)), core),))
    with pytest.raises(ValueError, match=r"other has sides \(1, 2\), expected \(2, 1\)"):
        random_peps(2, 1, 2, 2).inner(random_peps(1, 2, 2, 2))
    with pytest.raises(ValueError, match="rank is 0"):
        random_peps(2, 2, 2, 0)
