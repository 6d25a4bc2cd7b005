"""The cheap look that refuses large wrong files: it never refuses what is valid, and names an equation that fails."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given

from mmdiscover.bench import blocked_scheme
from mmdiscover.core.exact import Gaussian
from mmdiscover.core.format import Format
from mmdiscover.core.modular import PRIME, ROOT
from mmdiscover.core.scheme import Scheme
from mmdiscover.core.symmetry import rescale
from mmdiscover.errors import InputError
from mmdiscover.verify import check_brent, screening, verify
from mmdiscover.verify.screening import refute
from tests.schemes import classical, strassen
from tests.strategies import arbitrary_schemes, known_schemes

SCALES = [Fraction(-2, 3), Gaussian(Fraction(1, 2), Fraction(1, 3)), 7, Gaussian(Fraction(0), Fraction(1))]


def scaled(scheme: Scheme) -> Scheme:
    scales = np.array([SCALES[q % len(SCALES)] for q in range(scheme.rank)], dtype=object)
    return rescale(scheme, scales, scales[::-1])


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every scheme is large."""
    monkeypatch.setattr(screening, "_LARGE", 0)


@pytest.mark.usefixtures("always")
class TestLook:
    @pytest.mark.parametrize("block", [1, 5, 256])
    def test_valid_schemes_are_not_refused(self, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(screening, "_BLOCK", block)
        for scheme in (strassen(), classical(Format(2, 3, 4)), blocked_scheme(Format(4, 5, 3))):
            for same in (scheme, scaled(scheme), Scheme(scheme.format, *scheme.arrays, modulus=2)):
                assert refute(same) is None

    @given(arbitrary_schemes() | known_schemes)
    def test_what_is_refused_is_wrong(self, scheme: Scheme) -> None:
        report = check_brent(scheme)
        reason = refute(scheme)
        assert reason is None or not report.holds
        if reason is not None and "Brent" in reason:
            assert str(report.first) in reason

    @pytest.mark.parametrize("modulus", [0, 2])
    def test_one_wrong_entry_is_found_where_the_check_finds_it(self, modulus: int) -> None:
        rng = np.random.default_rng(0)
        for _ in range(50):
            arrays = [factor.copy() for factor in strassen().arrays]
            factor = arrays[rng.integers(3)]
            factor[rng.integers(4), rng.integers(7)] += 1
            u, v, w = arrays
            wrong = Scheme(Format(2, 2, 2), u, v, w, modulus)
            first = check_brent(wrong).first
            assert first is not None
            assert refute(wrong) == f"the Brent equations are violated: {first}"

    def test_only_some_rows_are_looked_at(self, monkeypatch: pytest.MonkeyPatch) -> None:
        arrays = [factor.copy() for factor in strassen().arrays]
        arrays[0][3] = 0
        wrong = strassen().with_arrays(Format(2, 2, 2), arrays)
        assert refute(wrong) is not None
        monkeypatch.setattr(screening, "_WORK", 3 * 4 * 4 * 7)
        assert refute(wrong) is None
        assert not verify(wrong).ok

    def test_numbers_that_differ_by_the_prime_are_not_told_apart(self) -> None:
        for entry in (1 + PRIME, 1 + 10**6 * PRIME, Gaussian(Fraction(1 + ROOT), Fraction(-1))):
            scheme = Scheme(Format(1, 1, 1), np.array([[entry]], dtype=object), [[1]], [[1]])
            assert refute(scheme) is None
            assert not verify(scheme).ok

    def test_denominators_that_the_prime_divides(self) -> None:
        scheme = Scheme(Format(1, 1, 1), [[PRIME]], np.array([[Fraction(1, PRIME)]], dtype=object), [[1]])
        assert refute(scheme) is None
        assert verify(scheme).ok


def test_large_wrong_schemes_are_refused_before_exact_arithmetic(monkeypatch: pytest.MonkeyPatch) -> None:
    scheme = blocked_scheme(Format(10, 10, 10))
    assert refute(scheme) is None
    w = scheme.w.copy()
    w[99, 874] += Fraction(1, 2)
    monkeypatch.setattr("mmdiscover.verify.verification.canonical_form", lambda _: pytest.fail("must not be called"))
    verdict = verify(scheme.with_arrays(scheme.format, [scheme.u, scheme.v, w]))
    assert not verdict.ok
    assert dict(verdict.checks) == {"brent": False}
    assert str(verdict.reason).startswith("the Brent equations are violated: the coefficient of a")


def test_zero_products_do_not_count() -> None:
    padded = strassen().with_arrays(
        strassen().format, [np.concatenate([x, np.zeros((4, 500), dtype=object)], axis=1) for x in strassen().arrays]
    )
    assert verify(padded).ok
    six = strassen().with_arrays(strassen().format, [x[:, :3] for x in padded.arrays])
    assert refute(six) == "rank is 3, expected at least 4, the rank of a flattening of the tensor"


def test_far_more_products_than_needed_are_refused() -> None:
    ones = np.ones((1, 103), dtype=object)
    with pytest.raises(InputError, match="rank is 103, expected at most 102: the classical algorithm has 1"):
        verify(Scheme(Format(1, 1, 1), ones, ones, ones))
    signs = ones.copy()
    signs[0, :51] = -1
    signs[0, 0] = 0
    assert verify(Scheme(Format(1, 1, 1), ones, ones, signs)).reason is not None
