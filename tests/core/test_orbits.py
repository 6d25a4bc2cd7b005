"""Labels of orbits and dimensions of families."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdiscover.core import orbits
from mmdiscover.core.exact import Gaussian
from mmdiscover.core.format import Format
from mmdiscover.core.orbits import Family, family_dimension, orbit_class
from mmdiscover.core.scheme import Scheme
from mmdiscover.core.symmetry import permute, reorder, rescale, sandwich, symmetric_images
from mmdiscover.errors import CapacityError, InputError
from mmdiscover.verify.brent import check_brent
from tests.schemes import classical, laderman, strassen, winograd
from tests.strategies import arbitrary_schemes, gaussians, invertible, known_schemes, nonzero_numbers, rationals

if TYPE_CHECKING:
    from collections.abc import Callable

TWO, THREE = Format(2, 2, 2), Format(3, 3, 3)
I = Gaussian(Fraction(0), Fraction(1))


def signs(fmt: Format, text: str) -> Scheme:
    """A scheme from a line of signs for each factor, product after product."""
    factors = [np.array([{"+": 1, "-": -1, "0": 0}[sign] for sign in line]) for line in text.split()]
    u, v, w = (line.reshape(-1, rows).T for line, rows in zip(factors, fmt.shape, strict=True))
    return Scheme(fmt, u, v, w)


def modulo_two(scheme: Scheme) -> Scheme:
    return Scheme(scheme.format, *scheme.arrays, modulus=2)


def flip(scheme: Scheme) -> Scheme:
    """u⊗v⊗w + u⊗v′⊗w′ = u⊗(v+v′)⊗w + u⊗v′⊗(w′−w) for the first two products that share u."""
    u, v, w = (factor.copy() for factor in scheme.arrays)
    pairs = [(q, s) for q in range(scheme.rank) for s in range(q) if (u[:, q] == u[:, s]).all()]
    q, s = pairs[0]
    v[:, q], w[:, s] = v[:, q] + v[:, s], w[:, s] - w[:, q]
    return Scheme(scheme.format, u, v, w, scheme.modulus)


def squared(scheme: Scheme) -> Scheme:
    """The product of a scheme with itself: blocks are multiplied as numbers are."""
    n, m, p = scheme.format.sizes
    factors = []
    for factor, shape in zip(scheme.arrays, scheme.format.matrix_shapes, strict=True):
        matrices = factor.T.reshape(-1, *shape)
        factors.append(np.stack([np.kron(x, y).ravel() for x in matrices for y in matrices], axis=1))
    u, v, w = factors
    return Scheme(Format(n * n, m * m, p * p), u, v, w, scheme.modulus)


# From the search; each pair with one distribution of ranks. The first differs in which traces are zero, the second in
# closed walks through traces of single modes, the third only in those that go back through the two other modes.
PAIRS = {
    "counts": [
        signs(
            TWO, "+000+0000+000+0000+000+000+-000+ +0000+0000+0000++0+00+0000+0000+ +00000+0+00000+00+00000+0-00000+"
        ),
        signs(
            TWO, "+000+0000+000+0000+000+0000+000+ +0000+0000+-000+++000+0000+0000+ +00000+0+000+0+00+000-0+0+00000+"
        ),
    ],
    "walks in one mode": [
        signs(
            Format(2, 3, 3),
            """++0000+0+000+0+-00+0+-0-+00-000++0--0+0+000+00000+00-00+00--00+000000++0000+000000++00000+
            00+000000+00000000+000000+00000000+00+-0000-000000000+00+0-000000+-0-0000000+-00+000+0000++00000-0-0000+0000\
++00-0000000+00000000+00--0
            00+0+0++--000-++000+0-0000+000-000+000-00+0000--00000++000---00000000+0+00++00++00--0-0000""",
        ),
        signs(
            Format(2, 3, 3),
            """++0000+0++0++0++00+0+000+00+000+00+00+00+-0+00000+0-000+-0+-00+000000++0000+000000+-00000+
            0+0000000000000+0000+000-0000+000000++0000-00000++00+000000+0+00+00-+0000+0+000000000000+000+0000+-000+00000\
+0--0000000000+00000000+-0+
            -0+0000+000+-+000++-00+-+00000000+0000+-+000-+00+00-0000-0-00000-00+0-00-+000000-+-+00000+""",
        ),
    ],
    "walks through other modes": [
        signs(
            THREE,
            """++-000000+00000+0-+00000000+00000000+000000-00+00+00000+00000+000+0+000000+00000000+00000000+-0+000000++-000\
000+00000000+00000000+0000-000+00-00000+00--00000+00000000+-00+0000+-0-+00000+00-0000000+000000000+
            00000+0000+-000000+0000+00000+00-0000+000-000000+0+0000000+-00000000+-0000000+0+000000+00+000000+0+000000+00\
+00000+0000+00000+0+-00000-+-00000000+0000000000+00+00000+-0+00000+-0000000+-0+-00+00-00000+-0000+-
            -00+00+0000000000-+00000000000000+0-000+0000++00000000000+00000-000000+0000+00000000000+-00000000+00--0000+0\
0++0000000000++0++0000++00+00-00000000-00-00--+00+000000+0-000000-0000000000-000000-+0-0000000++000""",
        ),
        signs(
            THREE,
            """+00+00000+00000-00+-0+00000+-0+-0000+-00000000+00000000+00000-00+0000-000+-00000000+00+00000+000+00000+0+000\
000+00+000000+0+000000+-0+-00000+00+00000+00000000+0-+00000+-00000000+0+000000+00000000+-00000000+-
            0++0++000++00000000+00++0000000++0000+00000000+00+00+0000++00+00+0-000000000000+00000000++000000+0000+000000\
+0-000000000+0000000000+00000000+-0+00+0000--00000+0-000+000-00000000+00+00+00-00000+000000000000+0
            000000+00+000000000000+0-000000-0000-00+-0000000+0+-0000000-000-0000-000000-00+00000000+00+000000000+0000-+0\
0+00000000+00000000000-00+000000000+000000+-+0000-00+-0-000000-00+00000++-+00000000-00+0000000+-0-+""",
        ),
    ],
}
SEARCHED = [scheme for pair in PAIRS.values() for scheme in pair]


def ranks(scheme: Scheme) -> list[list[int]]:
    """The ranks of the factors of each product, whatever their order."""
    matrices = [
        np.linalg.matrix_rank(factor.T.reshape(-1, *shape).astype(float))
        for factor, shape in zip(scheme.arrays, scheme.format.matrix_shapes, strict=True)
    ]
    return sorted(sorted(int(rank) for rank in product) for product in zip(*matrices, strict=True))


@st.composite
def equivalents(draw: st.DrawFn, schemes: st.SearchStrategy[Scheme], entries: Any = rationals) -> tuple[Scheme, Scheme]:
    """A scheme and what an element of the whole group makes of it."""
    scheme = draw(schemes)
    image = sandwich(scheme, *(draw(invertible(size, entries)) for size in scheme.format.sizes))
    if not scheme.modulus:
        alpha, beta = np.empty((2, image.rank), dtype=object)
        for scales in (alpha, beta):
            scales[:] = [draw(nonzero_numbers) for _ in scales]
        image = rescale(image, alpha, beta)
    image = reorder(image, draw(st.permutations(range(image.rank))))
    return scheme, draw(st.sampled_from(symmetric_images(image)))


def elementary(scheme: Scheme, rng: np.random.Generator) -> Scheme:
    """Signed permutations with one more entry as P, Q and S, signs within products, another order and format."""
    matrices = []
    for size in scheme.format.sizes:
        matrix = np.diag(rng.choice([-1, 1], size))[rng.permutation(size)]
        i, j = rng.integers(size, size=2)
        matrices.append((np.eye(size, dtype=int) + (i != j) * np.outer(*np.eye(size, dtype=int)[[i, j]])) @ matrix)
    image = reorder(sandwich(scheme, *matrices), [int(q) for q in rng.permutation(scheme.rank)])
    if not scheme.modulus:
        image = rescale(image, *rng.choice([-1, 1], (2, scheme.rank)))
    images = symmetric_images(image)
    return images[rng.integers(len(images))]


SHEARS = np.array([[[1, I], [0, 1]]] * 3, dtype=object)
LABELS = {
    "Strassen": (strassen(), "58b60d4de2cd"),
    "Strassen and Winograd": (winograd(), "58b60d4de2cd"),  # one orbit: H. F. de Groote, Theor. Comput. Sci. 7 (1978)
    "complex": (sandwich(strassen(), *SHEARS), "58b60d4de2cd"),
    "Laderman": (laderman(), "0a0f6a9162bd"),
    "modulo 2": (modulo_two(strassen()), "f7478081cd4d"),
    "another modulo 2": (modulo_two(winograd()), "f7478081cd4d"),
    "a number": (classical(Format(1, 1, 1)), "5f1b5e70d6ca"),
}


@pytest.mark.parametrize("name", LABELS)
def test_labels_are_the_same_on_every_platform(name: str) -> None:
    scheme, label = LABELS[name]
    assert orbit_class(scheme) == label


@settings(max_examples=12)
@given(equivalents(st.one_of(known_schemes, st.sampled_from(SEARCHED))))
def test_equivalent_schemes_share_their_label_and_family(pair: tuple[Scheme, Scheme]) -> None:
    scheme, image = pair
    assert orbit_class(image) == orbit_class(scheme)
    assert family_dimension(image) == family_dimension(scheme)


@settings(max_examples=10)
@given(equivalents(known_schemes, gaussians))
def test_so_do_those_over_gaussian_rationals(pair: tuple[Scheme, Scheme]) -> None:
    scheme, image = pair
    assert orbit_class(image) == orbit_class(scheme)
    assert family_dimension(image) == family_dimension(scheme)


@settings(max_examples=30)
@given(equivalents(known_schemes.map(modulo_two), st.integers(0, 1)))
def test_so_do_those_modulo_two(pair: tuple[Scheme, Scheme]) -> None:
    scheme, image = pair
    assert orbit_class(image) == orbit_class(scheme)
    assert family_dimension(image) == family_dimension(scheme)


@settings(max_examples=10)
@given(equivalents(arbitrary_schemes(rationals)))
def test_so_do_factors_that_are_no_valid_scheme(pair: tuple[Scheme, Scheme]) -> None:
    scheme, image = pair
    assert orbit_class(image) == orbit_class(scheme)


@pytest.mark.parametrize("index", range(len(SEARCHED)))
@pytest.mark.parametrize("change", [lambda scheme: scheme, modulo_two])
def test_a_walk_through_an_orbit_keeps_the_label(index: int, change: Callable[[Scheme], Scheme]) -> None:
    scheme, rng = change(SEARCHED[index]), np.random.default_rng(index)
    label, image = orbit_class(scheme), scheme
    for _ in range(15):
        image = elementary(image, rng)
        assert orbit_class(image) == label
    assert family_dimension(image) == family_dimension(scheme)


@pytest.mark.parametrize("name", PAIRS)
def test_inequivalent_schemes_are_told_apart(name: str) -> None:
    one, other = PAIRS[name]
    assert check_brent(one).holds
    assert check_brent(other).holds
    assert ranks(one) == ranks(other)
    assert orbit_class(one) != orbit_class(other)


def test_a_flip_leads_to_another_orbit() -> None:
    for scheme in (classical(TWO), classical(Format(2, 2, 3)), modulo_two(classical(TWO)), PAIRS["counts"][0]):
        flipped = flip(scheme)
        assert check_brent(flipped).holds
        assert orbit_class(flipped) != orbit_class(scheme)


def test_schemes_of_different_format_rank_or_modulus_have_different_labels() -> None:
    schemes = [
        classical(Format(1, 1, 4)),
        classical(Format(1, 2, 2)),
        classical(TWO),
        strassen(),
        modulo_two(strassen()),
    ]
    assert len({orbit_class(scheme) for scheme in schemes}) == len(schemes)


def test_sorting_a_format_is_no_symmetry_of_its_own() -> None:
    # Of the images of a scheme with two equal sizes, two have the sorted format: with others it would be another orbit.
    one = PAIRS["walks in one mode"][0]
    labels = {orbit_class(image) for image in symmetric_images(one)}
    assert len(labels) == 1
    assert orbit_class(permute(one, Format(3, 2, 3))) in labels


def test_products_with_a_zero_factor_do_not_count() -> None:
    for scheme in (strassen(), modulo_two(strassen())):
        u, v, w = (np.pad(factor.astype(int), ((0, 0), (0, 3)), constant_values=1) for factor in scheme.arrays)
        for zero, factor in enumerate((u, v, w), start=7):
            factor[:, zero] = 0
        padded = Scheme(TWO, u, v, w, scheme.modulus)
        assert orbit_class(padded) == orbit_class(scheme)
        assert family_dimension(padded) == family_dimension(scheme)
    nothing = Scheme(TWO, *np.zeros((3, 4, 2), dtype=int))
    assert orbit_class(nothing) == orbit_class(Scheme(TWO, *np.zeros((3, 4, 5), dtype=int)))
    assert orbit_class(nothing) != orbit_class(Scheme(THREE, *np.zeros((3, 9, 2), dtype=int)))
    assert family_dimension(nothing) == Family(12, 0)  # the one zero product that is kept: all directions are free


def test_where_the_prime_divides_a_denominator_another_is_taken() -> None:
    thin = np.array([[1, Fraction(1, 8388593)], [0, 1]], dtype=object)
    scheme = sandwich(strassen(), thin, np.eye(2, dtype=int), np.eye(2, dtype=int))
    assert orbit_class(scheme) != orbit_class(strassen())
    assert orbit_class(reorder(scheme, [6, 5, 4, 3, 2, 1, 0])) == orbit_class(scheme)
    assert family_dimension(scheme) == Family(23, 23)
    thin[0, 1] = Fraction(1, 8388593 * 8388581 * 8388473)
    scheme = sandwich(strassen(), thin, np.eye(2, dtype=int), np.eye(2, dtype=int))
    for function in (orbit_class, family_dimension):
        with pytest.raises(InputError, match="the denominators of 2x2x2:7 are divisible by"):
            function(scheme)


def test_triples_of_products_are_left_out_where_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = [orbit_class(scheme) for scheme in SEARCHED]
    monkeypatch.setattr(orbits, "_MOST_COUNTED", 23)
    assert [orbit_class(scheme) for scheme in SEARCHED] == counted
    monkeypatch.setattr(orbits, "_MOST_COUNTED", 6)
    labels = [orbit_class(scheme) for scheme in SEARCHED]
    assert labels[0] == labels[1]  # the pair that only they tell apart
    assert len({*labels, *counted}) == 11
    # Modulo 2 the walks alone still tell much.
    one = modulo_two(
        signs(TWO, "+000+0000+000+0000++00+000+0000+ +0000+0000+0000+00+0+0+00+00000+ +00000+0+00000+00+000+00000+000+")
    )
    other = modulo_two(
        signs(TWO, "+000+0000+++0+000+0000++00+0000+ ++000+0000+000+0000++++0+0+0++++ +000+0+00+00++0000+0000+0+0+000+")
    )
    assert orbit_class(one) != orbit_class(other)
    rng = np.random.default_rng(5)
    assert [orbit_class(elementary(scheme, rng)) for scheme in SEARCHED] == labels


FAMILIES = {
    "Strassen": (strassen(), Family(23, 23), 0),  # 2·7 + 3·2² − 3: its orbit is all there is nearby
    "Strassen and Winograd": (winograd(), Family(23, 23), 0),
    "complex": (sandwich(strassen(), *SHEARS), Family(23, 23), 0),
    "Laderman": (laderman(), Family(76, 70), 6),
    "a number": (classical(Format(1, 1, 1)), Family(2, 2), 0),
    "a row": (classical(Format(1, 1, 3)), Family(12, 12), 0),
    # Diagonal matrices fix the products of the classical algorithm but for scaling: 2·8 + 12 − 6.
    "classical": (classical(TWO), Family(40, 22), 18),
    "modulo 2": (modulo_two(strassen()), Family(23, 23), 0),
    "another modulo 2": (modulo_two(laderman()), Family(76, 70), 6),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_known_families(name: str) -> None:
    scheme, family, freedom = FAMILIES[name]
    assert family_dimension(scheme) == family
    assert family.freedom == freedom


@pytest.mark.slow
def test_the_family_of_a_large_scheme() -> None:
    assert family_dimension(squared(strassen())) == Family(251, 143)


@pytest.mark.parametrize("scheme", [strassen(), laderman(), classical(Format(2, 2, 3)), *SEARCHED])
def test_dimensions_agree_with_floating_point(scheme: Scheme) -> None:
    factors = [factor.astype(float) for factor in scheme.arrays]
    rank, (n, m, p) = scheme.rank, scheme.format.sizes
    columns, tangents = [], []
    for k, q in np.ndindex(3, rank):
        for unit in np.eye(len(factors[k])):
            vectors = [factor[:, q] for factor in factors]
            vectors[k] = unit
            columns.append(np.einsum("a,b,c->abc", *vectors).ravel())
    u, v, w = (
        factor.T.reshape(rank, *shape) for factor, shape in zip(factors, scheme.format.matrix_shapes, strict=True)
    )
    rng = np.random.default_rng(3)
    for _ in range(2 * rank + n * n + m * m + p * p):
        x, y, z = (rng.standard_normal((size, size)) for size in (n, m, p))
        alpha, beta = rng.standard_normal((2, rank, 1, 1))
        moved = (x @ u - u @ y + alpha * u, y @ v - v @ z + beta * v, z @ w - w @ x - (alpha + beta) * w)
        tangents.append(np.concatenate([matrices.ravel() for matrices in moved]))
    jacobian, tangent = np.array(columns).T, np.array(tangents).T
    assert np.abs(jacobian @ tangent).max() < 1e-9
    expected = Family(jacobian.shape[1] - int(np.linalg.matrix_rank(jacobian)), int(np.linalg.matrix_rank(tangent)))
    assert family_dimension(scheme) == expected


def test_families_of_schemes_that_do_not_fit_in_memory_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mmdiscover.core.tensor.physical_memory", lambda: 10**5)
    with pytest.raises(CapacityError, match="the Jacobian of 2x2x2:7 needs"):
        family_dimension(strassen())
