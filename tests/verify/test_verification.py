"""Only what passed both proofs becomes a verified scheme, and nothing else can make one."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from dataclasses import FrozenInstanceError
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdiscover import __version__
from mmdiscover.core.format import Format
from mmdiscover.core.ring import Ring
from mmdiscover.core.scheme import Scheme, canonical_form, content_hash
from mmdiscover.core.symmetry import rescale, sandwich
from mmdiscover.core.verified import SEAL, Certificate, VerifiedScheme
from mmdiscover.errors import InputError
from mmdiscover.verify import check_brent, symbolic, verify, verify_readings
from tests.schemes import classical, laderman, strassen
from tests.strategies import arbitrary_schemes, known_schemes

PASSED = {"brent": True, "symbolic": True}


def certificate(scheme: Scheme, **checks: bool) -> Certificate:
    return Certificate(content_hash(scheme), checks, {})


@given(known_schemes)
def test_right_schemes_are_verified(scheme: Scheme) -> None:
    verdict = verify(scheme)
    assert verdict.ok
    assert verdict.reason is None
    assert dict(verdict.checks) == PASSED
    assert verdict.verified is not None
    assert verdict.verified.scheme == canonical_form(scheme)
    assert verdict.verified.hash == content_hash(scheme)


@given(arbitrary_schemes())
def test_wrong_schemes_are_not(scheme: Scheme) -> None:
    verdict = verify(scheme)
    assert verdict.ok == bool(verdict.verified) == (verdict.reason is None) == all(verdict.checks.values())


def test_too_few_products_are_refused_before_anything_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mmdiscover.verify.verification.check_brent", lambda _: pytest.fail("must not be called"))
    fmt = Format(60, 50, 40)
    u, v, w = (np.ones((rows, 2), dtype=int) for rows in fmt.shape)
    verdict = verify(Scheme(fmt, u, v, w))
    assert not verdict.ok
    assert dict(verdict.checks) == {"brent": False}
    assert verdict.reason == "rank is 2, expected at least 3000, the rank of a flattening of the tensor"


def test_a_wrong_scheme_is_explained() -> None:
    w = strassen().w.copy()
    w[0, 0] = 0
    verdict = verify(strassen().with_arrays(Format(2, 2, 2), [strassen().u, strassen().v, w]))
    assert not verdict.ok
    assert verdict.verified is None
    assert dict(verdict.checks) == {"brent": False}
    # (a11 + a22)(b11 + b22) is missing in c11: four coefficients are wrong.
    assert verdict.reason == "4 of 64 Brent equations are violated: the coefficient of a1,1 · b1,1 in c1,1 is not 1"


def test_what_only_one_proof_accepts_is_not_verified(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(symbolic, "check_symbolic", lambda _: "c1,1 expands to something else")
    verdict = verify(strassen())
    assert not verdict.ok
    assert verdict.reason == "c1,1 expands to something else"
    assert dict(verdict.checks) == {"brent": True, "symbolic": False}


def test_the_certificate_says_what_ran() -> None:
    verified = verify(laderman()).verified
    assert verified is not None
    assert verified.certificate.scheme_hash == content_hash(laderman())
    assert dict(verified.certificate.checks) == PASSED
    assert verified.certificate.versions["mmdiscover"] == __version__
    assert sorted(verified.certificate.versions) == ["mmdiscover", "numpy", "python", "sympy"]
    assert all(version[0].isdigit() for version in verified.certificate.versions.values())


def test_the_ring_is_that_of_the_canonical_form() -> None:
    verified = verify(rescale(strassen(), *[np.array([Fraction(1, 3)] * 7)] * 2)).verified
    assert verified is not None
    assert verified.ring is Ring.ZT


def test_modulo_two_is_verified_as_such() -> None:
    u, v, w = (np.abs(x) for x in strassen().arrays)
    assert not verify(Scheme(Format(2, 2, 2), u, v, w)).ok
    verified = verify(Scheme(Format(2, 2, 2), u, v, w, modulus=2)).verified
    assert verified is not None
    assert verified.ring is Ring.Z2


def modulo_two() -> Scheme:
    u, v, w = (np.abs(x) for x in strassen().arrays)
    return Scheme(Format(2, 2, 2), u, v, w, modulus=2)


def wrong(modulus: int = 0) -> Scheme:
    return Scheme(Format(2, 2, 2), strassen().u, strassen().v, strassen().w * 0, modulus)


class TestReadings:
    def test_the_first_that_is_valid_is_meant(self) -> None:
        for readings in ((strassen(),), (wrong(), strassen()), (strassen(), wrong()), (wrong(), wrong(2), strassen())):
            scheme, verdict = verify_readings(readings)
            assert scheme is next(x for x in readings if verify(x).ok)
            assert verdict.verified is not None
            assert verdict.verified.hash == content_hash(strassen())

    def test_modulo_two_comes_last(self) -> None:
        exact = Scheme(Format(2, 2, 2), *modulo_two().arrays)
        scheme, verdict = verify_readings((exact, modulo_two()))
        assert verdict.ok
        assert scheme.ring is Ring.Z2

    def test_none_is_valid(self) -> None:
        scheme, verdict = verify_readings((wrong(), wrong(2)))
        assert not verdict.ok
        assert scheme == wrong()
        assert verdict.reason == verify(wrong()).reason

    def test_what_holds_modulo_two_is_refused_where_more_is_promised_and_told(self) -> None:
        exact = Scheme(Format(2, 2, 2), *modulo_two().arrays)
        _, verdict = verify_readings((exact,))
        assert not verdict.ok
        assert verdict.reason == f"{verify(exact).reason}; it holds modulo 2, but that is not what the file says"
        assert dict(verdict.checks) == {"brent": False}
        for other in (wrong(), rescale(exact, np.array([Fraction(1, 2)] * 7), np.array([3] * 7))):
            assert verify_readings((other,))[1].reason == verify(other).reason
        cut = exact.with_arrays(Format(2, 2, 2), [x[:, :3] for x in exact.arrays])
        assert "expected at least 4" in str(verify_readings((cut,))[1].reason)


def test_entries_too_long_to_be_stored_are_refused_before_anything_is_computed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mmdiscover.verify.verification.check_brent", lambda _: pytest.fail("must not be called"))
    one = classical(Format(1, 1, 1))
    for entry in (10**200, Fraction(1, 10**199 + 1), 10**5000):
        scheme = Scheme(one.format, one.u, one.v, np.array([[entry]], dtype=object))
        with pytest.raises(InputError, match=r"w\[0\]\[0\] is too long .* at most 200 characters"):
            verify(scheme)


def test_entries_that_grow_too_long_in_the_canonical_form_are_refused() -> None:
    # Valid, with entries of 121 digits at most, but u becomes integral by a factor of 240.
    shears = [np.array([[1, Fraction(1, 10**60 + odd)], [0, 1]], dtype=object) for odd in (7, 9, 33)]
    scheme = sandwich(strassen(), *shears)
    assert check_brent(scheme).holds
    with pytest.raises(InputError, match="too long to be read again, expected at most 200 characters"):
        verify(scheme)


@pytest.mark.parametrize("seal", [None, object(), True, "SEAL"], ids=["none", "another", "true", "name"])
def test_nobody_else_makes_a_verified_scheme(seal: Any) -> None:
    with pytest.raises(TypeError, match=r"is made by mmdiscover\.verify\.verify only"):
        VerifiedScheme(strassen(), certificate(strassen(), **PASSED), seal)


def test_a_verified_scheme_does_not_survive_pickling() -> None:
    for copied in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="a VerifiedScheme is not pickled"):
            copied(verify(strassen()).verified)


@pytest.mark.parametrize(
    "checks", [{}, {"brent": True, "symbolic": False}, {"brent": False}], ids=["none", "one", "failed"]
)
def test_no_seal_without_passed_checks(checks: dict[str, bool]) -> None:
    with pytest.raises(TypeError, match="a verified scheme has passed its checks"):
        VerifiedScheme(strassen(), certificate(strassen(), **checks), SEAL)


def test_no_certificate_for_another_scheme() -> None:
    with pytest.raises(TypeError, match="the certificate belongs to another scheme"):
        VerifiedScheme(strassen(), certificate(laderman(), **PASSED), SEAL)


def test_verdicts_and_verified_schemes_cannot_be_changed() -> None:
    verdict = verify(strassen())
    assert verdict.verified is not None
    with pytest.raises(FrozenInstanceError):
        verdict.verified.scheme = classical(Format(2, 2, 2))  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        verdict.reason = None  # type: ignore[misc]
    checks: Any = verdict.checks
    with pytest.raises(TypeError):
        checks["brent"] = False


def test_sympy_is_loaded_only_for_schemes_that_pass_the_first_proof() -> None:
    probe = "from mmdiscover.verify import check_brent; import sys; assert 'sympy' not in sys.modules"
    subprocess.run([sys.executable, "-c", probe], check=True, timeout=60)


@given(st.data())
def test_equal_hash_means_equal_verdict(data: st.DataObject) -> None:
    scheme = data.draw(arbitrary_schemes())
    assert verify(canonical_form(scheme)).ok == verify(scheme).ok
