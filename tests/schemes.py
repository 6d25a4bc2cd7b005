"""Known schemes, written down as their authors published them."""

from __future__ import annotations

import re

import numpy as np

from mmdiscover.core.format import Format
from mmdiscover.core.scheme import Scheme
from mmdiscover.core.tensor import matmul_triples

_TERM = re.compile(r"([+-]?)([abm])(\d+)")


def strassen() -> Scheme:
    """⟨2,2,2:7⟩ with 18 additions: V. Strassen, Numer. Math. 13 (1969)."""
    return from_text(
        "2x2x2",
        """
        (a11+a22)(b11+b22)
        (a21+a22)(b11)
        (a11)(b12-b22)
        (a22)(-b11+b21)
        (a11+a12)(b22)
        (-a11+a21)(b11+b12)
        (a12-a22)(b21+b22)
        """,
        """
        c11 = m1+m4-m5+m7
        c21 = m2+m4
        c12 = m3+m5
        c22 = m1+m3-m2+m6
        """,
    )


def winograd() -> Scheme:
    """⟨2,2,2:7⟩ of Strassen and Winograd: 24 naive additions, 15 with shared subexpressions."""
    return from_text(
        "2x2x2",
        """
        (a11)(b11)
        (a12)(b21)
        (a12-a21-a22+a11)(b22)
        (a22)(b22-b12+b11-b21)
        (a21+a22)(b12-b11)
        (a21+a22-a11)(b22-b12+b11)
        (a11-a21)(b22-b12)
        """,
        """
        c11 = m1+m2
        c12 = m1+m3+m5+m6
        c21 = m1-m4+m6+m7
        c22 = m1+m5+m6+m7
        """,
    )


def laderman() -> Scheme:
    """⟨3,3,3:23⟩: J. D. Laderman, Bull. Amer. Math. Soc. 82 (1976) 126–128."""
    return from_text(
        "3x3x3",
        """
        (a11+a12+a13-a21-a22-a32-a33)(b22)
        (a11-a21)(-b12+b22)
        (a22)(-b11+b12+b21-b22-b23-b31+b33)
        (-a11+a21+a22)(b11-b12+b22)
        (a21+a22)(-b11+b12)
        (a11)(b11)
        (-a11+a31+a32)(b11-b13+b23)
        (-a11+a31)(b13-b23)
        (a31+a32)(-b11+b13)
        (a11+a12+a13-a22-a23-a31-a32)(b23)
        (a32)(-b11+b13+b21-b22-b23-b31+b32)
        (-a13+a32+a33)(b22+b31-b32)
        (a13-a33)(b22-b32)
        (a13)(b31)
        (a32+a33)(-b31+b32)
        (-a13+a22+a23)(b23+b31-b33)
        (a13-a23)(b23-b33)
        (a22+a23)(-b31+b33)
        (a12)(b21)
        (a23)(b32)
        (a21)(b13)
        (a31)(b12)
        (a33)(b33)
        """,
        """
        c11 = m6+m14+m19
        c12 = m1+m4+m5+m6+m12+m14+m15
        c13 = m6+m7+m9+m10+m14+m16+m18
        c21 = m2+m3+m4+m6+m14+m16+m17
        c22 = m2+m4+m5+m6+m20
        c23 = m14+m16+m17+m18+m21
        c31 = m6+m7+m8+m11+m12+m13+m14
        c32 = m12+m13+m14+m15+m22
        c33 = m6+m7+m8+m9+m23
        """,
    )


def classical(fmt: Format) -> Scheme:
    """The n·m·p products a_ij b_jk."""
    triples = matmul_triples(fmt)
    u, v, w = (np.eye(size, dtype=int)[:, index] for size, index in zip(fmt.shape, triples.T, strict=True))
    return Scheme(fmt, u, v, w)


def from_text(fmt: str, products: str, entries: str) -> Scheme:
    """A scheme from lines ``(a11+a22)(b11+b22)`` and ``c11 = m1+m4-m5+m7``; sizes up to 9."""
    form = Format.parse(fmt)
    lines = products.split()
    u, v, w = (np.zeros((size, len(lines)), dtype=int) for size in form.shape)
    for q, line in enumerate(lines):
        for sign, letter, index in _TERM.findall(line):
            factor, width = (u, form.m) if letter == "a" else (v, form.p)
            factor[(int(index[0]) - 1) * width + int(index[1]) - 1, q] = int(sign + "1")
    for line in entries.strip().splitlines():
        entry, terms = line.strip().split(" = ")
        i, k = int(entry[1]) - 1, int(entry[2]) - 1
        for sign, _, number in _TERM.findall(terms):
            w[k * form.n + i, int(number) - 1] = int(sign + "1")
    return Scheme(form, u, v, w)
