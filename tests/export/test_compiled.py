"""C, C++ and Julia: compiled and run where that can be done, read back where it cannot."""

from __future__ import annotations

import re
import shutil
import subprocess
from functools import cache
from typing import TYPE_CHECKING

import pytest

from mmdiscover.errors import ExportError
from mmdiscover.export import LANGUAGES, compiled, emit_checked, export_code
from mmdiscover.export.languages import schedule_quickly
from mmdiscover.export.parsing import parse_text
from mmdiscover.export.program import Kind, Product, expand, program_of
from mmdiscover.export.reading import text_of_c, text_of_cpp, text_of_julia
from mmdiscover.export.sharing import share_subexpressions
from mmdiscover.export.slots import REGIONS, allocate
from mmdiscover.export.writing import Facts
from tests.export.samples import SAMPLES, sample

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mmdiscover.export.program import Program

needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc on the PATH")
needs_gxx = pytest.mark.skipif(shutil.which("g++") is None, reason="no g++ on the PATH")
READERS = {"c": text_of_c, "cpp": text_of_cpp, "julia": text_of_julia}
CHECKED_BY = {"c": needs_gcc, "cpp": needs_gxx}

C_PROGRAM = """\
#include <stdio.h>
#include <stdlib.h>
%s
#include "scheme.h"
int main(void)
{
    enum { N = 16 };
    static T a[N * N], b[N * N], c[N * N];
    T *work = malloc((PREFIX(workspace)(N, N, N, CUTOFF) + 1) * sizeof *work);
    for (int i = 0; i < N * N; i++) a[i] = (T)(i %% 17 - 8), b[i] = (T)(i %% 13 - 6);
    PREFIX(multiply)(N, N, N, a, N, b, N, c, N, CUTOFF, work);
    for (int i = 0; i < N * N; i++) printf("%%ld ", (long)c[i]);
    free(work);
    return 0;
}
"""


@cache
def shared(name: str) -> Program:
    """The program of a sample, in reading order."""
    return share_subexpressions(program_of(sample(name).scheme))


def emitted(name: str, language: str) -> str:
    """Not checked."""
    return LANGUAGES[language].emit(shared(name), Facts.of(sample(name)))


def compile_c(folder: Path, name: str, before: str, *options: str) -> subprocess.CompletedProcess[str]:
    (folder / "scheme.h").write_text(emitted(name, "c"))
    (folder / "main.c").write_text(C_PROGRAM % before)
    command = ["gcc", "-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", *options, "main.c", "-o", "main"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def product_16() -> list[int]:
    a = [[(16 * i + j) % 17 - 8 for j in range(16)] for i in range(16)]
    b = [[(16 * i + j) % 13 - 6 for j in range(16)] for i in range(16)]
    return [sum(a[i][j] * b[j][k] for j in range(16)) for i in range(16) for k in range(16)]


def definitions(entry: str, cutoff: int = 0) -> str:
    return f"#define T {entry}\n#define MM_TYPE T\n#define PREFIX(x) mm_2x2x2_7_##x\n#define CUTOFF {cutoff}\n"


@needs_gcc
@pytest.mark.parametrize("entry", ["double", "float", "long long", "short", "unsigned long"])
def test_an_exact_16x16_product_of_any_type_in_c(entry: str, tmp_path: Path) -> None:
    assert compile_c(tmp_path, "winograd", definitions(entry), "-O2").stderr == ""
    found = subprocess.run([tmp_path / "main"], capture_output=True, text=True, check=True).stdout
    assert list(map(int, found.split())) == product_16()


@needs_gcc
@pytest.mark.parametrize(
    ("name", "entry", "kind"),
    [("rational", "long long", "floating"), ("gaussian", "double", "complex"), ("modulo 2", "double", "integer")],
)
def test_types_that_cannot_hold_the_result_do_not_compile(name: str, entry: str, kind: str, tmp_path: Path) -> None:
    result = compile_c(tmp_path, name, definitions(entry))
    assert result.returncode != 0
    assert f"mm_2x2x2_7_type_is_{kind}" in result.stderr


@needs_gcc
def test_the_base_case_is_called_at_the_cutoff(tmp_path: Path) -> None:
    base = """
    static void base(size_t n, size_t m, size_t p, const T *a, size_t lda, const T *b, size_t ldb, T beta, T *c,
        size_t ldc)
    {
        if (n != 4 || m != 4 || p != 4) abort();
        printf("%d:", (int)beta);
        for (size_t i = 0; i < n; i++)
            for (size_t k = 0; k < p; k++) {
                c[i * ldc + k] = 0;
                for (size_t j = 0; j < m; j++) c[i * ldc + k] += a[i * lda + j] * b[j * ldb + k];
            }
    }
    #define MM_GEMM base
    """
    result = compile_c(tmp_path, "strassen", "#include <stddef.h>\n" + definitions("double", 7) + base)
    assert result.stderr == ""
    found = subprocess.run([tmp_path / "main"], capture_output=True, text=True, check=True).stdout
    assert found.count("0:") == 49
    assert list(map(int, found.rpartition(":")[2].split())) == product_16()


@needs_gcc
def test_the_blas_call_of_the_header_works(tmp_path: Path) -> None:
    lines = emitted("strassen", "c").splitlines()
    (first,) = (number for number, line in enumerate(lines) if "#define MM_GEMM" in line)
    macro = "\n".join(line.removeprefix(" *") for line in lines[first : first + 2])
    blas = """
    enum { CblasRowMajor = 101, CblasNoTrans = 111 };
    static void cblas_dgemm(int order, int transa, int transb, int m, int n, int k, double alpha, const double *a,
        int lda, const double *b, int ldb, double beta, double *c, int ldc)
    {
        if (order != CblasRowMajor || transa != CblasNoTrans || transb != CblasNoTrans) abort();
        for (int i = 0; i < m; i++)
            for (int j = 0; j < n; j++) {
                double sum = beta == 0 ? 0 : beta * c[i * ldc + j];
                for (int l = 0; l < k; l++) sum += alpha * a[i * lda + l] * b[l * ldb + j];
                c[i * ldc + j] = sum;
            }
    }
    """
    result = compile_c(tmp_path, "strassen", definitions("double", 5) + blas + macro)
    assert result.stderr == ""
    found = subprocess.run([tmp_path / "main"], capture_output=True, text=True, check=True).stdout
    assert list(map(int, found.split())) == product_16()


@needs_gxx
def test_a_base_case_and_a_type_of_ones_own_in_cpp(tmp_path: Path) -> None:
    program = """
    #include <cstdio>
    #include <vector>
    #include "scheme.hpp"
    struct Modular {
        long value;
        Modular(int x = 0) : value(((x % 101) + 101) % 101) {}
        Modular operator+(Modular y) const { return int(value + y.value); }
        Modular operator-() const { return int(-value); }
        Modular operator*(Modular y) const { return int(value * y.value); }
        Modular operator/(Modular y) const { Modular z = 1; for (int i = 0; i < 99; i++) z *= y; return *this * z; }
        Modular& operator+=(Modular y) { return *this = *this + y; }
        Modular& operator*=(Modular y) { return *this = *this * y; }
        bool operator==(Modular y) const { return value == y.value; }
    };
    struct Base : mm_2x2x2_7::Loops {
        int* calls;
        template <class... X> void operator()(X... x) const { ++*calls; Loops::operator()(x...); }
    };
    int main()
    {
        const int n = 16;
        int calls = 0;
        Base base;
        base.calls = &calls;
        std::vector<Modular> a(n * n), b(n * n), c(n * n), work(mm_2x2x2_7::workspace(n, n, n, 4));
        for (int i = 0; i < n * n; i++) a[i] = i % 17 - 8, b[i] = i % 13 - 6;
        mm_2x2x2_7::multiply(n, n, n, a.data(), n, b.data(), n, c.data(), n, 4, work.data(), base);
        for (auto x : c) std::printf("%ld ", x.value);
        return calls == 49 ? 0 : 1;
    }
    """
    (tmp_path / "scheme.hpp").write_text(emitted("rational", "cpp"))
    (tmp_path / "main.cpp").write_text(program)
    options = ["-std=c++17", "-Wall", "-Wextra", "-Werror", "-pedantic"]
    subprocess.run(["g++", *options, "main.cpp", "-o", "main"], cwd=tmp_path, check=True)
    found = subprocess.run([tmp_path / "main"], capture_output=True, text=True, check=True).stdout
    assert list(map(int, found.split())) == [entry % 101 for entry in product_16()]


@needs_gxx
@pytest.mark.parametrize(
    ("name", "entry", "message"),
    [("rational", "int", "fractions"), ("gaussian", "double", "complex"), ("modulo 2", "double", "modulo 2")],
)
def test_templates_state_what_they_ask_of_types(name: str, entry: str, message: str, tmp_path: Path) -> None:
    call = f"void f({entry}* x) {{ mm_2x2x2_7::multiply<{entry}>(2, 2, 2, x, 2, x, 2, x, 2, 0, x); }}"
    (tmp_path / "main.cpp").write_text(emitted(name, "cpp") + call)
    result = subprocess.run(
        ["g++", "-std=c++17", "-fsyntax-only", "main.cpp"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert re.search(f"static assertion failed: .*{message}", result.stderr)


@pytest.mark.parametrize("language", READERS)
@pytest.mark.parametrize("name", [*SAMPLES, "4x4x4"])
def test_formulas_are_read_back(language: str, name: str) -> None:
    scheme = sample(name).scheme
    read = expand(parse_text(READERS[language](emitted(name, language)), scheme))
    assert read == expand(program_of(scheme))


FORMULAS = [
    ("c", "a11[ij] - a21[ij]", "a11[ij] + a21[ij]"),
    ("c", "MM_PRODUCT(m2, x, m, y, p)", "MM_PRODUCT(m2, y, p, x, m)"),
    ("c", "    MM_SUM_C(c12[ij] = m1[k] + m3[k]);\n", ""),
    ("cpp", "sum_a(x, a11, -a21)", "sum_a(x, a11, a21)"),
    ("cpp", "product(m1, sum_a(x, a11, a12), b22)", "product(m1, sum_a(x, a11, a12), b21)"),
    ("julia", "@. a11 - a21", "@. a11 + a21"),
    ("julia", "@. c12 = m1 + m3", "@. c12 = m1 + 2 * m3"),
    ("julia", "product((@. a11 + a12), b22, cutoff)", "product(b22, (@. a11 + a12), cutoff)"),
]
SURROUNDINGS = [
    ("c", "*a12 = a + m;", "*a12 = a;"),
    ("c", "*m2 = work_c + n * p", "*m2 = work_c"),
    ("c", "size += ", "size = "),
    ("c", "if (inner < m)", "if (0)"),
    ("c", "if (rows < n)", "if (0)"),
    ("c", "if (columns < p)", "if (n > 30)"),
    ("c", "c[i * ldc + k] = beta == 0 ? 0 : c[i * ldc + k];", "c[i * ldc + k] = 0;"),
    (
        "c",
        "mm_2x2x2_7_gemm(n, m, p, a, lda, b, ldb, 0, c, ldc);",
        "mm_2x2x2_7_gemm(n, m, p, a, lda, b, ldb, 1, c, ldc);",
    ),
    ("c", "*rest = work_c + 7 * n * p", "*rest = work_c"),
    ("c", "#endif", "#endi"),
    ("c", "#endif\n\nstatic", "#endif\nint unused(void) { int x; return 0; }\nstatic"),
    ("cpp", "a12(a + m, lda)", "a12(a, lda)"),
    ("cpp", "if (rows < n) base", "if (rows < n && false) base"),
    ("cpp", "T(1), c, ldc);", "T(0), c, ldc);"),
    ("cpp", "m2(work_c + n * p, p)", "m2(work_c, p)"),
    ("cpp", "namespace mm", "namespace nn"),
]


@pytest.mark.parametrize(("language", "old", "new"), FORMULAS)
def test_wrong_formulas_are_refused_without_a_compiler(
    language: str, old: str, new: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    code, scheme = emitted("strassen", language), sample("strassen").scheme
    assert old in code
    with pytest.raises(ExportError):
        LANGUAGES[language].check(code.replace(old, new, 1), scheme)


@pytest.mark.parametrize(
    ("language", "old", "new"), [pytest.param(*case, marks=CHECKED_BY[case[0]]) for case in SURROUNDINGS]
)
def test_what_surrounds_the_formulas_is_run(language: str, old: str, new: str) -> None:
    code, scheme = emitted("strassen", language), sample("strassen").scheme
    assert old in code
    with pytest.raises(ExportError):
        LANGUAGES[language].check(code.replace(old, new, 1), scheme)


@pytest.mark.parametrize(("language", "program"), [("c", "cc"), ("cpp", "c++"), ("julia", "julia")])
def test_a_note_says_what_was_not_run(language: str, program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    emitted = emit_checked(sample("winograd"), language)
    assert emitted.code == export_code(sample("winograd"), language)
    assert f"was not run, as there is no working {program}" in emitted.note


def test_a_compiler_that_does_not_work_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for broken in ("/bin/false", "/bin/true", "/dev/null"):  # it fails, it makes no program, it cannot be executed
        monkeypatch.setattr(shutil, "which", lambda _, broken=broken: broken)
        assert "no working cc or gcc" in emit_checked(sample("strassen"), "c").note


def test_what_hangs_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "_TIMEOUT", 0.1)
    assert "more than 0.1 s" in compiled._fails(["sleep", "5"], tmp_path)


@pytest.mark.parametrize("order", [lambda program: program, schedule_quickly])
@pytest.mark.parametrize("name", ["winograd", "laderman", "rational"])
def test_no_slot_is_overwritten_while_it_is_needed(name: str, order: Callable[[Program], Program]) -> None:
    program = order(shared(name))
    slots = allocate(program)
    holds: dict[tuple[Kind, int], object] = {}
    for statement in program.statements:
        forms = (statement.left, statement.right) if isinstance(statement, Product) else (statement.form,)
        for _, variable in (term for form in forms for term in form):
            if variable in slots.places:
                assert holds[REGIONS[variable.kind], slots.places[variable]] == variable
        if statement.target in slots.places:
            region, place = REGIONS[statement.target.kind], slots.places[statement.target]
            assert place < slots.counts[region]
            assert region is Kind.C or place > 0
            holds[region, place] = statement.target


def test_a_good_order_needs_less_workspace() -> None:
    program = shared("laderman")
    before, after = allocate(program).counts, allocate(schedule_quickly(program)).counts
    assert before == {Kind.A: 9, Kind.B: 9, Kind.C: 24}
    assert 2 * sum(after.values()) <= sum(before.values())
