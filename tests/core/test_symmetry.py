"""Symmetries keep a scheme a scheme, exact and float."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdiscover.core.factors import Factors
from mmdiscover.core.format import Format
from mmdiscover.core.scheme import Scheme, canonical_form
from mmdiscover.core.symmetry import cyclic_shift, permute, reorder, rescale, sandwich, symmetric_images, transpose
from mmdiscover.errors import InputError
from mmdiscover.verify import check_brent
from tests.schemes import classical, laderman, strassen
from tests.strategies import exact_numbers, invertible, known_schemes, rationals

SIX = ["2x3x4", "3x4x2", "4x2x3", "4x3x2", "3x2x4", "2x4x3"]


def as_floats(scheme: Scheme) -> Factors:
    u, v, w = (factor.astype(float) for factor in scheme.arrays)
    return Factors(scheme.format, u, v, w)


def modulo_two(scheme: Scheme) -> Scheme:
    return Scheme(scheme.format, scheme.u, scheme.v, scheme.w, modulus=2)


@settings(max_examples=25)
@given(known_schemes, st.data(), st.sampled_from([rationals, exact_numbers]))
def test_sandwiching_keeps_an_exact_scheme(scheme: Scheme, data: st.DataObject, entries: Any) -> None:
    p, q, s = (data.draw(invertible(size, entries)) for size in scheme.format.sizes)
    image = sandwich(scheme, p, q, s)
    assert image.format == scheme.format
    assert check_brent(image).holds


@given(known_schemes, st.integers(0, 2**32 - 1))
def test_sandwiching_keeps_a_float_fit(scheme: Scheme, seed: int) -> None:
    rng = np.random.default_rng(seed)
    # Orthogonal times a mild scaling: the condition stays below 4 and rounding far from the bound.
    p, q, s = (
        np.linalg.qr(rng.standard_normal((size, size)))[0] * rng.uniform(0.5, 2.0, size) for size in scheme.format.sizes
    )
    image = sandwich(as_floats(scheme), p, q, s)
    assert isinstance(image, Factors)
    assert image.residual() < 1e-20
    assert rescale(image, rng.uniform(0.5, 2.0, image.rank), rng.uniform(-2.0, -0.5, image.rank)).residual() < 1e-20


@given(known_schemes, st.data())
def test_sandwiching_modulo_two(scheme: Scheme, data: st.DataObject) -> None:
    p, q, s = (data.draw(invertible(size, st.integers(-3, 3))) for size in scheme.format.sizes)
    if all(round(np.linalg.det(x.astype(float))) % 2 for x in (p, q, s)):
        assert check_brent(sandwich(modulo_two(scheme), p, q, s)).holds


def test_sandwiching_acts_as_written() -> None:
    scheme = strassen()
    p, q, s = np.array([[1, 2], [0, 1]]), np.array([[1, 0], [3, 1]]), np.array([[0, 1], [1, 0]])
    image = sandwich(scheme, p, q, s)
    for k, (left, right) in enumerate([(p, q), (q, s), (s, p)]):
        for column in range(scheme.rank):
            before = scheme.arrays[k][:, column].reshape(2, 2)
            after = image.arrays[k][:, column].reshape(2, 2)
            assert (after @ right == left @ before).all()


def test_sandwiching_by_the_identity_changes_nothing() -> None:
    one = np.eye(3, dtype=int)
    assert sandwich(laderman(), one, one, one) == laderman()


def test_sandwiching_twice_is_sandwiching_by_the_product() -> None:
    x, y = np.array([[1, 2], [0, 1]]), np.array([[1, 0], [3, 1]])
    assert sandwich(sandwich(strassen(), x, y, x), y, y, x) == sandwich(strassen(), y @ x, y @ y, x @ x)


@given(known_schemes)
def test_the_six_images(scheme: Scheme) -> None:
    images = symmetric_images(scheme)
    assert images[0] == scheme
    assert sorted(image.format for image in images) == sorted(
        Format(*(scheme.format.sizes[k] for k in order))
        for order in [(0, 1, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0), (0, 2, 1), (1, 0, 2)]
    )
    for image in images:
        assert check_brent(image).holds
        assert as_floats(image).residual() == 0.0


def test_transposition_reverses_the_factors() -> None:
    scheme = classical(Format(2, 3, 4))
    image = transpose(scheme)
    assert image.format == Format(4, 3, 2)
    for q in range(scheme.rank):
        u, v, w = (x[:, q].reshape(shape) for x, shape in zip(scheme.arrays, scheme.format.matrix_shapes, strict=True))
        got = [x[:, q].reshape(shape) for x, shape in zip(image.arrays, image.format.matrix_shapes, strict=True)]
        assert all((x == y).all() for x, y in zip(got, (v.T, u.T, w.T), strict=True))


@given(known_schemes)
def test_the_group_laws(scheme: Scheme) -> None:
    assert transpose(transpose(scheme)) == scheme
    assert cyclic_shift(cyclic_shift(cyclic_shift(scheme))) == scheme
    assert transpose(cyclic_shift(scheme)) == cyclic_shift(cyclic_shift(transpose(scheme)))
    floats = as_floats(scheme)
    assert (transpose(transpose(floats)).u == floats.u).all()


@pytest.mark.parametrize("text", SIX)
def test_any_order_of_a_format_can_be_had(text: str) -> None:
    image = permute(classical(Format(2, 3, 4)), Format.parse(text))
    assert image.format == Format.parse(text)
    assert canonical_form(image) == canonical_form(classical(Format.parse(text)))


def test_another_format_cannot_be_had() -> None:
    with pytest.raises(InputError, match="format 2x3x5 is not an order of 2x3x4"):
        permute(classical(Format(2, 3, 4)), Format(2, 3, 5))


def test_reordering() -> None:
    scheme = strassen()
    image = reorder(scheme, [6, 0, 1, 2, 3, 4, 5])
    assert (image.u[:, 0] == scheme.u[:, 6]).all()
    assert (image.w[:, 1] == scheme.w[:, 0]).all()
    for order in ([0, 1], [0, 0, 1, 2, 3, 4, 5], [1, 2, 3, 4, 5, 6, 7]):
        with pytest.raises(InputError, match=r"expected a permutation of 0 … 6"):
            reorder(scheme, order)


def test_scaling_within_products() -> None:
    ones = np.ones(7, dtype=int)
    image = rescale(strassen(), 2 * ones, -3 * ones)
    assert image.u[0, 0] == 2
    assert image.v[0, 0] == -3
    assert str(image.w[0, 0]) == "-1/6"
    with pytest.raises(InputError, match="a product is scaled by 0"):
        rescale(strassen(), ones, np.arange(7))
    with pytest.raises(InputError, match="a product is scaled by 0"):
        rescale(as_floats(strassen()), np.arange(7.0), ones)


def test_scales_do_not_wrap_around() -> None:
    scale = np.full(7, 2**32 + 1)
    assert canonical_form(rescale(strassen(), scale, scale)) == canonical_form(strassen())


@pytest.mark.parametrize("kind", ["exact", "float"])
def test_bad_sandwiches(kind: str) -> None:
    value: Any = strassen() if kind == "exact" else as_floats(strassen())
    one, singular = np.eye(2, dtype=int), np.array([[1, 2], [2, 4]])
    with pytest.raises(InputError, match=r"matrix q has shape \(3, 3\), expected \(2, 2\)"):
        sandwich(value, one, np.eye(3, dtype=int), one)
    with pytest.raises(InputError, match=r"matrix .*is singular, expected an invertible one"):
        sandwich(value, one, one, singular)
