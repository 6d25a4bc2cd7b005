"""Pages of the documentation: their examples run, and what they say is tested is tested."""

from __future__ import annotations

import ast
import doctest
import re
import warnings
from pathlib import Path

import pytest

from mmdiscover import decompositions
from mmdiscover.decompositions import NotConvergedWarning

ROOT = Path(__file__).parents[1]
TESTS = sorted((ROOT / "tests" / "decompositions").rglob("*.py"))
PAGES = sorted((ROOT / "docs" / "tensors").glob("*.md"))
OTHERS = [ROOT / "docs" / name for name in ("discrete.md", "multiply.md")]
NAMED_TEST = re.compile(r"([\w/]+\.py)((?:::\w+)*)")


@pytest.mark.parametrize("page", [*PAGES, *OTHERS], ids=lambda page: page.stem)
def test_examples_run(page: Path) -> None:
    options = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    with warnings.catch_warnings():
        # Readers are shown what does not converge, too.
        warnings.simplefilter("ignore", NotConvergedWarning)
        failed, _ = doctest.testfile(str(page), module_relative=False, optionflags=options, encoding="utf-8")
    assert failed == 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_row_names_tests_that_exist(page: Path) -> None:
    _, _, section = page.read_text(encoding="utf-8").partition("## What holds this")
    rows = [row for row in section.splitlines() if row.startswith("| ✓")]
    assert rows or page.stem == "README"
    for row in rows:
        named, reports = NAMED_TEST.findall(row), re.findall(r"reports/\w+\.md", row)
        assert named or reports, row
        assert all((ROOT / report).exists() for report in reports), row
        for file, test in named:
            paths = [path for path in TESTS if path.as_posix().endswith(f"/{file}")]
            assert len(paths) == 1, row
            tree = ast.parse(paths[0].read_text(encoding="utf-8"))
            names = {node.name for node in ast.walk(tree) if isinstance(node, (ast.ClassDef, ast.FunctionDef))}
            assert names.issuperset(test.split("::")[1:]), row


@pytest.mark.parametrize("page", [ROOT / "docs" / "tensors" / "README.md"], ids=["README"])
def test_every_public_name_is_on_a_page(page: Path) -> None:
    text = "\n".join(other.read_text(encoding="utf-8") for other in page.parent.glob("*.md"))
    assert [name for name in decompositions.__all__ if not re.search(rf"\b{name}\b", text)] == []
