"""Delete every statement of a file, one at a time, and see which deletions no test notices.

Run by hand: ``python tests/line_deletion.py mmdiscover/verify/brent.py tests/verify``. The work happens in a temporary
copy of the tree; the exit code is 1 when a deletion survived.
"""

from __future__ import annotations

import argparse
import ast
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
COPIED = ("mmdiscover", "results_db", "tests", "experiments", "pyproject.toml", "README.md")
FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)
BLOCKS = ("body", "orelse", "finalbody")


@dataclass(frozen=True)
class Deletion:
    """One statement of a function, by its place in the file."""

    line: int
    last: int
    column: int
    text: str

    def apply(self, source: str) -> str:
        """The source with ``pass`` in place of the statement."""
        lines = source.splitlines(keepends=True)
        lines[self.line - 1 : self.last] = [" " * self.column + "pass\n"] + ["\n"] * (self.last - self.line)
        return "".join(lines)


def statements(node: ast.AST, *, inside: bool = False) -> Iterator[ast.stmt]:
    """All statements inside functions, outer ones first; no docstrings, imports, definitions, annotations, ``pass``."""
    for block in BLOCKS:
        for position, child in enumerate(getattr(node, block, [])):
            documents = position == 0 and isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)
            documents |= isinstance(child, ast.AnnAssign) and child.value is None
            if inside and not documents and not isinstance(child, (*FUNCTION, ast.Import, ast.ImportFrom, ast.Pass)):
                yield child
            yield from statements(child, inside=inside or isinstance(child, FUNCTION))
    for branch in [*getattr(node, "handlers", []), *getattr(node, "cases", [])]:
        yield from statements(branch, inside=inside)


def deletions(source: str) -> list[Deletion]:
    """Every deletion that leaves a program that compiles."""
    lines = source.splitlines()
    found = []
    for statement in statements(ast.parse(source)):
        last = statement.end_lineno or statement.lineno
        deletion = Deletion(statement.lineno, last, statement.col_offset, lines[statement.lineno - 1].strip())
        # `elif` branches and statements that share a line cannot be cut out by lines.
        if lines[statement.lineno - 1][: statement.col_offset].strip() == "" and compiles(deletion.apply(source)):
            found.append(deletion)
    return found


def compiles(source: str) -> bool:
    """Whether a text is a Python program."""
    try:
        compile(source, "<deleted>", "exec")
    except SyntaxError:
        return False
    return True


def copy_tree(target: Path) -> None:
    """The working tree without caches and environments."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, target / name, ignore=shutil.ignore_patterns("__pycache__", "*.db"))
        elif source.exists():
            shutil.copy(source, target / name)


def noticed(tree: Path, file: Path, source: str, tests: list[str], timeout: float) -> bool:
    """Whether the tests fail (or hang) in `tree` with this text in `file`."""
    (tree / file).write_text(source)
    # The copy comes first on the path, so that an installed (editable) mmdiscover is not what is tested.
    environment = os.environ | {
        "PYTHONPATH": str(tree),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HYPOTHESIS_PROFILE": "ci",
        "OPENBLAS_NUM_THREADS": "1",
    }
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    with tempfile.TemporaryFile() as sink:
        try:
            result = subprocess.run(
                command, cwd=tree, env=environment, stdout=sink, stderr=subprocess.STDOUT, timeout=timeout, check=False
            )
        except subprocess.TimeoutExpired:
            return True
        if result.returncode not in (0, 1, 2):  # 2: the tests could not be collected, which is noticed too
            sink.seek(0)
            raise SystemExit(f"pytest could not run ({result.returncode}):\n{sink.read().decode()[-2000:]}")
        return result.returncode != 0


def main() -> None:
    """Try all deletions and name the survivors."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, help="file whose statements are deleted")
    parser.add_argument("tests", nargs="+", help="tests that should notice")
    parser.add_argument("--timeout", type=float, default=300.0, help="seconds after which a run counts as noticed")
    parser.add_argument("--jobs", type=int, default=2, help="runs at the same time")
    parser.add_argument("--lines", help="only statements that start in these lines, such as 50-80")
    options = parser.parse_args()
    file = options.file.resolve().relative_to(ROOT)
    source = (ROOT / file).read_text()
    chosen = deletions(source)
    if options.lines:
        first, last = map(int, options.lines.split("-"))
        chosen = [deletion for deletion in chosen if first <= deletion.line <= last]

    def attempt(deletion: Deletion | None) -> bool:
        with tempfile.TemporaryDirectory() as folder:
            tree = Path(folder)
            copy_tree(tree)
            text = source if deletion is None else deletion.apply(source)
            result = noticed(tree, file, text, options.tests, options.timeout)
        if deletion is not None:
            print(f"{'noticed ' if result else 'SURVIVED'} {file}:{deletion.line}: {deletion.text}", flush=True)
        return result

    if attempt(None):
        raise SystemExit("the tests fail before anything is deleted")
    with ThreadPoolExecutor(options.jobs) as pool:
        outcomes = list(pool.map(attempt, chosen))
    print(f"{len(outcomes) - sum(outcomes)} of {len(outcomes)} deletions survived")
    sys.exit(0 if all(outcomes) else 1)


if __name__ == "__main__":
    main()
