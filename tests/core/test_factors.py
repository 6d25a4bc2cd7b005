"""Float factors."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from mmdiscover.core.factors import Factors
from mmdiscover.core.format import Format
from mmdiscover.errors import InputError
from tests.schemes import classical, laderman, strassen

if TYPE_CHECKING:
    from mmdiscover.core.scheme import Scheme


def as_floats(scheme: Scheme) -> Factors:
    u, v, w = (factor.astype(float) for factor in scheme.arrays)
    return Factors(scheme.format, u, v, w)


def test_an_exact_fit_has_no_residual() -> None:
    for scheme in (strassen(), laderman(), classical(Format(1, 2, 3))):
        assert as_floats(scheme).residual() == 0.0


def test_each_missing_product_of_the_classical_algorithm_costs_one() -> None:
    scheme = classical(Format(2, 1, 3))
    u, v, w = (factor[:, :4].astype(float) for factor in scheme.arrays)
    assert Factors(scheme.format, u, v, w).residual() == 2.0


def test_squared_norm_sums_all_entries() -> None:
    assert as_floats(strassen()).squared_norm() == 36.0
    assert Factors(Format(1, 1, 1), [[2.0]], [[3.0]], [[-4.0]]).squared_norm() == 29.0


def test_rank_and_arrays() -> None:
    factors = as_floats(laderman())
    assert factors.rank == 23
    assert [array.shape for array in factors.arrays] == [(9, 23)] * 3


def test_factors_are_copied_and_read_only() -> None:
    u = np.ones((1, 1))
    factors = Factors(Format(1, 1, 1), u, u, u)
    u[0, 0] = 5.0
    assert factors.u[0, 0] == 1.0
    with pytest.raises(ValueError, match="read-only"):
        factors.w[0, 0] = 2.0
    with pytest.raises(FrozenInstanceError):
        factors.u = u  # type: ignore[misc]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_entries_are_finite(bad: float) -> None:
    with pytest.raises(InputError, match="factor v of 1x1x1 has a NaN or infinite entry, expected finite numbers"):
        Factors(Format(1, 1, 1), [[1.0]], [[bad]], [[1.0]])


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (((5, 7), (4, 7), (4, 7)), r"factor u of 2x2x2 has shape \(5, 7\), expected \(4, 7\) with r >= 1"),
        (((4, 7), (4, 6), (4, 7)), r"factor v of 2x2x2 has shape \(4, 6\), expected \(4, 7\)"),
        (((4, 7), (4, 7), (4,)), r"factor w of 2x2x2 has shape \(4,\), expected \(4, 7\)"),
        (((4, 0), (4, 0), (4, 0)), r"factor u of 2x2x2 has shape \(4, 0\), expected \(4, r\) with r >= 1"),
        (((4,), (4, 7), (4, 7)), r"factor u of 2x2x2 has shape \(4,\), expected \(4, r\) with r >= 1"),
    ],
)
def test_shapes_must_meet(shapes: tuple[tuple[int, ...], ...], message: str) -> None:
    u, v, w = (np.ones(shape) for shape in shapes)
    with pytest.raises(InputError, match=message):
        Factors(Format(2, 2, 2), u, v, w)


@pytest.mark.parametrize(
    "bad", [[[1.0], [1.0, 2.0]], [["x"]], [[1j]], [[10**400]]], ids=["ragged", "text", "i", "huge"]
)
@pytest.mark.parametrize("position", [0, 1, 2])
def test_factors_are_matrices_of_real_numbers(bad: Any, position: int) -> None:
    factors: list[Any] = [[[1.0]], [[1.0]], [[1.0]]]
    factors[position] = bad
    with pytest.raises(InputError, match=f"factor {'uvw'[position]} of 1x1x1 is no matrix of real numbers: "):
        Factors(Format(1, 1, 1), *factors)
