from __future__ import annotations

import ast
import doctest
import operator
import re
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import sympy

from mmdiscover import __version__
from mmdiscover.core.scheme import Scheme
from mmdiscover.errors import ExportError, InputError
from mmdiscover.export import EFFORTS, LANGUAGES, Fewest, check, emit_checked, export_code, languages
from mmdiscover.export.catalogue import DESCRIPTIONS
from mmdiscover.export.parsing import parse_text, text_of_latex
from mmdiscover.export.program import Kind, Term, Variable, expand, program_of
from mmdiscover.export.writing import Facts, python_line, python_sum
from tests.export.samples import SAMPLES, sample
from tests.schemes import laderman

if TYPE_CHECKING:
    from mmdiscover.core.verified import VerifiedScheme
    from mmdiscover.export import Effort
    from mmdiscover.export.program import Program

ANY_SCHEME = pytest.mark.parametrize("name", SAMPLES)


def run(code: str) -> dict[str, Any]:
    space: dict[str, Any] = {}
    exec(compile(code, "emitted", "exec"), space)
    return space


def python_of(name: str) -> Any:
    return run(export_code(sample(name), "python"))["multiply"]


@ANY_SCHEME
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_header_says_what_it_is(name: str, language: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Compiled runs of a few schemes are enough, see test_numba.py.
    monkeypatch.setattr(check, "_FEW_KERNELS", 0)
    verified = sample(name)
    code = export_code(verified, language)
    for fact in (
        verified.scheme.name,
        verified.hash,
        f"mmdiscover {__version__}",
        f"| ring | {verified.ring}" if language == "markdown" else f"ring       {verified.ring}",
    ):
        assert fact in code
    assert "to check" in code
    assert ("modulo 2" in code) == (name == "modulo 2")
    assert str(Path.cwd()) not in code
    assert re.search(r"20\d\d-\d\d", code) is None
    chosen = LANGUAGES[language]
    program = program_of(verified.scheme)
    for run in chosen.passes:
        program = run(program)
    assert code == chosen.emit(program, Facts.of(verified))
    assert code.endswith("\n")
    assert max(map(len, code.splitlines())) <= 120 or language in ("text", "latex", "markdown", "svg")


def test_additions_are_counted_as_written() -> None:
    assert "additions  15 (24 without shared subexpressions)" in export_code(sample("winograd"), "python")
    assert re.search(r"additions  24$", export_code(sample("winograd"), "text"), re.MULTILINE)
    for name in ("winograd", "laderman"):
        code = export_code(sample(name), "python")
        tree = ast.parse(code)
        count = sum(isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub) for node in ast.walk(tree))
        assert f"additions  {count} " in code


def test_an_unknown_language_lists_the_known_ones() -> None:
    with pytest.raises(InputError, match=f"'cobol': expected one of {', '.join(LANGUAGES)}"):
        export_code(sample("strassen"), "cobol")


def test_the_catalogue_lists_the_languages() -> None:
    assert list(DESCRIPTIONS) == list(LANGUAGES)


def test_the_page_on_export() -> None:
    page = Path(__file__).parents[2] / "docs" / "export.md"
    options = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    assert doctest.testfile(str(page), module_relative=False, optionflags=options, encoding="utf-8").failed == 0
    rows = re.findall(r"^\| `(\w+)` \|", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert rows == list(LANGUAGES)


def test_importing_export_does_not_load_sympy() -> None:
    program = "import sys, mmdiscover.export; sys.exit('sympy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


# Python


@ANY_SCHEME
def test_python_multiplies_integers_and_fractions(name: str) -> None:
    verified = sample(name)
    n, m, p = verified.scheme.format.sizes
    generator = np.random.default_rng(1)
    a, b = (generator.integers(-9, 10, shape).astype(object) for shape in ((n, m), (m, p)))
    for scale in (1, Fraction(1, 7)):
        found = np.array(python_of(name)(a * scale, (b * scale).tolist()), dtype=object)
        if name == "modulo 2":
            if scale == 1:
                assert not ((found - a @ b) % 2).any()
                assert (found - a @ b).any()
        elif name == "gaussian":
            np.testing.assert_allclose(found.astype(complex), (a @ b * scale * scale).astype(float), atol=1e-12)
        else:
            assert (found == a @ b * scale * scale).all()
            assert not any(isinstance(entry, float) for entry in found.ravel())


def test_python_multiplies_blocks_that_do_not_commute() -> None:
    generator = np.random.default_rng(2)
    a, b = generator.integers(-9, 10, (3, 3, 4, 5)), generator.integers(-9, 10, (3, 3, 5, 2))
    found = np.block(python_of("laderman")(a, b, operator.matmul))
    assert (found == np.block([list(row) for row in a]) @ np.block([list(row) for row in b])).all()


def test_python_multiplies_blocks_of_floats_with_fractions() -> None:
    generator = np.random.default_rng(2)
    a, b = generator.random((2, 2, 3, 3)), generator.random((2, 2, 3, 3))
    found = np.block(python_of("rational")(a, b, product=operator.matmul, rational=operator.truediv))
    assert found.dtype == float
    np.testing.assert_allclose(found, np.block([list(row) for row in a]) @ np.block([list(row) for row in b]))


def test_python_recurses_into_itself() -> None:
    multiply = python_of("strassen")
    generator = np.random.default_rng(3)
    a, b = generator.integers(-9, 10, (2, 2, 4, 4)), generator.integers(-9, 10, (2, 2, 4, 4))

    def product(x: Any, y: Any) -> Any:
        return np.block(multiply(*(z.reshape(2, 2, 2, 2).swapaxes(1, 2) for z in (x, y)), operator.matmul))

    found = np.block(multiply(a, b, product))
    assert (found == np.block([list(row) for row in a]) @ np.block([list(row) for row in b])).all()


def test_python_multiplies_symbols() -> None:
    a, b = (sympy.Matrix(2, 2, lambda i, j, x=x: sympy.Symbol(f"{x}{i}{j}", commutative=False)) for x in "ab")
    found = python_of("gaussian")(a.tolist(), b.tolist(), i=sympy.I)
    assert (sympy.Matrix(found) - a * b).expand() == sympy.zeros(2, 2)


def test_coefficients_are_parameters_only_where_they_occur() -> None:
    assert "def multiply(a, b, product=mul):" in export_code(sample("laderman"), "python")
    assert "def multiply(a, b, product=mul, rational=Fraction):" in export_code(sample("rational"), "python")
    assert "def multiply(a, b, product=mul, rational=Fraction, i=1j):" in export_code(sample("gaussian"), "python")


def test_long_lines_of_python_are_broken() -> None:
    for language in ("python", "numpy"):
        code = export_code(sample("4x4x4"), language)
        assert max(map(len, code.splitlines())) <= 100
        assert language == "python" or "\n     [a21, a22, a23, a24],\n" in code
    terms = [f"m{number}" for number in range(1, 60)]
    lines = python_line("c11 = " + " + ".join(terms))
    assert max(map(len, lines)) <= 100
    space = dict.fromkeys(terms, 1)
    exec("\n".join(["if True:", *lines]), {}, space)
    assert space["c11"] == 59


def test_a_leading_minus_negates_the_product() -> None:
    # (-2) * x would fail where x is an array of unsigned integers.
    form = (Term(-2, Variable(Kind.A, (0, 0))), Term(-1, Variable(Kind.A, (0, 1))))
    assert python_sum(form, lambda variable: f"x{variable.indices[1]}", {}) == "-(2 * x0) - x1"


# Text and LaTeX

STRASSEN_TEXT = """\
m1 = (a11 + a12) b22
m2 = (a11 + a22)(b11 + b22)
m3 = a11 (b12 - b22)
m4 = (a11 - a21)(b11 + b12)
m5 = (a12 - a22)(b21 + b22)
m6 = (a21 + a22) b11
m7 = a22 (b11 - b21)
c11 = m2 - m1 + m5 - m7
c12 = m1 + m3
c21 = m6 - m7
c22 = m2 + m3 - m4 - m6
"""


def test_strassen_as_text() -> None:
    header, _, formulas = export_code(sample("strassen"), "text").partition("\n\n")
    assert formulas == STRASSEN_TEXT
    assert all(line.startswith("#") for line in header.splitlines())


def test_two_digits_are_kept_apart() -> None:
    text = export_code(sample("classical 2x1x11"), "text")
    assert "m12 = a2,1 b1,1\n" in text
    assert "c1,11 = m11\n" in text
    assert "c1_11" in export_code(sample("classical 2x1x11"), "python")
    assert "c_{1,11}" in export_code(sample("classical 2x1x11"), "latex")


@ANY_SCHEME
def test_text_and_latex_state_the_scheme(name: str) -> None:
    scheme = sample(name).scheme
    for text in (export_code(sample(name), "text"), text_of_latex(export_code(sample(name), "latex"))):
        assert expand(parse_text(text, scheme)) == scheme


def test_latex_is_balanced_and_breaks_long_lines() -> None:
    for name in SAMPLES:
        code = export_code(sample(name), "latex")
        body = [line for line in code.splitlines() if not line.startswith("%")]
        assert body[0] == r"\begin{align*}"
        assert body[-1] == r"\end{align*}"
        assert all(line.endswith(r"\\") for line in body[1:-2])
        assert not body[-2].endswith("\\")
        assert all(line.count("&") == 1 for line in body[1:-1])
        text = "\n".join(body)
        assert text.count("{") == text.count("}")
        assert text.count("(") == text.count(")")
    assert any(line.startswith(r"  &\quad {} ") for line in export_code(sample("gaussian"), "latex").splitlines())


def test_latex_numbers() -> None:
    assert r"\tfrac{" in export_code(sample("rational"), "latex")
    assert r"\mathrm{i}" in export_code(sample("gaussian"), "latex")


@pytest.mark.parametrize(
    "line",
    [
        "m1 = a11",
        "m1 = a11 b11 b12",
        "c11 = m1 m2",
        "c11 = m1 + + m2",
        "m1 = (a11 b11",
        "m1 = (a11 + a12 b11",
        "c11 = m1 ! m2",
        "m1 = (a11 + a12( b11)",
        "x1 = a11",
        "c11 = 2",
        "c11 m1",
    ],
)
def test_text_that_is_no_formula_is_refused(line: str) -> None:
    with pytest.raises(ExportError, match="cannot read back"):
        parse_text(line, sample("strassen").scheme)


# What fails is not handed out


def broken(monkeypatch: pytest.MonkeyPatch, language: str, old: str, new: str) -> None:
    """Let the emitter of a language write `new` for the first `old`."""
    chosen = LANGUAGES[language]

    def emit(program: Program, facts: Any) -> str:
        code = chosen.emit(program, facts)
        assert old in code
        return code.replace(old, new, 1)

    monkeypatch.setattr(languages, "LANGUAGES", {language: replace(chosen, emit=emit)})


@pytest.mark.parametrize(
    ("language", "old", "new"),
    [
        ("python", "a11 - a21", "a11 + a21"),
        ("python", "product(a11 + a12, b22)", "product(b22, a11 + a12)"),
        ("python", "return [[c11, c12], [c21, c22]]", "return [[c11, c21], [c12, c22]]"),
        ("python", "[[b11, b12], [b21, b22]] = b", "[[b11, b12], [b21, b22]] = a"),
        ("python", "return [[c11, c12], [c21, c22]]", "return [[c11, c12]]"),
        ("python", "return [[c11, c12], [c21, c22]]", "return c11"),
        ("python", "def multiply", "def times"),
        ("python", "return", "retrun"),
        ("numpy", "a11 - a21", "a11 + a21"),
        ("numpy", "[[b11, b12], [b21, b22]] = _blocks(b, 2, 2)", "[[b11, b21], [b12, b22]] = _blocks(b, 2, 2)"),
        ("numpy", "    return c\n", "    return 0\n"),
        ("numpy", "    return c\n", "    return c.astype(float)\n"),
        ("numpy", "c[n:] = a[n:] @ b", "c[n:] = 0"),
        ("numpy", "c[:n, p:] = a[:n] @ b[:, p:]", "c[:n, p:] = 0"),
        ("numpy", "c[:n, :p] += a[:n, m:] @ b[m:, :p]", "c[:n, :p] += 0"),
        ("numpy", "if min(n, m, p) == 0 or min(rows, inner, columns) <= cutoff:", "if False:"),
        ("numpy", "a.astype(dtype, copy=False), b", "a.astype(float), b"),
        ("text", "m2 - m1", "m2 + m1"),
        ("text", "a11 (b12 - b22)", "a11 (b12 - 2 b22)"),
        ("text", "c12 = m1 + m3\n", ""),
        ("latex", "m_{2} - m_{1}", "m_{2} + m_{1}"),
        ("latex", r"\end{align*}", ""),
    ],
)
def test_broken_code_is_refused(monkeypatch: pytest.MonkeyPatch, language: str, old: str, new: str) -> None:
    broken(monkeypatch, language, old, new)
    with pytest.raises(ExportError):
        export_code(sample("strassen"), language)


@pytest.mark.parametrize("language", ["python", "numpy"])
def test_code_of_a_scheme_that_is_none_is_refused(language: str, monkeypatch: pytest.MonkeyPatch) -> None:
    verified: VerifiedScheme = sample("laderman")
    wrong = laderman()
    w = wrong.w.copy()
    w[0, 5] = -w[0, 5]
    monkeypatch.setitem(verified.__dict__, "scheme", wrong.with_arrays(wrong.format, [wrong.u, wrong.v, w]))
    with pytest.raises(ExportError):
        export_code(verified, language)


def test_a_scheme_modulo_2_is_none_over_the_integers() -> None:
    scheme = sample("modulo 2").scheme
    code = export_code(sample("modulo 2"), "python")
    with pytest.raises(ExportError, match="c1,1 is wrong by"):
        LANGUAGES["python"].check(code, sample("strassen").scheme)
    LANGUAGES["python"].check(code, scheme)


def test_an_unproved_pass_cannot_change_the_scheme(monkeypatch: pytest.MonkeyPatch) -> None:
    other = program_of(sample("winograd").scheme)
    chosen = LANGUAGES["text"]
    monkeypatch.setattr(languages, "LANGUAGES", {"text": replace(chosen, passes=(lambda _: other,))})
    with pytest.raises(ExportError):
        export_code(sample("strassen"), "text")


@pytest.mark.parametrize("language", LANGUAGES)
def test_with_more_effort_another_member_of_the_orbit_is_emitted(
    language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check, "_FEW_KERNELS", 0)
    verified = sample("strassen")
    code = emit_checked(verified, language, EFFORTS["orbit"]).code
    assert verified.hash not in code
    # Winograd's 15 where sums are shared, otherwise what the formulas of that member have.
    shared = language not in ("text", "latex", "markdown")
    assert re.search(r"additions[ |]+15 \(24 without" if shared else r"additions[ |]+24", code)
    assert code == emit_checked(verified, language, EFFORTS["orbit"]).code


def test_a_search_that_breaks_a_scheme_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(scheme: Scheme, _: Effort) -> Fewest:
        u = scheme.u.copy()
        u[0, 0] += 1
        wrong = Scheme(scheme.format, u, scheme.v, scheme.w)
        return Fewest(wrong, program_of(wrong))

    monkeypatch.setattr(languages, "fewest_additions", broken)
    with pytest.raises(ExportError, match="fewer additions of 2x2x2:7 broke it"):
        emit_checked(sample("strassen"), "text", EFFORTS["orbit"])
