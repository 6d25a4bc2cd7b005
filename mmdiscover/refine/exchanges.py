"""Exchanges: exact moves of two, three or five products that leave the others alone.

In every mode and with all roles:

- *Flips*, two products that share w: u∘v∘w + u′∘v′∘w = (u+λu′)∘v∘w + u′∘(v′−λv)∘w.
- *Conics*, three products a, b, e with u_e = αu_a + βu_b and v_e = γv_a + δv_b. The matrices of rank one in the span of
  the three u∘v form a conic, on which each of the three can be moved: e takes ασu_a + βu_b and γσv_a + δv_b.
- *Chains*, five products with u_e = αu_b + βu_d, v_e = γv_a + δv_c and w_e in the spans of w_a, w_b and of w_c, w_d.
  Multiples of u_b added to u_a and of v_a to v_b leave an error u_b∘v_a∘w_e, the other pair leaves u_d∘v_c∘w_e, and e
  takes up both with rank one when it becomes ατu_b + βu_d and γv_a + δv_c/τ.

Three products in spaces of dimensions 2, 2, 3 and five in spaces of dimensions 3, 4, 4 are members of such families
whatever they are: rank-3 tensors fill the first space, and the second is one of the few where the secant varieties of
the Segre variety are defective (Abo, Ottaviani, Peterson, Trans. Amer. Math. Soc. 361 (2009)). Generic members of the
second have no rational neighbours; a chain is the case where w_e lies on two lines.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mmdiscover.refine.integer_scheme import LARGEST_COEFFICIENT, LARGEST_ENTRY, IntegerScheme

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from mmdiscover.refine.integer_scheme import Integers

SLOTS = 6
_LARGEST_RATIO = 64
_LARGEST_RANK = 128
"""Above it there are too many triples to look for coplanar ones."""
_MULTIPLES = ((1, 1), (-1, 1), (2, 1), (-2, 1), (1, 2), (-1, 2))
_PARAMETERS = (*_MULTIPLES[1:], (3, 1), (-3, 1), (1, 3), (-1, 3))


@dataclass(frozen=True)
class Ratio:
    """An array of rational numbers in lowest terms, denominators positive."""

    num: Integers
    den: Integers

    def __mul__(self, other: Ratio) -> Ratio:
        return ratio(self.num * other.num, self.den * other.den)

    def __truediv__(self, other: Ratio) -> Ratio:
        return ratio(self.num * other.den, self.den * other.num)

    def __neg__(self) -> Ratio:
        return Ratio(-self.num, self.den)

    def __getitem__(self, index: Any) -> Ratio:
        return Ratio(self.num[index], self.den[index])

    def less_one(self) -> Ratio:
        """X − 1."""
        return Ratio(self.num - self.den, self.den)

    def inverse(self) -> Ratio:
        """1/x."""
        return ratio(self.den, self.num)


def ratio(num: Integers, den: Integers) -> Ratio:
    """num/den in lowest terms."""
    common = np.gcd(num, den) * np.sign(den)
    return Ratio(num // common, den // common)


def _joined(*values: Ratio) -> Ratio:
    return Ratio(np.concatenate([value.num for value in values]), np.concatenate([value.den for value in values]))


class Update(NamedTuple):
    """In N candidates at once: vector `target` of `mode` becomes scale · itself + multiple · vector `source`."""

    mode: Integers
    target: Integers
    source: Integers
    multiple: Ratio
    scale: Ratio | None = None


@dataclass(frozen=True)
class Exchanges:
    """Candidates of up to six updates x_t ← (p x_t + n x_s)/d each; those that are not used have n = 0, p = d = 1.

    Parameters
    ----------
    modes, targets, sources, p, n, d : ndarray of int64, shape (N, 6)
        Only the first two updates may be of the same product.
    """

    modes: Integers
    targets: Integers
    sources: Integers
    p: Integers
    n: Integers
    d: Integers

    def __len__(self) -> int:
        return len(self.modes)


def _exchanges(slots: dict[int, Update]) -> Exchanges:
    count = len(next(iter(slots.values())).target)
    modes, targets, sources, n = (np.zeros((count, SLOTS), dtype=np.int64) for _ in range(4))
    p, d = (np.ones((count, SLOTS), dtype=np.int64) for _ in range(2))
    for slot, update in slots.items():
        modes[:, slot], targets[:, slot], sources[:, slot] = update.mode, update.target, update.source
        n[:, slot], d[:, slot] = update.multiple.num, update.multiple.den
        p[:, slot] = update.multiple.den
        if update.scale is not None:
            n[:, slot] *= update.scale.den
            p[:, slot] *= update.scale.num
            d[:, slot] *= update.scale.den
    return Exchanges(modes, targets, sources, p, n, d)


def find_exchanges(scheme: IntegerScheme) -> Exchanges:
    """All flips, conics and chains with simple parameters."""
    flat = scheme.flat.astype(np.int64)
    c = Ratio(scheme.numerators, scheme.denominators)
    # A projection to three dimensions keeps vectors parallel and coplanar; the converse is checked.
    projected = flat @ np.random.default_rng(0).integers(-99, 100, (flat.shape[2], 3))
    normals = np.cross(projected[:, :, None], projected[:, None])
    found = [_flips(flat, normals, c)]
    if scheme.rank <= _LARGEST_RANK:
        planes = [_coplanar(*mode) for mode in zip(flat, projected, normals, strict=True)]
        for w in range(3):
            ordered = planes[(w + 1) % 3], planes[(w + 2) % 3], planes[w]
            found += [_conics(w, ordered, c), _chains(w, ordered, c)]
    names = ("modes", "targets", "sources", "p", "n", "d")
    return Exchanges(*(np.concatenate([getattr(part, name) for part in found]) for name in names))


def _modes(w: int, count: int) -> list[Integers]:
    """Modes of u, v and w."""
    return [np.full(count, (w + shift) % 3) for shift in (1, 2, 0)]


def _flips(flat: Integers, normals: Integers, c: Ratio) -> Exchanges:
    w, a, b = np.nonzero(~normals.any(axis=-1))
    sign = np.sign((flat[w, a] * flat[w, b]).sum(axis=1))
    true = (a != b) & (flat[w, a] == sign[:, None] * flat[w, b]).all(axis=1)
    w, a, b, sign = w[true], a[true], b[true], sign[true]
    quotient = ratio(sign * c.num[a] * c.den[b], c.den[a] * c.num[b])
    each, multiples = _with_parameters(_MULTIPLES, len(a))
    # Multiples are simple as they stand, or in the other update.
    multiples = _joined(multiples, multiples / quotient[each])
    each = np.concatenate([each, each])
    w, a, b, back = w[each], a[each], b[each], -(multiples * quotient[each])
    return _exchanges({2: Update((w + 1) % 3, a, b, multiples), 3: Update((w + 2) % 3, b, a, back)})


def _with_parameters(simple: Sequence[tuple[int, int]], count: int, *natural: Ratio) -> tuple[Integers, Ratio]:
    """Every one of `count` members with every parameter: the simple ones, and ± its natural ones."""
    fixed = [Ratio(np.full(count, num), np.full(count, den)) for num, den in simple]
    values = [*fixed, *natural, *(-value for value in natural)]
    return np.tile(np.arange(count), len(values)), _joined(*values)


class _Planes(NamedTuple):
    """Coplanar triples of one mode, no two parallel: x_e = α x_a + β x_b with a < b, once for each member as e."""

    e: Integers
    a: Integers
    b: Integers
    alpha: Ratio
    beta: Ratio
    place: Integers
    """Where (e, a, b) stands, in both orders of a and b; −1 where it does not. Shape (r, r, r)."""

    def of(self, e: Integers, a: Integers, b: Integers) -> tuple[Ratio, Ratio]:
        """(α, β) of given triples, in any order of a and b."""
        at, turned = self.place[e, a, b], a > b
        alpha, beta = self.alpha[at], self.beta[at]
        return _where(turned, beta, alpha), _where(turned, alpha, beta)


def _where(condition: NDArray[np.bool_], yes: Ratio, no: Ratio) -> Ratio:
    return Ratio(np.where(condition, yes.num, no.num), np.where(condition, yes.den, no.den))


def _coplanar(flat: Integers, projected: Integers, normals: Integers) -> _Planes:
    rank = len(flat)
    skew: NDArray[np.bool_] = np.any(normals, axis=-1)
    candidates = np.einsum("abx,ex->abe", normals, projected) == 0
    a, b, e = np.nonzero(
        candidates & skew[:, :, None] & skew[:, None, :] & skew & (np.tri(rank, k=-1).T > 0)[:, :, None]
    )
    largest = np.abs(normals[a, b]).argmax(axis=1)
    area = normals[a, b, largest]
    alpha, beta = ratio(normals[e, b, largest], area), ratio(normals[a, e, largest], area)
    sizes = [np.maximum(np.abs(value.num), value.den) for value in (alpha, beta)]
    small = np.flatnonzero(np.maximum(*sizes) <= _LARGEST_RATIO)
    a, b, e, alpha, beta = a[small], b[small], e[small], alpha[small], beta[small]
    left = (alpha.den * beta.den)[:, None] * flat[e]
    right = (alpha.num * beta.den)[:, None] * flat[a] + (beta.num * alpha.den)[:, None] * flat[b]
    true = np.flatnonzero((left == right).all(axis=1))
    a, b, e = a[true], b[true], e[true]
    index = np.full((rank, rank, rank), -1, dtype=np.int64)
    index[e, a, b] = index[e, b, a] = np.arange(len(e))
    return _Planes(e, a, b, alpha[true], beta[true], index)


def _conics(w: int, planes: tuple[_Planes, _Planes, _Planes], c: Ratio) -> Exchanges:
    first, second, _ = planes
    found = np.flatnonzero(second.place[first.e, first.a, first.b] >= 0)
    e, a, b = first.e[found], first.a[found], first.b[found]
    (alpha, beta), (gamma, delta) = first.of(e, a, b), second.of(e, a, b)
    each, sigma = _with_parameters(_PARAMETERS, len(e), beta / alpha, delta / gamma)
    e, a, b, alpha, beta, gamma, delta = e[each], a[each], b[each], alpha[each], beta[each], gamma[each], delta[each]
    u, v, third = _modes(w, len(e))
    shrink = sigma.inverse()
    # The conic point ασu_a + βu_b times γσv_a + δv_b is σ e + αγσ(σ−1) a + βδ(1−σ) b; e is solved for, and u_e divided
    # by σ for the coefficient.
    slots = {
        0: Update(u, e, a, -(alpha * shrink.less_one()), shrink),
        1: Update(v, e, a, gamma * sigma.less_one()),
        2: Update(third, a, e, -(alpha * gamma * sigma.less_one() * c[e] / c[a])),
        3: Update(third, b, e, -(beta * delta * shrink.less_one() * c[e] / c[b])),
    }
    return _exchanges(slots)


def _chains(w: int, planes: tuple[_Planes, _Planes, _Planes], c: Ratio) -> Exchanges:
    first, second, third = planes
    # b and d from the first, in one order; a and c (called g here) from the second, in both.
    i, j = np.nonzero(first.e[:, None] == second.e)
    e, b, d = first.e[i], first.a[i], first.b[i]
    e, b, d = (np.concatenate([x, x]) for x in (e, b, d))
    a, g = np.concatenate([second.a[j], second.b[j]]), np.concatenate([second.b[j], second.a[j]])
    lined = (third.place[e, a, b] >= 0) & (third.place[e, g, d] >= 0) & (a != d) & (g != b)
    found = np.flatnonzero(lined)
    e, a, b, g, d = e[found], a[found], b[found], g[found], d[found]
    (alpha, beta), (gamma, delta) = first.of(e, b, d), second.of(e, a, g)
    each, tau = _with_parameters(_PARAMETERS, len(e), beta / alpha, delta / gamma)
    (on_a, on_b), (on_g, on_d) = third.of(e, a, b), third.of(e, g, d)
    e, a, b, g, d = e[each], a[each], b[each], g[each], d[each]
    u, v, _ = _modes(w, len(e))
    grow, shrink = tau.less_one(), tau.inverse().less_one()
    first_error = -(alpha[each] * gamma[each] * grow * c[e])
    second_error = -(beta[each] * delta[each] * shrink * c[e])
    slots = {
        0: Update(u, e, b, alpha[each] * grow),
        1: Update(v, e, g, delta[each] * shrink),
        2: Update(u, a, b, first_error * on_a[each] / c[a]),
        3: Update(v, b, a, first_error * on_b[each] / c[b]),
        4: Update(u, g, d, second_error * on_g[each] / c[g]),
        5: Update(v, d, g, second_error * on_d[each] / c[d]),
    }
    return _exchanges(slots)


class Outcomes(NamedTuple):
    """What N exchanges would leave."""

    vectors: Integers
    """The vector of each update, primitive, shape (d², N, 6); zero when its product vanishes."""
    coefficients: Ratio
    """Of the products of updates 1 to 5, shape (N, 5); the first two updates are of one product."""
    possible: NDArray[np.bool_]
    """Whether all numbers stay small, shape (N,)."""


def outcomes(scheme: IntegerScheme, candidates: Exchanges) -> Outcomes:
    """Carry out each of the candidates on the scheme as it stands."""
    rows = np.moveaxis(scheme.flat, -1, 0).astype(np.int64)
    p, n, d = candidates.p, candidates.n, candidates.d
    tame = np.maximum(np.maximum(np.abs(p), np.abs(n)), d).max(axis=1, initial=0) <= LARGEST_COEFFICIENT
    p, n, d = (np.where(tame[:, None], part, 1) for part in (p, n, d))
    vectors = p * rows[:, candidates.modes, candidates.targets]
    vectors += n * rows[:, candidates.modes, candidates.sources]
    content = np.maximum(np.gcd.reduce(vectors, axis=0), 1)
    vectors //= content
    factor = ratio(content, d)
    before = Ratio(scheme.numerators, scheme.denominators)[candidates.targets[:, 1:]]
    after = before * factor[:, 1:]
    first = after[:, 0] * factor[:, 0]
    after.num[:, 0], after.den[:, 0] = first.num, first.den
    small = np.maximum(np.abs(after.num), after.den).max(axis=1, initial=0) <= LARGEST_COEFFICIENT
    small &= np.abs(vectors).max(axis=(0, 2), initial=0) <= LARGEST_ENTRY
    changed = candidates.n.any(axis=1)
    return Outcomes(vectors, after, tame & small & changed)


def exchange(scheme: IntegerScheme, candidates: Exchanges, which: int, found: Outcomes) -> IntegerScheme:
    """The scheme after one possible exchange; products that vanish are left out."""
    vectors, numerators, denominators = scheme.vectors.copy(), scheme.numerators.copy(), scheme.denominators.copy()
    flat = vectors.reshape(3, scheme.rank, -1)
    for slot in map(int, np.flatnonzero(candidates.n[which])):
        product = candidates.targets[which, slot]
        flat[candidates.modes[which, slot], product] = found.vectors[:, which, slot]
        column = max(slot - 1, 0)
        numerators[product] = found.coefficients.num[which, column]
        denominators[product] = found.coefficients.den[which, column]
    live = np.flatnonzero(flat.any(axis=-1).all(axis=0))
    return IntegerScheme(scheme.fmt, vectors[:, live], numerators[live], denominators[live])
