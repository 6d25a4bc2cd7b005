"""Emitter: C99, one header, recursive, for matrices of any sizes."""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING

from mmdiscover.core.exact import Gaussian
from mmdiscover.export.program import Kind, Product, Program, Variable
from mmdiscover.export.slots import REGIONS, allocate, block_rows, is_block
from mmdiscover.export.writing import fill, namer, python_constants, python_sum

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mmdiscover.core.exact import Exact
    from mmdiscover.export.program import Form
    from mmdiscover.export.slots import Slots
    from mmdiscover.export.writing import Facts

_WIDTH = 100
_HARD = "\0"
_CHECK = "define MM_TYPE as $exact and compare with three plain loops, cutoff 0, for sizes that leave something over"

_USAGE = """
$P_multiply computes C = AB for A of n x m and B of m x p, any sizes, stored by rows: row i of A begins
at a + i * lda. C must overlap neither A nor B. work has room for $P_workspace(n, m, p, cutoff)
entries. Matrices are split into blocks while all sizes exceed cutoff; then, and for what the blocks leave
over, the base case is called.

MM_TYPE   type of the entries, $default unless defined before this header is included.
          $note
MM_GEMM   base case, three plain loops unless defined: MM_GEMM(n, m, p, a, lda, b, ldb, beta, c, ldc)
          computes C = AB + beta C, beta being 0 (C may then hold anything) or 1. With a BLAS:
  #define MM_GEMM(n, m, p, a, lda, b, ldb, beta, c, ldc) cblas_dgemm(CblasRowMajor, CblasNoTrans, \\
      CblasNoTrans, (int)(n), (int)(p), (int)(m), 1.0, a, (int)(lda), b, (int)(ldb), beta, c, (int)(ldc))"""

_BEGIN = """\
#ifndef $G_H
#define $G_H

#include <stddef.h>
$include
#ifdef MM_TYPE
typedef MM_TYPE $P_type;
#else
typedef $default $P_type;
#endif
$demand
static inline void $P_gemm(size_t n, size_t m, size_t p, const $P_type *a, size_t lda,
    const $P_type *b, size_t ldb, $P_type beta, $P_type *c, size_t ldc)
{
#ifdef MM_GEMM
    MM_GEMM(n, m, p, a, lda, b, ldb, beta, c, ldc);
#else
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < p; k++)
            c[i * ldc + k] = beta == 0 ? 0 : c[i * ldc + k];
        for (size_t j = 0; j < m; j++)
            for (size_t k = 0; k < p; k++)
                c[i * ldc + k] += a[i * lda + j] * b[j * ldb + k];
    }
#endif
}

static inline int $P_splits(size_t n, size_t m, size_t p, size_t cutoff)
{
    return $splits;
}

static inline size_t $P_workspace(size_t n, size_t m, size_t p, size_t cutoff)
{
    size_t size = 0;
    while ($P_splits(n, m, p, cutoff)) {
        n /= $n, m /= $m, p /= $p;
        size += $A * n * m + $B * m * p + $C * n * p;
    }
    return size;
}

static inline void $P_multiply(size_t n, size_t m, size_t p, const $P_type *a, size_t lda,
    const $P_type *b, size_t ldb, $P_type *c, size_t ldc, size_t cutoff, $P_type *work);

/* Loops over the entries of one block: ij is the place in a part of A, B or C, k in a temporary. */
#define MM_SUM(rows, columns, ld, sum) \\
    for (size_t row_ = 0; row_ < (rows); row_++) \\
        for (size_t column_ = 0; column_ < (columns); column_++) { \\
            const size_t ij = row_ * (ld) + column_, k = row_ * (columns) + column_; \\
            (void)ij, (void)k; \\
            sum; \\
        }
#define MM_SUM_A(sum) MM_SUM(n, m, lda, sum)
#define MM_SUM_B(sum) MM_SUM(m, p, ldb, sum)
#define MM_SUM_C(sum) MM_SUM(n, p, ldc, sum)
#define MM_PRODUCT(target, x, ldx, y, ldy) \\
    $P_multiply(n, m, p, x, ldx, y, ldy, target, p, cutoff, rest)

/* One step: C = AB, n x m, m x p and n x p being the sizes of one block. */
static inline void $P_step(size_t n, size_t m, size_t p, const $P_type *a, size_t lda,
    const $P_type *b, size_t ldb, $P_type *c, size_t ldc, size_t cutoff, $P_type *work)
{
"""

_END = """}

#undef MM_SUM
#undef MM_SUM_A
#undef MM_SUM_B
#undef MM_SUM_C
#undef MM_PRODUCT

static inline void $P_multiply(size_t n, size_t m, size_t p, const $P_type *a, size_t lda,
    const $P_type *b, size_t ldb, $P_type *c, size_t ldc, size_t cutoff, $P_type *work)
{
    const size_t rows = n / $n * $n, inner = m / $m * $m, columns = p / $p * $p;
    if (!$P_splits(n, m, p, cutoff)) {
        $P_gemm(n, m, p, a, lda, b, ldb, 0, c, ldc);
        return;
    }
    $P_step(n / $n, m / $m, p / $p, a, lda, b, ldb, c, ldc, cutoff, work);
    /* What the blocks leave over: thin rows and columns. */
    if (inner < m)
        $P_gemm(rows, m - inner, columns, a + inner, lda, b + inner * ldb, ldb, 1, c, ldc);
    if (rows < n)
        $P_gemm(n - rows, m, p, a + rows * lda, lda, b, ldb, 0, c + rows * ldc, ldc);
    if (columns < p)
        $P_gemm(rows, m, p - columns, a, lda, b + columns, ldb, 0, c + columns, ldc);
}

#endif
"""

# Types are told apart by what they become beside another one.
_IS_INTEGER = "sizeof(($P_type)0 + 0ULL) == sizeof(0ULL)\n    && sizeof(($P_type)0 + 0.0f) == sizeof(float)"
_IS_COMPLEX = "sizeof(($P_type)0 + (float _Complex)0) == sizeof($P_type)"
_DEMAND = "/* MM_TYPE must be {0}. */\ntypedef char $P_type_is_{0}[\n    {1} ? 1 : -1];\n"


def emit(program: Program, facts: Facts) -> str:
    """The program as a C99 header with ``multiply`` and ``workspace`` functions, named by the scheme.

    Coefficients that are fractions need a floating type, Gaussian ones a complex type (of C99, which is then the
    default), a scheme modulo 2 an integer type (unsigned by default): any other does not compile.
    """
    name = namer(program, "_")
    prefix = identifier(facts.name)
    type_name = f"{prefix}_type"
    constants, assignments = python_constants(program, f"({type_name}){{}} / {{}}")
    gaussian = any(isinstance(value, Gaussian) for value in constants)
    default, note, demand = _type_rule(program, constants)
    n, m, p = program.format.sizes
    slots = allocate(program)
    values = {
        **substitutions(program, facts, slots),
        "include": "#include <complex.h>\n" if gaussian else "",
        "default": default,
        "note": note,
        "demand": fill(demand, {"P": prefix}),
        "exact": "long long" if not constants else "double",
    }
    lines = [
        *(_pointers(f"const {type_name}", row) for row in block_rows(Kind.A, (n, m), name)),
        *(_pointers(f"const {type_name}", row) for row in block_rows(Kind.B, (m, p), name)),
        *(_pointers(type_name, row) for row in block_rows(Kind.C, (n, p), name)),
        *(_pointers(type_name, [(f"work_{region}", at), *names]) for region, at, names in slots.areas(name)),
        _pointers(type_name, [("rest", slots.rest)]),
        *(f"const {type_name} i = _Complex_I;" for _ in range(gaussian)),
        *(f"const {type_name} {assignment};" for assignment in assignments),
        "",
    ]

    def entry(variable: Variable) -> str:
        return f"{name(variable)}[{'ij' if variable.kind in (Kind.A, Kind.B, Kind.C) else 'k'}]"

    def factor(form: Form, side: Kind) -> str:
        row = "m" if side is Kind.A else "p"
        if is_block(form):
            return f"{name(form[0].variable)}, {'ld' + side if form[0].variable.kind is side else row}"
        lines.append(f"MM_SUM_{side.name}({slots.buffers[side]}[k] = {python_sum(form, entry, constants)});")
        return f"{slots.buffers[side]}, {row}"

    for statement in program.statements:
        target = statement.target
        if isinstance(statement, Product):
            left, right = factor(statement.left, Kind.A), factor(statement.right, Kind.B)
            lines.append(f"MM_PRODUCT({name(target)}, {left}, {right});")
        else:
            region = REGIONS.get(target.kind, Kind.C)
            lines.append(f"MM_SUM_{region.name}({entry(target)} = {python_sum(statement.form, entry, constants)});")
    header = [*facts.lines(program, fill(_CHECK, values)), *fill(_USAGE, values).split("\n")]
    return "".join(
        [
            comment(header),
            fill(_BEGIN, values),
            *(part + "\n" for line in lines for part in _wrap(line)),
            fill(_END, values),
        ]
    )


def substitutions(program: Program, facts: Facts, slots: Slots) -> dict[str, str]:
    """What the templates of C and C++ hold in common: names, sizes of the format, slots, when to split."""
    n, m, p = program.format.sizes
    splits = f"n >= {n} && m >= {m} && p >= {p} && n > cutoff && m > cutoff && p > cutoff"
    return {
        "P": identifier(facts.name),
        "G": identifier(facts.name).upper(),
        # A 1x1x1 step would not make the matrices smaller.
        "splits": splits if program.format.classical_rank > 1 else "0 * (n + m + p + cutoff) != 0",
        "n": str(n),
        "m": str(m),
        "p": str(p),
        **{region.name: str(count) for region, count in slots.counts.items()},
    }


def identifier(scheme_name: str) -> str:
    """``mm_2x2x2_7`` for 2x2x2:7."""
    return "mm_" + re.sub(r"\W", "_", scheme_name)


def comment(lines: list[str]) -> str:
    """A C comment."""
    first, *rest = lines
    return "\n".join([f"/* {first}", *(f" * {line}".rstrip() for line in rest), " */"]) + "\n"


def _type_rule(program: Program, constants: Mapping[Exact, str]) -> tuple[str, str, str]:
    """Default type, what the header says of types, and what does not compile where the type is another one."""
    if program.modulus:
        note = "Any integer type (overflow is defined for unsigned ones): the result is right modulo 2."
        return "unsigned long long", note, _DEMAND.format("integer", _IS_INTEGER)
    if any(isinstance(value, Gaussian) for value in constants):
        return (
            "double _Complex",
            "Any complex type, as the coefficients are complex.",
            _DEMAND.format("complex", f"{_IS_COMPLEX}\n    && !({_IS_INTEGER})"),
        )
    if constants:
        note = "Any floating type, as the coefficients are fractions."
        return "double", note, _DEMAND.format("floating", f"!({_IS_INTEGER})")
    return "double", "Any arithmetic type; integers must not overflow unless they are unsigned.", ""


def _pointers(type_name: str, pointers: Iterable[tuple[str, str]]) -> str:
    # Lines are broken between the pointers only.
    return type_name + " " + ", ".join(f"*{name} = {place}".replace(" ", _HARD) for name, place in pointers) + ";"


def _wrap(line: str) -> list[str]:
    broken = textwrap.wrap(line, _WIDTH, initial_indent=" " * 4, subsequent_indent=" " * 8)
    return [part.replace(_HARD, " ") for part in broken] or [""]
