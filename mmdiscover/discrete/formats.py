"""Moves between formats: exact schemes of one format out of schemes of others, in any ring.

Dimensions 0, 1, 2 are n, m, p. Dimension d counts the rows of factor d and the columns of factor d − 1 (cyclically), so
each move acts on two factors and treats the three dimensions alike. Afterwards products with a zero factor are dropped,
and those that agree in two factors up to scaling become one. A scheme with entries −1, 0, 1 stays one. These moves are
used between flip graphs by Arai, Ichikawa and Hukushima (arXiv:2312.16960) and Perminov (arXiv:2511.20317).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from fractions import Fraction
from itertools import product as pairs
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import numpy as np

from mmdiscover.core.exact import denominator, inverse, reciprocal, simplify, simplify_array
from mmdiscover.core.format import Format
from mmdiscover.core.scheme import Scheme
from mmdiscover.core.tensor import matmul_triples
from mmdiscover.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[Any]
    Vector: TypeAlias = tuple[Any, ...]

_SMALL = 2**8
"""Integers below it are worked with as int64: of a product of two schemes the terms u·v·w stay below 2⁴⁸."""
_DIRECTIONS = 8
"""Pairs of directions that `best_projection` tries beside the rows and columns themselves."""


def classical(fmt: Format, modulus: int = 0) -> Scheme:
    """The scheme of the n·m·p products a_ij b_jk.

    Parameters
    ----------
    fmt : Format
    modulus : {0, 2}

    Returns
    -------
    Scheme

    Raises
    ------
    InputError
        If the modulus is another one.
    """
    u, v, w = (np.eye(size, dtype=int)[:, at] for size, at in zip(fmt.shape, matmul_triples(fmt).T, strict=True))
    return Scheme(fmt, u, v, w, modulus)


def resized(fmt: Format, dimension: int, size: int) -> Format:
    """The format with another size in one dimension.

    Raises
    ------
    InputError
        If `dimension` is not 0, 1 or 2, or the size is below 1.
    """
    if dimension not in (0, 1, 2):
        raise InputError(f"dimension is {dimension!r}, expected 0, 1 or 2")
    sizes = list(fmt.sizes)
    sizes[dimension] = size
    return Format(*sizes)


def project(scheme: Scheme, dimension: int, index: int) -> Scheme:
    """Leave out one row or column: A and C lose row `index` for dimension 0, B and C column `index` for dimension 2.

    For dimension 1 it is column `index` of A and row `index` of B.

    Parameters
    ----------
    scheme : Scheme
        With a size of at least 2 in that dimension.
    dimension : {0, 1, 2}
    index : int
        From 0.

    Returns
    -------
    Scheme
        Of the format that is smaller by one there.

    Raises
    ------
    InputError
        If there is no such dimension or index, or its size is 1.
    """
    fmt = _smaller(scheme.format, dimension)
    if not 0 <= index <= fmt.sizes[dimension]:
        raise InputError(
            f"index {index!r} of dimension {dimension}, expected 0 … {fmt.sizes[dimension]} for {scheme.format}"
        )
    cubes = cubes_of(scheme)
    cubes[dimension] = np.delete(cubes[dimension], index, axis=0)
    cubes[dimension - 1] = np.delete(cubes[dimension - 1], index, axis=1)
    return scheme_of_cubes(fmt, cubes, scheme.modulus)


def best_projection(scheme: Scheme, dimension: int) -> Scheme:
    """The projection of least rank, in one dimension, among those that are tried.

    Beside leaving out each row or column there are projections in other bases. For dimension 0, with vectors x and z,
    x·z ≠ 0, and matrices L (n−1 × n) and R (n × n−1), LR = 1, xᵀR = 0, Lz = 0, the matrix R A′ is multiplied by B,
    and L takes A′B out of the result: U_q becomes Rᵀ U_q, W_q becomes W_q Lᵀ. A product vanishes where U_q = x yᵀ or
    W_q = y zᵀ, so x and z are taken from such products, the most frequent first. Only projections that stay in the
    smallest ring of the scheme count.

    Parameters
    ----------
    scheme : Scheme
        With a size of at least 2 in that dimension.
    dimension : {0, 1, 2}

    Returns
    -------
    Scheme
        Of the format that is smaller by one there. Leaving out the first row or column is preferred at equal rank.

    Raises
    ------
    InputError
        If there is no such dimension, or its size is 1.
    """
    best = min(
        (project(scheme, dimension, k) for k in range(scheme.format.sizes[dimension])), key=lambda found: found.rank
    )
    cubes, modulus = cubes_of(scheme), scheme.modulus
    for x, z in _directions(cubes, dimension, modulus):
        for pivot in [i for i, entry in enumerate(x) if entry]:
            # Another pivot changes the basis: seldom the rank, but often the ring.
            arrays = _reduced([_flat(cube) for cube in _along(cubes, dimension, x, z, pivot, modulus)], modulus)
            if arrays[0].shape[1] >= best.rank:
                break
            found = best.with_arrays(best.format, arrays)
            if scheme.ring.contains(found.ring):
                best = found
    return best


def extend(scheme: Scheme, dimension: int) -> Scheme:
    """Add a row or column, computed with classical products.

    Parameters
    ----------
    scheme : Scheme
    dimension : {0, 1, 2}

    Returns
    -------
    Scheme
        Of the format that is larger by one there.

    Raises
    ------
    InputError
        If there is no such dimension.
    """
    return merge(scheme, classical(resized(scheme.format, dimension, 1), scheme.modulus), dimension)


def merge(first: Scheme, second: Scheme, dimension: int) -> Scheme:
    """Join two schemes along a dimension: the ranks add.

    Parameters
    ----------
    first, second : Scheme
        Of one modulus and the same sizes in the two other dimensions.
    dimension : {0, 1, 2}

    Returns
    -------
    Scheme
        Its first rows or columns are those of `first`.

    Raises
    ------
    InputError
        If there is no such dimension, or the schemes do not fit together.
    """
    size = first.format.sizes[dimension] if dimension in (0, 1, 2) else 0
    total = size + second.format.sizes[dimension] if size else 0
    fmt = resized(first.format, dimension, total)
    if resized(second.format, dimension, total) != fmt:
        raise InputError(
            f"formats {first.format} and {second.format} cannot be joined along dimension {dimension}: expected equal "
            f"sizes in the others"
        )
    _check_moduli(first, second)
    joined = []
    for k, (x, y) in enumerate(zip(cubes_of(first), cubes_of(second), strict=True)):
        kind = object if object in (x.dtype, y.dtype) else np.int64
        cube = np.zeros((*fmt.matrix_shapes[k], first.rank + second.rank), kind)
        cube[: x.shape[0], : x.shape[1], : first.rank] = x
        cube[fmt.matrix_shapes[k][0] - y.shape[0] :, fmt.matrix_shapes[k][1] - y.shape[1] :, first.rank :] = y
        joined.append(cube)
    return scheme_of_cubes(fmt, joined, first.modulus)


def product(first: Scheme, second: Scheme) -> Scheme:
    """The Kronecker product: ⟨n,m,p:r⟩ and ⟨n′,m′,p′:r′⟩ make ⟨nn′,mm′,pp′:rr′⟩.

    Parameters
    ----------
    first, second : Scheme
        Of one modulus. `first` multiplies matrices of blocks, `second` the blocks.

    Returns
    -------
    Scheme

    Raises
    ------
    InputError
        If the moduli differ.
    """
    _check_moduli(first, second)
    fmt = Format(*(x * y for x, y in zip(first.format.sizes, second.format.sizes, strict=True)))
    cubes = []
    for x, y in zip(cubes_of(first), cubes_of(second), strict=True):
        outer = x[:, None, :, None, :, None] * y[None, :, None, :, None, :]
        cubes.append(outer.reshape(*(a * b for a, b in zip(x.shape, y.shape, strict=True))))
    return scheme_of_cubes(fmt, cubes, first.modulus)


def sandwiched(scheme: Scheme, rng: np.random.Generator) -> Scheme:
    """A random scheme of the same orbit under sandwiching (see `mmdiscover.core.symmetry.sandwich`).

    Modulo 2 the three matrices are any invertible ones. Otherwise they are signed permutations times elementary
    matrices 1 ± E_ij, of which those are passed over that lead to an entry larger than the scheme has.

    Parameters
    ----------
    scheme : Scheme
    rng : numpy.random.Generator

    Returns
    -------
    Scheme
        Of the same format and rank; with entries −1, 0, 1 if `scheme` has such.
    """
    cubes, modulus, sizes = cubes_of(scheme), scheme.modulus, scheme.format.sizes
    for dimension, size in enumerate(sizes):
        matrix = _random_modulo_2(size, rng) if modulus else _signed_permutation(size, rng)
        right = inverse(matrix.astype(object), 2) if modulus else matrix.T
        cubes = _acted(cubes, dimension, matrix, _fast(right))
        cubes = [cube % 2 for cube in cubes] if modulus else cubes
    largest = max(np.abs(cube).max() for cube in cubes)
    for _ in range(0 if modulus else 4 * sum(sizes)):
        dimension = int(rng.integers(3))
        if sizes[dimension] > 1:
            i, j = rng.choice(sizes[dimension], 2, replace=False)
            sign = 1 - 2 * int(rng.integers(2))
            rows, columns = cubes[dimension].copy(), cubes[dimension - 1].copy()
            rows[i] += sign * rows[j]
            columns[:, j] -= sign * columns[:, i]
            if max(np.abs(rows[i]).max(), np.abs(columns[:, j]).max()) <= largest:
                cubes[dimension], cubes[dimension - 1] = rows, columns
    return scheme.with_arrays(scheme.format, [_flat(cube) for cube in cubes])


def _random_modulo_2(size: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Invertible modulo 2: triangular, permutation, triangular, by which every such matrix can be written."""
    one = np.eye(size, dtype=np.int64)
    lower, upper = (np.tril(rng.integers(0, 2, (size, size)), -1) + one for _ in range(2))
    return cast("NDArray[np.int64]", lower[:, rng.permutation(size)] @ upper.T % 2)


def _signed_permutation(size: int, rng: np.random.Generator) -> NDArray[np.int64]:
    signs = 1 - 2 * rng.integers(0, 2, size)
    return cast("NDArray[np.int64]", signs * np.eye(size, dtype=np.int64)[rng.permutation(size)])


def _smaller(fmt: Format, dimension: int) -> Format:
    if resized(fmt, dimension, 1) == fmt:
        raise InputError(f"dimension {dimension} of {fmt} has size 1, expected at least 2")
    return resized(fmt, dimension, fmt.sizes[dimension] - 1)


def _check_moduli(first: Scheme, second: Scheme) -> None:
    if first.modulus != second.modulus:
        raise InputError(f"schemes have moduli {first.modulus} and {second.modulus}, expected the same one")


def _fast(array: Array) -> Array:
    """The same numbers as int64, many times faster to work with, where they are small integers."""
    if set(map(type, array.ravel())) <= {int} and np.all(np.abs(array) < _SMALL):
        return array.astype(np.int64)
    return array


def cubes_of(scheme: Scheme) -> list[Array]:
    """The coefficient matrices U_q, V_q, W_q, shapes (n, m, r), (m, p, r) and (p, n, r)."""
    arrays = zip(scheme.arrays, scheme.format.matrix_shapes, strict=True)
    return [_fast(factor).reshape(*shape, scheme.rank) for factor, shape in arrays]


def _flat(cube: Array) -> Array:
    return cube.reshape(cube.shape[0] * cube.shape[1], cube.shape[2])


def scheme_of_cubes(fmt: Format, cubes: Sequence[Array], modulus: int) -> Scheme:
    """The inverse of `cubes_of`, without products that vanish or can be joined."""
    u, v, w = _reduced([_flat(cube) for cube in cubes], modulus)
    return Scheme(fmt, u, v, w, modulus)


def _acted(cubes: Sequence[Array], dimension: int, left: Array, right: Array) -> list[Array]:
    """`left` applied to the rows that a dimension counts, `right` to the columns."""
    result = list(cubes)
    result[dimension] = np.tensordot(left, result[dimension], (1, 0))
    result[dimension - 1] = np.moveaxis(np.tensordot(result[dimension - 1], right, (1, 0)), 2, 1)
    return result


def _along(cubes: Sequence[Array], dimension: int, x: Vector, z: Vector, pivot: int, modulus: int) -> list[Array]:
    """The projection of `best_projection` by x and z, for one of the nonzero entries of x."""
    others = [j for j in range(len(x)) if j != pivot]
    # The columns of R are e_j − (x_j / x_i) e_i, and the rows of L are those of the inverse of [R z] but the last.
    basis = np.eye(len(x), dtype=int).astype(object)[:, [*others, pivot]]
    basis[pivot, :-1] = [-x[j] * reciprocal(x[pivot]) for j in others]
    basis[:, -1] = z
    return _acted(cubes, dimension, _fast(simplify_array(basis[:, :-1].T)), _fast(inverse(basis, modulus)[:-1].T))


def _directions(cubes: Sequence[Array], dimension: int, modulus: int) -> Iterator[tuple[Vector, Vector]]:
    """Pairs x, z of `best_projection` that let the most products vanish, other than single rows or columns."""
    counts = [_columns_alone(cubes[dimension]), _columns_alone(cubes[dimension - 1].transpose(1, 0, 2))]
    units = [tuple(row) for row in np.eye(len(cubes[dimension]), dtype=int).tolist()]
    for count in counts:
        count.update(dict.fromkeys(units, 0))
    ranked = sorted(pairs(*(count.items() for count in counts)), key=lambda pair: -pair[0][1] - pair[1][1])
    tried = 0
    for (x, _), (z, _) in ranked:
        dot = sum(a * b for a, b in zip(x, z, strict=True))
        if (dot % modulus if modulus else dot) and (x != z or x not in units):
            yield x, z
            tried += 1
        if tried == _DIRECTIONS:
            return


def _columns_alone(cube: Array) -> Counter[Vector]:
    """How many of the matrices cube[:, :, q] are x yᵀ, by x up to scaling."""
    live = cube[:, :, (cube != 0).any(axis=(0, 1))]
    i, j = np.unravel_index((_flat(live) != 0).argmax(axis=0), live.shape[:2])
    at = np.arange(live.shape[2])
    column, row, corner = live[:, j, at], live[i, :, at].T, live[i, j, at]
    single = (live * corner == column[:, None] * row[None]).all(axis=(0, 1))
    return Counter(tuple(x) for x in _primitive(column[:, single])[0].T.tolist())


def _reduced(factors: Sequence[Array], modulus: int) -> list[Array]:
    """Drop products with a zero factor and join those that agree in two factors up to scaling, again and again."""
    arrays = [factor % modulus if modulus else factor for factor in factors]
    ternary = all(array.dtype != object and np.abs(array).max() <= 1 for array in arrays)
    rank = 0
    while rank != arrays[0].shape[1]:
        live = np.logical_and.reduce([(array != 0).any(axis=0) for array in arrays])
        if not live.any():
            return [factor[:, :1] * 0 for factor in factors]  # a scheme has a product
        arrays = [array[:, live] for array in arrays]
        rank = arrays[0].shape[1]
        for k in range(3):
            arrays = _joined(arrays, k, modulus, ternary=ternary)
    return arrays


def _joined(arrays: Sequence[Array], k: int, modulus: int, *, ternary: bool) -> list[Array]:
    """Add up the factors k of products whose others agree, where that does not make a 2 in a ternary scheme."""
    (first, scale), (second, other_scale) = _primitive(arrays[k - 2]), _primitive(arrays[k - 1])
    groups = defaultdict(list)
    for q, key in enumerate(zip(_labels(first), _labels(second), strict=True)):
        groups[key].append(q)
    if len(groups) == len(scale):
        return list(arrays)
    scaled, kept = arrays[k] * (scale * other_scale), []
    for group in groups.values():
        heads: list[int] = []
        for q in group:
            for head in heads:
                total = scaled[:, head] + scaled[:, q]
                total = total % modulus if modulus else total
                if not ternary or np.abs(total).max() <= 1:
                    scaled[:, head] = total
                    break
            else:
                heads.append(q)
        kept += [head for head in heads if scaled[:, head].any()]
    result = list(arrays)
    result[k - 2], result[k - 1], result[k] = first[:, kept], second[:, kept], scaled[:, kept]
    return result


def _primitive(array: Array) -> tuple[Array, Array]:
    """Multiples of nonzero columns by which parallel ones become equal, integers where they can, and the scales."""
    lead = array[(array != 0).argmax(axis=0), np.arange(array.shape[1])]
    if array.dtype != object:
        scale = np.sign(lead) * np.gcd.reduce(array, axis=0)
        return array // scale, scale
    result, scales = np.empty_like(array), np.empty_like(lead)
    for q, head in enumerate(lead):
        monic = simplify_array(array[:, q] * reciprocal(head))
        multiple = denominator(monic)
        result[:, q] = simplify_array(monic * multiple)
        scales[q] = head * simplify(Fraction(1, multiple))
    return result, scales


def _labels(array: Array) -> list[Any]:
    """One value per column, equal for equal columns."""
    columns = np.ascontiguousarray(array.T)
    return [column.tobytes() if array.dtype != object else tuple(column) for column in columns]
