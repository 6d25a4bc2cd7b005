"""Hensel lifting: from a scheme modulo 2 to one in characteristic zero that reduces to it.

With E = T − ⟦θ⟧ divisible by 2ᵏ and J the Jacobian of the Brent equations modulo 2, θ + 2ᵏδ satisfies them modulo 2ᵏ⁺¹
exactly if J δ = E/2ᵏ modulo 2 (M. Kauers and J. Moosbauer, arXiv:2212.01175). J is eliminated once for all k.

Its columns come in an order: first the entries that are 1 modulo 2, the support, so that the solution whose free
entries are zero leaves the support only where no solution stays in it. Entries that are free stay 0 or 1 in every
step, which fixes the scaling of the products and the sandwiching; the others are 2-adic numbers, rational ones mostly.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from math import isqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from mmdiscover.core.exact import denominator, simplify
from mmdiscover.core.ring import Ring
from mmdiscover.core.scheme import Scheme
from mmdiscover.discrete.brent import brent_errors, brent_holds, brent_jacobian
from mmdiscover.discrete.elimination import Eliminated, eliminate
from mmdiscover.discrete.settings import require_integer
from mmdiscover.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmdiscover.core.exact import Exact
    from mmdiscover.core.format import Format

    Bits = NDArray[np.uint8]
    Entries = NDArray[np.uint64]

# Exponents k at which the entries modulo 2ᵏ are read as fractions; the last one is that of the settings.
_READINGS = (10, 20)
# So often are the differences of the quadratic map taken, each time at the solution of the last ones.
_ROUNDS = 4


class LiftStatus(StrEnum):
    """What became of a scheme modulo 2."""

    LIFTED = "lifted"
    """It is the reduction of an exact scheme over Q, whose denominators are odd."""
    NOT_LIFTABLE = "not liftable"
    """Proven: it is the reduction of no scheme modulo 4, so of none in characteristic zero with odd denominators."""
    UNDECIDED = "undecided"
    """Solutions modulo 4 exist, but none of those that were tried led to rational entries."""


@dataclass(frozen=True)
class LiftSettings:
    """How hard to try.

    Parameters
    ----------
    signs : int
        So many solutions modulo 4 are tried as signs of a ternary scheme.
    attempts : int
        So many orders of the unknowns are tried for a scheme over Z or Q; each makes other entries free.
    bits : int
        Lift up to modulo 2^bits; numerators and denominators stay below 2^((bits − 1)/2).

    Raises
    ------
    InputError
        If a value is out of range.
    """

    signs: int = 32
    attempts: int = 8
    bits: int = 30

    def __post_init__(self) -> None:
        for name, least, most in (("signs", 0, 10**6), ("attempts", 0, 10**6), ("bits", 2, 63)):
            require_integer(f"{name} of a lifting", getattr(self, name), least, most)


@dataclass(frozen=True)
class Lifted:
    """What a lifting brings.

    Parameters
    ----------
    status : LiftStatus
    scheme : Scheme
        In characteristic zero, its Brent equations checked exactly, where `status` is LIFTED; else the scheme modulo 2.
    reason : str
        Why the scheme is not one over a smaller ring.
    steps : int
        The Brent equations were solved modulo 2^steps, at most.
    """

    status: LiftStatus
    scheme: Scheme
    reason: str
    steps: int


def lift(scheme: Scheme, settings: LiftSettings | None = None, rng: np.random.Generator | None = None) -> Lifted:
    """Find a scheme over ZT, else Z, else Q whose entries modulo 2 are those of the given one.

    Parameters
    ----------
    scheme : Scheme
        Modulo 2.
    settings : LiftSettings, optional
    rng : numpy.random.Generator, optional
        Chooses signs and orders after the first of each; when left out the same for every call.

    Returns
    -------
    Lifted

    Raises
    ------
    InputError
        If the scheme is not one modulo 2, or does not satisfy the Brent equations modulo 2.
    CapacityError
        If the system would not fit in memory.
    """
    settings = settings or LiftSettings()
    rng = rng or np.random.default_rng(0)
    _require_scheme_modulo_2(scheme)
    system = _System.of(scheme)
    modulo_4 = system.next_digit(system.start, 1)
    if modulo_4 is None:
        reason = "J δ = E/2 has no solution: no scheme modulo 4 reduces to this one"
        return Lifted(LiftStatus.NOT_LIFTABLE, scheme, reason, 1)
    if modulo_4[system.start == 0].any():
        not_ternary = "none over ZT: every solution modulo 4 has an entry 2"
    else:
        ternary = lift_signs(scheme, settings.signs, rng)
        if ternary is not None:
            return Lifted(LiftStatus.LIFTED, ternary, "", 2)
        not_ternary = f"none over ZT among {settings.signs} solutions modulo 4"
    return _lift_over_q(scheme, system, settings, rng, not_ternary)


def lift_signs(scheme: Scheme, tries: int, rng: np.random.Generator) -> Scheme | None:
    """Choose signs for the ones of a scheme modulo 2, so that it is one over ZT.

    Modulo 4 a sign is 1 + 2δ, and so is the product of three, with the sum of the δ: linear equations modulo 2.

    Parameters
    ----------
    scheme : Scheme
        Modulo 2; it satisfies the Brent equations.
    tries : int
        So many solutions modulo 4 are tried over Z.
    rng : numpy.random.Generator

    Returns
    -------
    Scheme or None
        Its Brent equations hold exactly.
    """
    factors = [factor.astype(np.uint8) for factor in scheme.arrays]
    start = np.concatenate([factor.ravel() for factor in factors])
    support = np.flatnonzero(start)
    eliminated = eliminate(brent_jacobian(factors, support), len(support))
    stops = np.cumsum([factor.size for factor in factors])[:2]

    def parts(entries: NDArray[Any]) -> list[NDArray[Any]]:
        return [part.reshape(-1, scheme.rank) for part in np.split(entries, stops)]

    errors = brent_errors(scheme.format, parts(start.astype(np.uint64))).ravel()
    right = (errors >> np.uint64(1) & np.uint64(1)).astype(np.uint8)
    for attempt in range(tries):
        free = rng.integers(0, 2, len(support), dtype=np.uint8) if attempt else None
        digits = eliminated.solve(right, free)
        if digits is None:
            return None
        entries = start.astype(np.int64)
        entries[support] -= 2 * digits.astype(np.int64)
        # Modulo 2⁶⁴, but each error is a whole number of at most rank + 1.
        if not brent_errors(scheme.format, parts(entries.view(np.uint64))).any():
            u, v, w = parts(entries)
            lifted = Scheme(scheme.format, u, v, w)
            return lifted if brent_holds(lifted) else None
    return None


def _require_scheme_modulo_2(scheme: Scheme) -> None:
    if scheme.modulus != 2:
        raise InputError(f"scheme {scheme.name} has modulus {scheme.modulus}, expected one modulo 2")
    errors = brent_errors(scheme.format, [factor.astype(np.uint64) for factor in scheme.arrays]) & np.uint64(1)
    if errors.any():
        a, b, c = np.argwhere(errors)[0].tolist()
        raise InputError(
            f"scheme {scheme.name} does not multiply matrices modulo 2: "
            f"the Brent equation of entries {a} of A, {b} of B and {c} of Cᵀ fails"
        )


@dataclass(frozen=True, eq=False)
class _System:
    """J δ = E/2ᵏ for one scheme modulo 2, entries of (U, V, W) row by row in one vector."""

    fmt: Format
    rank: int
    start: Entries
    order: NDArray[np.intp]
    eliminated: Eliminated

    @classmethod
    def of(cls, scheme: Scheme, rng: np.random.Generator | None = None) -> _System:
        """Support first, and within it and outside in a random order where there is a generator."""
        factors = [factor.astype(np.uint8) for factor in scheme.arrays]
        start = np.concatenate([factor.ravel() for factor in factors])
        order = np.arange(len(start)) if rng is None else rng.permutation(len(start))
        order = order[np.argsort(start[order] == 0, kind="stable")]
        eliminated = eliminate(brent_jacobian(factors, order), len(start))
        return cls(scheme.format, scheme.rank, start.astype(np.uint64), order, eliminated)

    def factors(self, entries: NDArray[Any]) -> list[NDArray[Any]]:
        stops = np.cumsum([size * self.rank for size in self.fmt.shape])[:2]
        return [part.reshape(-1, self.rank) for part in np.split(entries, stops)]

    def errors(self, entries: NDArray[Any]) -> NDArray[Any]:
        return brent_errors(self.fmt, self.factors(entries)).ravel()

    def next_digit(self, entries: Entries, k: int, free: Bits | None = None) -> Bits | None:
        """δ for entries that satisfy the equations modulo 2ᵏ; None if there is none."""
        right = (self.errors(entries) >> np.uint64(k) & np.uint64(1)).astype(np.uint8)
        solution = self.eliminated.solve(right, None if free is None else free[self.order])
        if solution is None:
            return None
        digits = np.empty_like(solution)
        digits[self.order] = solution
        return digits

    def scheme(self, entries: NDArray[np.object_]) -> Scheme | None:
        """The scheme of exact entries, if it is one."""
        u, v, w = self.factors(entries)
        scheme = Scheme(self.fmt, u, v, w)
        return scheme if brent_holds(scheme) else None


def _lift_over_q(
    scheme: Scheme, system: _System, settings: LiftSettings, rng: np.random.Generator, not_ternary: str
) -> Lifted:
    best: Lifted | None = None
    reached: list[int] = []
    for attempt in range(settings.attempts):
        if attempt:
            system = _System.of(scheme, rng)
        lifted, steps = _hensel(system, settings.bits)
        reached.append(steps)
        if lifted is None:
            continue
        if lifted.ring in (Ring.ZT, Ring.Z):
            reason = not_ternary if lifted.ring is Ring.Z else ""
            return Lifted(LiftStatus.LIFTED, lifted, reason, steps)
        if best is None or _height(lifted) < _height(best.scheme):
            reason = f"{not_ternary}; none over Z in {settings.attempts} attempts"
            best = Lifted(LiftStatus.LIFTED, lifted, reason, steps)
    if best is not None:
        return best
    full = sum(steps == settings.bits for steps in reached)
    reason = (
        f"{not_ternary}; of {settings.attempts} attempts {full} reached 2^{settings.bits} without entries being simple "
        f"fractions, the others met a J δ = E/2^k without solution (other solutions modulo 2^k may go on)"
    )
    return Lifted(LiftStatus.UNDECIDED, scheme, reason, max(reached, default=2))


@dataclass(frozen=True, eq=False)
class _Freedom:
    """How the last digits, 2ᵏ⁻¹δ, may change, and what that does to the conditions for a next one.

    Adding K z to δ, the columns of K a basis of the kernel of J, keeps the equations modulo 2ᵏ. It changes E/2ᵏ modulo
    2 by a linear map of z where k ≥ 3, which depends on the entries modulo 4 only. Where k = 2 the map is quadratic;
    the linear one here consists of its differences at the present entries.
    """

    kernel: Bits
    conditions: Eliminated

    @classmethod
    def of(cls, system: _System, entries: Entries, k: int) -> _Freedom:
        vectors = system.eliminated.kernel()
        kernel = np.empty_like(vectors)
        kernel[:, system.order] = vectors
        # Small numbers do for the map, and those are exact in floating point, whose matrix products are fast.
        k = min(k, 3)
        present = (entries & np.uint64((1 << k) - 1)).astype(float)
        errors = system.errors(present)
        changes = np.empty((len(kernel), len(errors)), dtype=np.uint8)
        for row, vector in zip(changes, kernel, strict=True):
            changed = system.errors(present + float(1 << (k - 1)) * vector)
            row[:] = (changed - errors).astype(np.int64) >> k & 1
        return cls(kernel, eliminate(system.eliminated.obstructions(changes.T), len(kernel)))

    def mended(self, system: _System, entries: Entries, k: int) -> Entries:
        """The entries with last digits that meet the linear conditions for next ones; unchanged if there are none."""
        right = (system.errors(entries) >> np.uint64(k) & np.uint64(1)).astype(np.uint8)
        chosen = self.conditions.solve(system.eliminated.obstruction(right))
        if chosen is None:
            return entries
        change: Entries = np.bitwise_xor.reduce(self.kernel[chosen == 1], axis=0).astype(np.uint64)
        # Modulo 2ᵏ the sign does not matter: a free entry 1 becomes −1 rather than 3.
        change[system.order[system.eliminated.free]] *= np.uint64(2**64 - 1)
        mended: Entries = entries + (change << np.uint64(k - 1))
        return mended


def _hensel(system: _System, bits: int) -> tuple[Scheme | None, int]:
    """Lift with the free digits zero as far as possible; the scheme, if entries are rational, and the last k."""
    entries, freedom = system.start, None
    for k in range(1, bits):
        digits = system.next_digit(entries, k)
        for _ in range(_ROUNDS if k == 2 else 1):
            if digits is not None:
                break
            if freedom is None or k == 2:
                freedom = _Freedom.of(system, entries, k)
            entries = freedom.mended(system, entries, k)
            digits = system.next_digit(entries, k)
        if k == 2:
            freedom = None
        if digits is None:
            return None, k
        entries = entries + (digits.astype(np.uint64) << np.uint64(k))
        if k + 1 in _READINGS or k + 1 == bits:
            values = _read(entries, k + 1)
            scheme = None if values is None else system.scheme(values)
            if scheme is not None:
                return scheme, k + 1
    return None, bits


def _read(entries: Entries, k: int) -> NDArray[np.object_] | None:
    """Residues modulo 2ᵏ as fractions, None if one is no simple fraction."""
    distinct, places = np.unique(entries, return_inverse=True)
    values = [rational_residue(residue, 1 << k) for residue in distinct.tolist()]
    if None in values:
        return None
    table = np.empty(len(values), dtype=object)
    table[:] = values
    return table[places]


def rational_residue(residue: int, modulus: int) -> Exact | None:
    """The fraction a/b with |a|, b ≤ √(modulus/2) that leaves `residue`; there is at most one (P. S. Wang 1981).

    Parameters
    ----------
    residue : int
        From 0 to `modulus` less 1.
    modulus : int

    Returns
    -------
    int, Fraction or None
    """
    bound = isqrt(modulus // 2)
    (r, s), (a, b) = (modulus, residue), (0, 1)
    while s > bound:
        quotient = r // s
        r, s, a, b = s, r - quotient * s, b, a - quotient * b
    if abs(b) > bound:
        return None
    value = Fraction(s, b)
    # A common factor would mean another fraction, whose denominator the modulus may not allow.
    return simplify(value) if value.denominator == abs(b) else None


def _height(scheme: Scheme) -> tuple[int, int]:
    entries = [x for factor in scheme.arrays for x in factor.ravel()]
    return denominator(entries), max(abs(Fraction(x).numerator) for x in entries)
