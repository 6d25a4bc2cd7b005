"""Benchmarks: what is printed, not how fast it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import CommandLine

KEYS = {"scheme", "iteration_ms", "reduced_solve_ms", "full_solve_ms"}


def test_lm_json_has_the_agreed_keys(cli: CommandLine) -> None:
    result = cli("bench", "lm", "1x1x2:2", "2x2x2:7", "--json")
    assert (result.code, result.err, set(result.document)) == (0, "", {"cases"})
    cases = result.document["cases"]
    assert [case["scheme"] for case in cases] == ["1x1x2:2", "2x2x2:7"]
    for case in cases:
        assert set(case) == KEYS
        assert all(case[key] > 0 for key in KEYS - {"scheme"})


def test_lm_table_has_ratios(cli: CommandLine) -> None:
    header, row = cli("bench", "lm", "1x1x2:2").out.splitlines()
    assert header.startswith("scheme")
    assert "iteration/reduced" in header
    name, iteration, reduced, full, by_reduced, by_full = row.split()
    assert name == "1x1x2:2"
    # The times are rounded to a microsecond, and small.
    assert float(by_reduced) == pytest.approx(float(iteration) / float(reduced), rel=0.5)
    assert float(by_full) == pytest.approx(float(iteration) / float(full), rel=0.5)


@pytest.mark.parametrize(
    ("scheme", "words"), [("2x2x2", "2x2x2:8"), ("2x2", "three sizes"), ("2x2x2:3", "fewer than 4 products")]
)
def test_lm_refuses_what_cannot_be_timed(cli: CommandLine, scheme: str, words: str) -> None:
    cli("bench", "lm", scheme).assert_refused(scheme, words)
