"""Orbits under the symmetries of matrix multiplication: a label for each, and how much more freedom a scheme has.

The symmetries are those of `mmdiscover.core.symmetry`. Everything here is computed exactly, modulo a prime (`modular`).
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from mmdiscover.core.metrics import live_products
from mmdiscover.core.modular import PRIME, centred, rank_modulo, residues
from mmdiscover.core.tensor import require_memory

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from mmdiscover.core.format import Format
    from mmdiscover.core.scheme import Scheme

    Integers = NDArray[np.int64]
    Colours = NDArray[np.uint64]
    Floats = NDArray[np.float64]

_MOST_COUNTED = 500
"""Rank up to which triples of products are looked at: that costs r³ traces."""
_ROUNDS = 2


def orbit_class(scheme: Scheme) -> str:
    """A label of 12 hexadecimal digits that all equivalent schemes share.

    Equivalent are schemes that sandwiching over their field, scaling within products, the order of the products and S₃
    lead to one another; products with a zero factor do not count. All of this acts on the traces
    t[q,s,u] = tr(U_q V_s W_u) by permuting products and modes, and by scaling in each mode. The label is made of
    expressions in them that scaling leaves alone, of pairs of products and by colour refinement, in the sorted format:
    of its images under S₃ the one with the smallest label.

    Two schemes with different labels are not equivalent, unless the prime of `residues`, near 2²³, divides a
    denominator of one of them, or a denominator or determinant in every equivalence between them. Two schemes with one
    label are probably equivalent: among 840 schemes of 2x2x5:18, 2x3x3:15, 2x3x4:20, 3x3x3:23 and 2x4x5:33 from the
    search there was an explicit equivalence modulo the prime for every such pair. Schemes close to the classical one,
    with many vanishing traces, may differ in a parameter that the label does not see.

    Parameters
    ----------
    scheme : Scheme
        Also one that is not valid.

    Returns
    -------
    str
        The same on every platform. Schemes of different sorted format, rank or modulus have different labels.

    Raises
    ------
    InputError
        If the denominators are divisible by three primes near 2²³.
    """
    factors, prime = _live_residues(scheme)
    matrices = [
        factor.T.reshape(-1, *shape) for factor, shape in zip(factors, scheme.format.matrix_shapes, strict=True)
    ]
    traces = _pair_traces(matrices, prime)
    counts = _nonzero_counts(scheme.format, matrices, prime)
    # Traces modulo 2 are invariants as they stand, and any arithmetic with them will do.
    field = PRIME if prime == 2 else prime
    head = f"{scheme.format.sorted()}:{len(matrices[0])} mod {scheme.modulus} "
    colourings = (
        np.sort(_colours([traces[k] for k in modes], [counts[k].T if odd else counts[k] for k in modes], field))
        for modes, odd in _sorted_images(scheme.format)
    )
    return min(sha256(head.encode() + colours.astype(">u8").tobytes()).hexdigest() for colours in colourings)[:12]


def _live_residues(scheme: Scheme) -> tuple[list[Integers], int]:
    """What `residues` gives, without products that have a zero factor (but one, when there is no other)."""
    factors, prime = residues(scheme)
    live = live_products(scheme)
    live[0] |= not live.any()
    return [factor[:, live] for factor in factors], prime


def _sorted_images(fmt: Format) -> Iterator[tuple[tuple[int, ...], bool]]:
    """Which modes stand in which place, and whether transposed, in every image of sorted format under S₃."""
    for sizes, modes, odd in ((fmt.sizes, (0, 1, 2), False), (fmt.sizes[::-1], (1, 0, 2), True)):
        for turn in range(3):
            if sizes[turn:] + sizes[:turn] == fmt.sorted().sizes:
                yield modes[turn:] + modes[:turn], odd


def _pair_traces(matrices: Sequence[Integers], prime: int) -> list[Integers]:
    """For each mode k the traces with product s in mode k and q in the two others, [q, s]."""
    traces = []
    for k in range(3):
        x, y, z = (matrices[(k + shift) % 3] for shift in range(3))
        rank = len(x)
        traces.append((y @ z % prime).reshape(rank, -1) @ x.transpose(0, 2, 1).reshape(rank, -1).T % prime)
    return traces


def _nonzero_counts(fmt: Format, matrices: Sequence[Integers], prime: int) -> list[Integers]:
    """For each mode k how many traces with q in mode k+1 and s in mode k+2 are not zero, [q, s]."""
    rank = len(matrices[0])
    counts = [np.zeros((rank, rank), dtype=np.int64) for _ in range(3)]
    if max(rank, *fmt.shape) <= _MOST_COUNTED:
        u, v, w = (centred(matrix.astype(float), prime) for matrix in matrices)
        flat = w.transpose(0, 2, 1).reshape(rank, -1).T
        for q in range(rank):
            nonzero = centred(centred(u[q] @ v, prime).reshape(rank, -1) @ flat, prime) != 0
            counts[0] += nonzero
            counts[1][:, q] = np.count_nonzero(nonzero, axis=0)
            counts[2][q] = np.count_nonzero(nonzero, axis=1)
    return counts


def _colours(traces: Sequence[Integers], counts: Sequence[Integers], prime: int) -> Colours:
    """A colour for each product, independent of scaling, and of the order of products in the others.

    Scaling multiplies `traces[k]` by σ_k(s)/σ_k(q) at [q, s], and σ_0 σ_1 σ_2 = 1. So a matrix of such entries can be
    multiplied by one of its kind, by weights that depend on colours, and by the transpose of the entrywise product of
    those of the other modes; what is left of its scaling goes when it meets its transpose or those of the other modes.
    Matrix products see closed walks, such as cross-ratios, that colours of single pairs do not tell.
    """
    colours = _mix(np.eye(len(traces[0]), dtype=np.int64), *counts)
    for _ in range(_ROUNDS):
        colours = _mix(colours, colours.T)
        nodes = colours.sum(axis=1)
        colours = _mix(colours, nodes[:, None], nodes[None, :])
        paths = []
        for k, trace in enumerate(traces):
            others = traces[k - 1].T * traces[k - 2].T % prime
            walk = (trace * _weights(colours, k, prime) + others * _weights(colours, k + 3, prime)) % prime
            paths.append(walk @ walk % prime)
        colours = _mix(colours, _product(paths, prime), *(path * path.T % prime for path in paths))
    products: Colours = _mix(colours, colours.T).sum(axis=1)
    return products


def _product(matrices: Sequence[Integers], prime: int) -> Integers:
    x, y, z = matrices
    return x * y % prime * z % prime


def _weights(colours: Colours, salt: int, prime: int) -> Integers:
    return (_mix(colours, np.array(salt)) % np.uint64(prime)).astype(np.int64)


def _mix(*parts: NDArray[np.int64] | NDArray[np.uint64] | NDArray[np.bool_]) -> Colours:
    """A 64-bit hash of the entries that stand in the same place, by the finalizer of SplitMix64."""
    mixed = np.zeros((1, 1), dtype=np.uint64)
    for part in parts:
        mixed = (mixed ^ part.astype(np.uint64)) + np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed ^= mixed >> np.uint64(31)
    return mixed


@dataclass(frozen=True)
class Family:
    """The tangent space of the solutions of the Brent equations at a scheme.

    Parameters
    ----------
    null_space : int
        Its dimension: (nm + mp + pn)·r less the rank of the Jacobian of the equations. An upper bound of the dimension
        of the family of solutions that the scheme belongs to, and equal to it where that has no singularity.
    orbit : int
        How much of it scaling and sandwiching explain: 2r + n² + m² + p² − 3, less when a family of them fixes the
        scheme.
    """

    null_space: int
    orbit: int

    @property
    def freedom(self) -> int:
        """Dimensions beyond the symmetries."""
        return self.null_space - self.orbit


def family_dimension(scheme: Scheme) -> Family:
    """Dimensions of the family of solutions at a scheme; products with a zero factor are left out.

    Ranks are taken modulo a prime near 2²³ (`residues`), where they can only be lower than over the rational numbers,
    and of a scheme modulo 2 they are taken modulo 2. In place of the many equations as many random combinations of them
    as there are unknowns are looked at, always the same ones; that they have a lower rank is as good as impossible.

    Parameters
    ----------
    scheme : Scheme
        A valid one.

    Raises
    ------
    CapacityError
        If a matrix of the equations would not fit in memory.
    InputError
        If the denominators are divisible by three primes near 2²³.
    """
    factors, prime = _live_residues(scheme)
    values = [centred(factor.astype(float), prime) for factor in factors]
    unknowns = sum(factor.size for factor in values)
    rows = prod(scheme.format.shape) if prime == 2 else unknowns
    require_memory(4 * 8 * rows * unknowns, f"the Jacobian of {scheme.name}")
    jacobian = _jacobian(values, _functionals(scheme.format, rows, prime), prime)
    return Family(unknowns - rank_modulo(jacobian, prime), rank_modulo(_tangents(scheme.format, values), prime))


def _functionals(fmt: Format, count: int, prime: int) -> list[Floats]:
    """Vectors x, y, z of each mode as rows, for combinations Σ x_a y_b z_c of the equations (a, b, c)."""
    if prime == 2:  # each equation itself: too few numbers for random combinations
        places = np.indices(fmt.shape).reshape(3, -1)
        return [np.eye(size)[place] for size, place in zip(fmt.shape, places, strict=True)]
    sizes = np.cumsum((0, *fmt.shape))
    numbers = _mix(np.arange(count)[:, None], np.arange(sizes[-1])[None, :]) % np.uint64(prime)
    return [centred(numbers[:, a:b].astype(float), prime) for a, b in pairwise(sizes)]


def _jacobian(factors: Sequence[Floats], functionals: Sequence[Floats], prime: int) -> Floats:
    """Combinations of the equations Σ_q (x·u_q)(y·v_q)(z·w_q) = T(x, y, z), differentiated by U, V and W."""
    at = [centred(x @ factor, prime) for x, factor in zip(functionals, factors, strict=True)]
    blocks = []
    for k, x in enumerate(functionals):
        others = centred(at[k - 1] * at[k - 2], prime)
        blocks.append(centred((x[:, :, None] * others[:, None, :]).reshape(len(x), -1), prime))
    return np.concatenate(blocks, axis=1)


def _tangents(fmt: Format, factors: Sequence[Floats]) -> Floats:
    """Directions of scaling within products, then for each mode of its left group E: F_k → E F_k, F_k−1 → −F_k−1 E."""
    rank = factors[0].shape[1]
    one = np.eye(rank)
    u, v, w = (np.einsum("aq,qs->qas", factor, one).reshape(rank, -1) for factor in factors)
    vectors = [np.concatenate([u, 0 * v, -w], axis=1), np.concatenate([0 * u, v, -w], axis=1)]
    cubes = [factor.reshape(*shape, rank) for factor, shape in zip(factors, fmt.matrix_shapes, strict=True)]
    for k, size in enumerate(fmt.sizes):
        blocks = [np.zeros((size * size, factor.size)) for factor in factors]
        blocks[k] += np.einsum("ai,jbq->ijabq", np.eye(size), cubes[k]).reshape(size * size, -1)
        blocks[k - 1] -= np.einsum("ciq,ja->ijcaq", cubes[k - 1], np.eye(size)).reshape(size * size, -1)
        vectors.append(np.concatenate(blocks, axis=1))
    return np.concatenate(vectors)
