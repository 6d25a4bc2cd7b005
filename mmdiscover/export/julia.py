"""Emitter: Julia, one module, recursive, for matrices of any sizes."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from mmdiscover.core.exact import Gaussian
from mmdiscover.export.c import identifier
from mmdiscover.export.program import Form, Kind, Product, Program, entries
from mmdiscover.export.slots import is_block
from mmdiscover.export.writing import fill, namer, python_constants, python_sum

if TYPE_CHECKING:
    from mmdiscover.export.writing import Facts

_WIDTH = 100
_CHECK = "multiply(a, b; cutoff=0) == a * b for matrices of integers$exact, of sizes that leave something over"

_BEGIN = '''\
module $P

export multiply

"""
    multiply(a, b; cutoff=64)

Product of two matrices of any sizes that meet. Splits recursively into $nx$m and $mx$p blocks; uses `*`
where the smallest size is at most cutoff or cannot be split, and for what the blocks leave over.
$note
"""
function multiply(a::AbstractMatrix, b::AbstractMatrix; cutoff::Integer=64)
    if size(a, 2) != size(b, 1)
        throw(DimensionMismatch("sizes $(size(a)) and $(size(b)): expected (n, m) and (m, p)"))
    end
    return product(a, b, cutoff)
end

function product(a, b, cutoff)
    n, m, p = size(a, 1) ÷ $n, size(a, 2) ÷ $m, size(b, 2) ÷ $p
    if min(n, m, p) == 0 || min(size(a)..., size(b, 2)) <= cutoff$never
        return a * b
    end
    c = Matrix{$type}(undef, size(a, 1), size(b, 2))
    rows, inner, columns = 1:$n*n, 1:$m*m, 1:$p*p
    @views begin
        step!(c[rows, columns], a[rows, inner], b[inner, columns], cutoff)
        # What the blocks leave over: thin rows and columns.
        c[rows, columns] .+= a[rows, $m*m+1:end] * b[$m*m+1:end, columns]
        c[$n*n+1:end, :] .= a[$n*n+1:end, :] * b
        c[rows, $p*p+1:end] .= a[rows, :] * b[:, $p*p+1:end]
    end
    return c
end

function blocks(x, rows, columns)
    height, width = size(x, 1) ÷ rows, size(x, 2) ÷ columns
    return [view(x, (i-1)*height+1:i*height, (j-1)*width+1:j*width) for i in 1:rows for j in 1:columns]
end

function step!(c, a, b, cutoff)
'''

_END = """\
    return c
end

end # module
"""


def emit(program: Program, facts: Facts) -> str:
    """The program as a Julia module, named by the scheme, that exports ``multiply(a, b; cutoff=64)``.

    Entries may be of any type of numbers: fractions are ``//``, so that exact entries stay exact; the result has the
    type that entries and coefficients have in common.
    """
    name = namer(program, "_")
    constants, assignments = python_constants(program, "{} // {}")
    gaussian = any(isinstance(value, Gaussian) for value in constants)
    fractions = any("//" in assignment for assignment in assignments)
    (n, m), (_, p) = program.format.matrix_shapes[:2]
    note = "The result has the type that entries and coefficients have in common."
    common = ["eltype(a)", "eltype(b)"]
    if gaussian or fractions:
        number = "Rational{Int}" if fractions else "Int"
        common.append(f"Complex{{{number}}}" if gaussian else number)
    values = {
        "P": identifier(facts.name),
        "n": str(n),
        "m": str(m),
        "p": str(p),
        "note": "The result is right modulo 2." if program.modulus else note,
        "exact": " (or with ≈ of floats)" if constants else "",
        "type": f"promote_type({', '.join(common)})",
        "never": "" if program.format.classical_rank > 1 else " || true",
        "nx": f"{n}x",
        "mx": f"{m}x",
    }

    def factor(form: Form) -> str:
        return name(form[0].variable) if is_block(form) else f"(@. {python_sum(form, name, constants)})"

    lines = [
        f"{', '.join(map(name, entries(kind, shape)))} = blocks({kind}, {shape[0]}, {shape[1]})"
        for kind, shape in ((Kind.A, (n, m)), (Kind.B, (m, p)), (Kind.C, (n, p)))
    ]
    lines += ["i = im"] * gaussian + assignments
    for statement in program.statements:
        target = name(statement.target)
        if isinstance(statement, Product):
            lines.append(f"{target} = product({factor(statement.left)}, {factor(statement.right)}, cutoff)")
        elif statement.target.kind is Kind.C:
            lines.append(f"@. {target} = {python_sum(statement.form, name, constants)}")
        else:
            lines.append(f"{target} = @. {python_sum(statement.form, name, constants)}")
    return "".join(
        [
            *(f"# {line}".rstrip() + "\n" for line in facts.lines(program, fill(_CHECK, values))),
            fill(_BEGIN, values),
            *(part + "\n" for line in lines for part in _wrap(line)),
            _END,
        ]
    )


def _wrap(line: str) -> list[str]:
    """Broken after a sign or a comma, where Julia sees that the line goes on."""
    marked = (
        line.replace(" + ", " +\0").replace(" - ", " -\0").replace(", ", ",\0").replace(" ", "\1").replace("\0", " ")
    )
    broken = textwrap.wrap(marked, _WIDTH, initial_indent=" " * 4, subsequent_indent=" " * 8)
    return [part.replace("\1", " ") for part in broken]
