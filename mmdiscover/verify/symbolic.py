"""An independent proof by sympy: expand the products of linear forms and compare with the entries of AB."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sympy import GF, QQ, QQ_I
from sympy.polys.rings import ring

from mmdiscover.core.exact import Gaussian

if TYPE_CHECKING:
    from mmdiscover.core.scheme import Scheme


def check_symbolic(scheme: Scheme) -> str | None:
    """Expand Σ_q w_q (Σ u_q a)(Σ v_q b) for every entry of C = AB.

    Polynomials in the entries a_ij and b_jk over Q(i), or GF(2) for a scheme of modulus 2. Every monomial is one a
    times one b, and in each product the a stands on the left, so equality holds for non-commuting entries (blocks) too.

    Parameters
    ----------
    scheme : Scheme

    Returns
    -------
    str or None
        None when all entries agree, else which entry of C differs.
    """
    n, m, p = scheme.format.sizes
    domain = GF(2) if scheme.modulus else QQ_I if _has_gaussian(scheme) else QQ
    names = [f"a{i}_{j}" for i in range(n) for j in range(m)] + [f"b{j}_{k}" for j in range(m) for k in range(p)]
    polynomials, *variables = ring(names, domain)
    a, b = variables[: n * m], variables[n * m :]

    def number(entry: Any) -> Any:
        if isinstance(entry, Gaussian):
            return domain(_rational(entry.re), _rational(entry.im))
        return domain(entry) if scheme.modulus else domain.convert(_rational(entry))

    def linear_form(coefficients: Any, unknowns: Any) -> Any:
        terms = [unknown * number(x) for x, unknown in zip(coefficients, unknowns, strict=True) if x]
        return polynomials.add(*terms) if terms else polynomials.zero

    products = [linear_form(scheme.u[:, q], a) * linear_form(scheme.v[:, q], b) for q in range(scheme.rank)]
    for i in range(n):
        for k in range(p):
            found = linear_form(scheme.w[k * n + i], products)
            expected = polynomials.add(*(a[i * m + j] * b[j * p + k] for j in range(m)))
            if found != expected:
                return f"c{i + 1},{k + 1} expands to {_shorten(found)}, expected {_shorten(expected)}"
    return None


def _has_gaussian(scheme: Scheme) -> bool:
    return any(isinstance(entry, Gaussian) for factor in scheme.arrays for entry in factor.ravel())


def _rational(value: Any) -> Any:
    return QQ(value.numerator, value.denominator)


def _shorten(expression: Any) -> str:
    text = str(expression)
    return text if len(text) <= 120 else text[:120] + "…"
