"""Emitter: C++17, one header of templates, recursive, for matrices of any sizes."""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING

from mmdiscover.core.exact import Gaussian
from mmdiscover.export.c import comment, substitutions
from mmdiscover.export.program import Kind, Product, Program, Variable
from mmdiscover.export.slots import REGIONS, allocate, block_rows, is_block
from mmdiscover.export.writing import fill, namer, python_constants, write_sum

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from mmdiscover.core.exact import Exact
    from mmdiscover.export.program import Form
    from mmdiscover.export.writing import Facts

_WIDTH = 100
_CHECK = "compare multiply<$exact> with three plain loops, cutoff 0, for sizes that leave something over"

_USAGE = """
$P::multiply(n, m, p, a, lda, b, ldb, c, ldc, cutoff, work) computes C = AB for A of n x m and
B of m x p, any sizes, stored by rows: row i of A begins at a + i * lda. C must overlap neither A nor B.
work has room for $P::workspace(n, m, p, cutoff) entries. Matrices are split into blocks while all sizes
exceed cutoff; then, and for what the blocks leave over, the base case is called: the last argument, an object
like Loops below.
$note"""

_BEGIN = """\
#ifndef $G_HPP
#define $G_HPP

#include <cstddef>
#include <type_traits>

namespace $P {

using std::size_t;

// Base case: C = AB + beta C, beta being 0 (C may then hold anything) or 1.
struct Loops {
    template <class T>
    void operator()(size_t n, size_t m, size_t p, const T* a, size_t lda, const T* b, size_t ldb, const T& beta,
                    T* c, size_t ldc) const
    {
        for (size_t i = 0; i < n; i++) {
            for (size_t k = 0; k < p; k++) c[i * ldc + k] = beta == T(0) ? T(0) : c[i * ldc + k];
            for (size_t j = 0; j < m; j++)
                for (size_t k = 0; k < p; k++) c[i * ldc + k] += a[i * lda + j] * b[j * ldb + k];
        }
    }
};

inline bool splits(size_t n, size_t m, size_t p, size_t cutoff)
{
    return $splits;
}

inline size_t workspace(size_t n, size_t m, size_t p, size_t cutoff)
{
    size_t size = 0;
    while (splits(n, m, p, cutoff)) {
        n /= $n, m /= $m, p /= $p;
        size += $A * n * m + $B * m * p + $C * n * p;
    }
    return size;
}

// A block that is read, times a coefficient; a block that is written, too.
template <class T>
struct Block {
    const T* data;
    size_t ld;
    T coefficient;
    Block(const T* from, size_t by) : data(from), ld(by), coefficient(1) {}
    friend Block operator*(const T& k, Block x) { return x.coefficient *= k, x; }
    friend Block operator-(Block x) { return x.coefficient = -x.coefficient, x; }
};

template <class T>
struct Target : Block<T> {
    T* out;
    Target(T* to, size_t by) : Block<T>(to, by), out(to) {}
};

template <class T, class... Blocks>
void fuse(const Target<T>& target, size_t rows, size_t columns, const Blocks&... terms)
{
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < columns; j++)
            target.out[i * target.ld + j] = (... + (terms.coefficient * terms.data[i * terms.ld + j]));
}

template <class T, class Base = Loops>
void multiply(size_t n, size_t m, size_t p, const T* a, size_t lda, const T* b, size_t ldb, T* c, size_t ldc,
              size_t cutoff, T* work, const Base& base = Base());

// One step: C = AB, n x m, m x p and n x p being the sizes of one block.
template <class T, class Base>
void step(size_t n, size_t m, size_t p, const T* a, size_t lda, const T* b, size_t ldb, T* c, size_t ldc,
          size_t cutoff, T* work, const Base& base)
{
$demand    using In = const Block<T>;
    using Out = const Target<T>;
    // As if they were all blocks, so that there is one loop for each number of terms only.
    const auto sum = [](Out& target, size_t rows, size_t columns, const auto&... terms) -> Out& {
        fuse(target, rows, columns, static_cast<const Block<T>&>(terms)...);
        return target;
    };
    [[maybe_unused]] const auto sum_a = [&](Out& s, const auto&... x) -> Out& { return sum(s, n, m, x...); };
    [[maybe_unused]] const auto sum_b = [&](Out& t, const auto&... x) -> Out& { return sum(t, m, p, x...); };
    [[maybe_unused]] const auto sum_c = [&](Out& u, const auto&... x) -> Out& { return sum(u, n, p, x...); };
"""

_PRODUCT = """\
    const auto product = [&](Out& target, In& left, In& right) {
        multiply(n, m, p, left.data, left.ld, right.data, right.ld, target.out, p, cutoff, rest, base);
    };
"""

_END = """}

template <class T, class Base>
void multiply(size_t n, size_t m, size_t p, const T* a, size_t lda, const T* b, size_t ldb, T* c, size_t ldc,
              size_t cutoff, T* work, const Base& base)
{
    const size_t rows = n / $n * $n, inner = m / $m * $m, columns = p / $p * $p;
    if (!splits(n, m, p, cutoff)) return base(n, m, p, a, lda, b, ldb, T(0), c, ldc);
    step(n / $n, m / $m, p / $p, a, lda, b, ldb, c, ldc, cutoff, work, base);
    // What the blocks leave over: thin rows and columns.
    if (inner < m) base(rows, m - inner, columns, a + inner, lda, b + inner * ldb, ldb, T(1), c, ldc);
    if (rows < n) base(n - rows, m, p, a + rows * lda, lda, b, ldb, T(0), c + rows * ldc, ldc);
    if (columns < p) base(rows, m, p - columns, a, lda, b + columns, ldb, T(0), c + columns, ldc);
}

}  // namespace $P

#endif
"""


def emit(program: Program, facts: Facts) -> str:
    """The program as a C++17 header: a namespace named by the scheme, with ``multiply`` and ``workspace``.

    Any type of entries with +, -, * and conversion from int will do; what the coefficients ask for beyond that is
    asserted where the template is instantiated: division (no integers) for fractions, construction from a real and an
    imaginary part (as std::complex) for Gaussian ones, integers for a scheme modulo 2.
    """
    name = namer(program, "_")
    constants, assignments = python_constants(program, "T({}) / T({})")
    n, m, p = program.format.sizes
    slots = allocate(program)
    note, demand = _type_rule(program, constants)
    exact = "double" if constants else "long long"
    values = {**substitutions(program, facts, slots), "note": note, "demand": demand, "exact": exact}
    lines = [
        line
        for type_name, kind, shape in (("In", Kind.A, (n, m)), ("In", Kind.B, (m, p)), ("Out", Kind.C, (n, p)))
        for row in block_rows(kind, shape, name)
        for line in _declared(type_name, row, f"ld{kind}")
    ]
    for region, begin, targets in slots.areas(name):
        lines += [f"T* work_{region} = {begin};", *_declared("Out", targets, "m" if region is Kind.A else "p")]
    lines.append(f"T* rest = {slots.rest};")
    if any(isinstance(value, Gaussian) for value in constants):
        lines.append("const T i(0, 1);")
    lines += ["const T " + _BARE.sub(r"T(\1)", assignment) + ";" for assignment in assignments]

    def factor(form: Form, side: Kind) -> str:
        if is_block(form):
            return name(form[0].variable)
        return f"sum_{side}({slots.buffers[side]}, {_terms(form, name, constants)})"

    formulas = []
    for statement in program.statements:
        target = name(statement.target)
        if isinstance(statement, Product):
            left, right = factor(statement.left, Kind.A), factor(statement.right, Kind.B)
            formulas.append(f"product({target}, {left}, {right});")
        else:
            region = REGIONS.get(statement.target.kind, Kind.C)
            formulas.append(f"sum_{region}({target}, {_terms(statement.form, name, constants)});")
    header = [*facts.lines(program, fill(_CHECK, values)), *fill(_USAGE, values).split("\n")]
    return "".join(
        [
            comment(header),
            fill(_BEGIN, values),
            *_body(lines),
            _PRODUCT,
            "\n",
            *_body(formulas),
            fill(_END, values),
        ]
    )


_BARE = re.compile(r"(?<![\w(])(\d+)(?![\w)])")
"""A whole number that is a T, not an int, beside other T."""


def _type_rule(program: Program, constants: Mapping[Exact, str]) -> tuple[str, str]:
    """What the header says of types, and the assertion."""
    if program.modulus:
        condition, note = "std::is_integral_v<T>", "Integers only: the result is right modulo 2."
    elif any(isinstance(value, Gaussian) for value in constants):
        condition, note = "std::is_constructible_v<T, int, int>", "Complex types only, as the coefficients are complex."
    elif constants:
        condition, note = "!std::is_integral_v<T>", "No integers, as the coefficients are fractions."
    else:
        return "Any arithmetic type; signed integers must not overflow.", ""
    return note, f'    static_assert({condition}, "{note}");\n'


def _terms(form: Form, name: Callable[[Variable], str], constants: Mapping[Exact, str]) -> str:
    def term(coefficient: Exact, variable: Variable) -> str:
        return name(variable) if coefficient == 1 else f"{constants.get(coefficient, coefficient)} * {name(variable)}"

    return ", ".join(piece.removeprefix("+ ").replace("- ", "-", 1) for piece in write_sum(form, term))


def _declared(type_name: str, row: Iterable[tuple[str, str]], ld: str) -> list[str]:
    names = ", ".join(f"{name}({place}, {ld})" for name, place in row)
    return [f"{type_name} {names};"] if names else []


def _body(lines: list[str]) -> list[str]:
    return [
        part + "\n"
        for line in lines
        for part in textwrap.wrap(line, _WIDTH, initial_indent=" " * 4, subsequent_indent=" " * 8)
    ]
