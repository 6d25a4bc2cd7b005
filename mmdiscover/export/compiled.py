"""Checks of C, C++ and Julia: formulas are read back and proved; where there is a compiler, the code is run as well."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from mmdiscover.core.ring import Ring
from mmdiscover.errors import ExportError
from mmdiscover.export.c import identifier
from mmdiscover.export.parsing import parse_text
from mmdiscover.export.program import prove
from mmdiscover.export.reading import text_of_c, text_of_cpp, text_of_julia
from mmdiscover.export.writing import fill

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmdiscover.core.scheme import Scheme

_WARNINGS = ["-Wall", "-Wextra", "-Werror", "-pedantic"]
_COMPILERS = {
    "C": (("cc", "gcc", "clang"), ["-x", "c", "-std=c99", *_WARNINGS], "-lm"),
    "C++": (("c++", "g++", "clang++"), ["-x", "c++", "-std=c++17", *_WARNINGS], "-lm"),
}
_TIMEOUT = 120
"""Seconds for a compiler or a program that hangs."""

_HARNESS = """\
$include
#include <stdio.h>
#include <stdlib.h>
#include "scheme.h"

typedef $type entry;
enum { GUARD = 8, PAD = 3 };
static unsigned state = 1;

static int small(void)
{
    state = state * 1103515245u + 12345u;
    return (int)(state >> 16) % 19 - 9;
}

static entry *filled(size_t size)
{
    entry *x = (entry *)malloc((size + 1) * sizeof *x);
    if (!x) exit(2);
    for (size_t i = 0; i < size; i++) x[i] = (entry)small();
    return x;
}

static int is_wrong(size_t n, size_t m, size_t p, size_t cutoff)
{
    const size_t lda = m + PAD, ldb = p + PAD, ldc = p + PAD, size = $workspace(n, m, p, cutoff);
    entry *a = filled(n * lda), *b = filled(m * ldb), *c = filled(n * ldc), *work = filled(size + GUARD);
    int wrong = 0;
    for (size_t i = 0; i < n * ldc; i++) c[i] = (entry)77;
    for (size_t i = 0; i < GUARD; i++) work[size + i] = (entry)77;
    $multiply(n, m, p, a, lda, b, ldb, c, ldc, cutoff, work);
    for (size_t i = 0; i < GUARD; i++) wrong |= work[size + i] != (entry)77;
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < p; k++) {
            entry error = c[i * ldc + k];
            for (size_t j = 0; j < m; j++) error -= a[i * lda + j] * b[j * ldb + k];
            wrong |= $differs;
        }
        for (size_t k = p; k < ldc; k++) wrong |= c[i * ldc + k] != (entry)77;
    }
    free(a), free(b), free(c), free(work);
    return wrong;
}

int main(void)
{
    static const size_t sizes[][4] = {$sizes};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const size_t *s = sizes[i];
        if (is_wrong(s[0], s[1], s[2], s[3])) {
            printf("%dx%d times %dx%d", (int)s[0], (int)s[1], (int)s[1], (int)s[2]);
            return 1;
        }
    }
    return 0;
}
"""


def check_c(code: str, scheme: Scheme) -> str:
    """Prove the formulas; compile and run the header, with any warning an error, where there is a C compiler.

    Products of integers are compared with the classical ones: exactly, for fractions up to rounding.

    Returns
    -------
    str
        Empty, or what was not done.

    Raises
    ------
    ExportError
        If the formulas are others, the header does not compile, or a product is wrong.
    """
    prove(parse_text(text_of_c(code), scheme), scheme)
    prefix = identifier(scheme.name)
    types = {Ring.Q: ["double"], Ring.C: ["double _Complex"]}.get(scheme.ring, ["long long", "double"])
    for entry in ["unsigned long long"] if scheme.modulus else types:
        include, absolute = ("complex.h", "cabs") if scheme.ring is Ring.C else ("math.h", "fabs")
        values = {
            "type": entry,
            "include": f"#define MM_TYPE {entry}\n#include <{include}>",
            "differs": _exactly(scheme) or f"{absolute}(error) > 1e-6",
            "workspace": f"{prefix}_workspace",
            "multiply": f"{prefix}_multiply",
        }
        if not _compile_and_run("C", code, scheme, values):
            return _not_run("C", scheme, *_COMPILERS["C"][0])
    return ""


def check_cpp(code: str, scheme: Scheme) -> str:
    """As `check_c`, for C++."""
    prove(parse_text(text_of_cpp(code), scheme), scheme)
    prefix = identifier(scheme.name)
    entry, include = {Ring.Q: ("double", "<cmath>"), Ring.C: ("std::complex<double>", "<complex>")}.get(
        scheme.ring, ("unsigned long long" if scheme.modulus else "long long", "")
    )
    values = {
        "type": entry,
        "include": f"#include {include}" if include else "",
        "differs": _exactly(scheme) or "std::abs(error) > 1e-6",
        "workspace": f"{prefix}::workspace",
        "multiply": f"{prefix}::multiply",
    }
    return "" if _compile_and_run("C++", code, scheme, values) else _not_run("C++", scheme, *_COMPILERS["C++"][0])


_JULIA_HARNESS = """\
include("scheme.jl")
seed = 1
small(i) = (global seed = (1103515245 * seed + 12345) % 2^31; (seed >> 16) % 19 - 9)
for (n, m, p, cutoff) in [$sizes]
    a, b = small.(zeros(Int, n, m)), small.(zeros(Int, m, p))
    difference = $P.multiply(a, b; cutoff=cutoff) - a * b
    if any(x -> $differs, difference)
        print(n, "x", m, " times ", m, "x", p)
        exit(1)
    end
end
"""


def check_julia(code: str, scheme: Scheme) -> str:
    """Prove the formulas; run the module, on exact matrices of integers, where there is Julia.

    Returns
    -------
    str
        Empty, or what was not done.

    Raises
    ------
    ExportError
        If the formulas are others, the module cannot be run, or a product is wrong.
    """
    prove(parse_text(text_of_julia(code), scheme), scheme)
    if (julia := shutil.which("julia")) is None:
        return _not_run("Julia", scheme, "julia")
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "scheme.jl").write_text(code, encoding="utf-8")
        sizes = ", ".join(map(str, _shapes(scheme)))
        differs = "isodd(x)" if scheme.modulus else "x != 0"
        values = {"P": identifier(scheme.name), "sizes": sizes, "differs": differs}
        (folder / "main.jl").write_text(fill(_JULIA_HARNESS, values), encoding="utf-8")
        if message := _fails([julia, "--startup-file=no", "main.jl"], folder):
            raise ExportError(f"Julia code for {scheme.name} is wrong or cannot be run: {message}")
    return ""


def _exactly(scheme: Scheme) -> str:
    return "error % 2 != 0" if scheme.modulus else "" if scheme.ring in (Ring.Q, Ring.C) else "error != (entry)0"


def _not_run(language: str, scheme: Scheme, *programs: str) -> str:
    return (
        f"the {language} code for {scheme.name} was not run, as there is no working {' or '.join(programs)}: "
        "its formulas were read back and proved, what surrounds them was not tried"
    )


def _compile_and_run(language: str, code: str, scheme: Scheme, values: dict[str, str]) -> bool:
    """False where there is no compiler that works."""
    compilers, options, libraries = _COMPILERS[language]
    compiler = next(filter(None, map(shutil.which, compilers)), None)
    if compiler is None:
        return False
    sizes = ", ".join("{" + ", ".join(map(str, shape)) + "}" for shape in _shapes(scheme))
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "scheme.h").write_text(code, encoding="utf-8")
        (folder / "main").write_text(fill(_HARNESS, values | {"sizes": sizes}), encoding="utf-8")
        build = [compiler, *options, "main", "-o", "program", libraries]
        if message := _fails(build, folder):
            message = f"{language} code for {scheme.name} does not compile: {message}"
        elif message := _fails([str(folder / "program")], folder):
            message = f"{language} code for {scheme.name}: wrong for {values['type']}: {message}"
        if message:
            # It may be the compiler: one without headers, or a folder where nothing may be executed.
            (folder / "main").write_text("#include <stdlib.h>\nint main(void) { return 0; }\n", encoding="utf-8")
            if _fails(build, folder) or _fails([str(folder / "program")], folder):
                return False
            raise ExportError(message)
    return True


def _fails(command: Sequence[str], folder: Path) -> str:
    """Empty if the command succeeds, else the beginning of what it says."""
    try:
        result = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, errors="replace", timeout=_TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired:
        return f"it took more than {_TIMEOUT} s"
    except OSError as error:
        return str(error)
    return (result.stdout + result.stderr)[:1000] or f"exit code {result.returncode}" if result.returncode else ""


def _shapes(scheme: Scheme) -> list[tuple[int, int, int, int]]:
    """(rows, inner, columns, cutoff): one step, two steps, leftovers, nothing to split, empty, base case."""
    n, m, p = scheme.format.sizes
    sizes = [
        (n, m, p),
        (16, 16, 16),
        (n * n + 1, m * m + 1, p * p + 1),
        (2 * n + 1, 2 * m, p),
        (n, 2 * m + 1, 2 * p + 1),
        (1, m, p),
        (n, 0, p),
        (0, m, 0),
        (7, 19, 12),
    ]
    return [*((*shape, 0) for shape in sizes), (16, 16, 16, 4), (17, 15, 13, 20)]
