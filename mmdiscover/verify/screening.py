"""What refuses large wrong files before exact arithmetic, which takes minutes for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np

from mmdiscover.core.exact import Exact, real_and_imaginary
from mmdiscover.core.metrics import live_products
from mmdiscover.core.modular import PRIME, ROOT, centred
from mmdiscover.core.tensor import matmul_triples
from mmdiscover.errors import InputError
from mmdiscover.verify.brent import describe_equation

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmdiscover.core.scheme import Scheme

_LARGE = 100_000
"""Entries of a scheme from which a look modulo a prime is worth its time."""
_WORK = 10**9
"""Multiplications that the look may cost."""
_BLOCK = 256
"""So many products of two numbers of at most 2²² add up to less than 2⁵³."""


def refute(scheme: Scheme) -> str | None:
    """A cheap reason why a scheme is not valid.

    Parameters
    ----------
    scheme : Scheme

    Returns
    -------
    str or None
        None says nothing: neither that it is valid nor that it is not.

    Raises
    ------
    InputError
        If it has so many products that no one can be interested in it.
    """
    rank, fewest = int(np.count_nonzero(live_products(scheme))), scheme.format.flattening_rank
    if rank < fewest:
        return f"rank is {rank}, expected at least {fewest}, the rank of a flattening of the tensor"
    most = 2 * scheme.format.classical_rank + 100
    if rank > most:
        raise InputError(
            f"rank is {rank}, expected at most {most}: the classical algorithm has {scheme.format.classical_rank}"
        )
    if sum(factor.size for factor in scheme.arrays) < _LARGE:
        return None
    try:
        return _violated_modulo(scheme, scheme.modulus or PRIME)
    except ValueError:  # the prime divides a denominator
        return None


def _violated_modulo(scheme: Scheme, prime: int) -> str | None:
    """The first violated one among some of the Brent equations modulo a prime."""
    u, v, w = (_residues(factor, prime) for factor in scheme.arrays)
    ones = matmul_triples(scheme.format)[:, 1:].reshape(len(u), -1, 2)
    rows = max(1, _WORK // (len(v) * len(w) * scheme.rank))
    for a in range(min(rows, len(u))):
        difference = np.zeros((len(v), len(w)))
        difference[tuple(ones[a].T)] = -1
        scaled = centred(v * u[a], prime)
        for start in range(0, scheme.rank, _BLOCK):
            block = slice(start, start + _BLOCK)
            difference = centred(difference + centred(scaled[:, block] @ w[:, block].T, prime), prime)
        wrong = np.argwhere(difference)
        if len(wrong):
            return f"the Brent equations are violated: {describe_equation(scheme, a, *wrong[0])}"
    return None


def _residues(factor: NDArray[np.object_], prime: int) -> NDArray[np.float64]:
    """Entries modulo a prime, from −prime/2 to prime/2; the imaginary unit becomes a root of −1.

    Raises
    ------
    ValueError
        If the prime divides a denominator.
    """
    values = [_residue(cast("Exact", entry), prime) for entry in factor.ravel()]
    return centred(np.array(values, dtype=float).reshape(factor.shape), prime)


def _residue(value: Exact, prime: int) -> int:
    if isinstance(value, int):
        return value % prime
    re, im = (part.numerator * pow(part.denominator, -1, prime) for part in real_and_imaginary(value))
    return (re + ROOT * im) % prime
