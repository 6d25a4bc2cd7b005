"""Benchmarks: what is printed, not how fast it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mmdiscover import bench
from mmdiscover.bench import FitCosts, FlipTimes, LMTimes, VerifyTimes
from mmdiscover.core.format import scheme_name
from mmdiscover.discrete.formats import classical

if TYPE_CHECKING:
    from mmdiscover.core.format import Format
    from mmdiscover.core.scheme import Scheme
    from tests.cli.conftest import CommandLine

TIMES = {"iteration_ms", "reduced_solve_ms", "full_solve_ms", "ratio", "least_squares_ms"}
KEYS = {"scheme", *TIMES, "parafac_ms"}


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measurements known beforehand."""

    def time_lm(fmt: Format, rank: int) -> LMTimes:
        return LMTimes(scheme_name(fmt, rank), 3.0, 2.0, 10.0, None if fmt.n == 4 else 1234.5678, 0.5)

    def cost_of_fits(fmt: Format, rank: int) -> list[FitCosts]:
        return [FitCosts(scheme_name(fmt, rank), method, 12, 6, 4.0) for method in ("search", "least_squares")]

    monkeypatch.setattr(bench, "time_lm", time_lm)
    monkeypatch.setattr(bench, "cost_of_fits", cost_of_fits)


def test_lm_json_has_the_agreed_keys(cli: CommandLine) -> None:
    result = cli("bench", "lm", "1x1x2:2", "2x2x2:7", "--json")
    assert (result.code, result.err, set(result.document)) == (0, "", {"cases", "fits"})
    cases = result.document["cases"]
    assert [case["scheme"] for case in cases] == ["1x1x2:2", "2x2x2:7"]
    for case in cases:
        assert set(case) == KEYS
        assert all(case[key] > 0 for key in TIMES)
    assert result.document["fits"] == []


@pytest.mark.usefixtures("measured")
def test_lm_without_schemes_also_counts_fits(cli: CommandLine) -> None:
    document = cli("bench", "lm", "--json").document
    assert [case["scheme"] for case in document["cases"]] == ["2x2x2:7", "3x3x3:23", "3x3x4:29", "4x4x4:49"]
    assert [case["ratio"] for case in document["cases"]] == [1.5] * 4
    assert [case["least_squares_ms"] for case in document["cases"]] == [1234.5678] * 3 + [None]
    assert [fit["scheme"] for fit in document["fits"]] == ["2x2x2:7", "2x2x2:7", "2x3x3:15", "2x3x3:15"]
    assert document["fits"][0] == {
        "scheme": "2x2x2:7",
        "method": "search",
        "starts": 12,
        "exact": 6,
        "cpu_seconds": 4.0,
        "exact_per_cpu_second": 1.5,
    }


@pytest.mark.usefixtures("measured")
def test_lm_tables_fit_on_a_terminal(cli: CommandLine) -> None:
    lines = cli("bench", "lm").out.splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert [line.split() for line in lines[1:5]] == [
        ["2x2x2:7", "3.000", "2.000", "1.50", "10.000", "1234.568", "0.500"],
        ["3x3x3:23", "3.000", "2.000", "1.50", "10.000", "1234.568", "0.500"],
        ["3x3x4:29", "3.000", "2.000", "1.50", "10.000", "1234.568", "0.500"],
        ["4x4x4:49", "3.000", "2.000", "1.50", "10.000", "–", "0.500"],
    ]
    assert lines[0].split("  ")[0] == "scheme"
    assert lines[5] == ""
    assert lines[7].split() == ["2x2x2:7", "search", "12", "6", "4.00", "1.50"]
    assert len(lines) == 11


@pytest.mark.usefixtures("measured")
def test_lm_with_a_scheme_prints_one_table(cli: CommandLine) -> None:
    assert len(cli("bench", "lm", "1x1x2:2").out.splitlines()) == 2


@pytest.mark.parametrize(
    ("scheme", "words"), [("2x2x2", "2x2x2:8"), ("2x2", "three sizes"), ("2x2x2:3", "fewer than 4 products")]
)
def test_lm_refuses_what_cannot_be_timed(cli: CommandLine, scheme: str, words: str) -> None:
    cli("bench", "lm", scheme).assert_refused(scheme, words)


def test_verify_json_has_the_agreed_keys(cli: CommandLine) -> None:
    result = cli("bench", "verify", "2x2x2", "1x2x3", "--json")
    assert (result.code, result.err) == (0, "")
    assert [case["scheme"] for case in result.document["cases"]] == ["2x2x2:7", "1x2x3:6"]
    for case in result.document["cases"]:
        assert set(case) == {"scheme", "read_ms", "brent_ms", "arithmetic_ms", "ratio"}
        assert all(case[key] > 0 for key in set(case) - {"scheme"})


def test_verify_prints_a_table(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "time_verify", lambda scheme, *_: VerifyTimes(scheme.name, 1.0, 3.0, 2.0))
    lines = cli("bench", "verify").out.splitlines()
    assert [line.split() for line in lines[1:]] == [
        [name, "1.000", "3.000", "2.000", "1.50"] for name in ("2x2x2:7", "3x3x3:26", "4x4x4:56", "5x5x5:117")
    ]
    assert all(len(line) <= 80 for line in lines)


@pytest.mark.parametrize(("fmt", "words"), [("2x2", "three sizes"), ("999x999x999", "GiB")])
def test_verify_refuses_what_cannot_be_timed(cli: CommandLine, fmt: str, words: str) -> None:
    cli("bench", "verify", fmt).assert_refused(fmt, words)


@pytest.fixture
def paced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Walks whose pace is known beforehand, from starts that take no time."""

    def time_flips(start: Scheme, walkers: int = 1, *, rounds: int) -> FlipTimes:
        assert rounds == 3
        return FlipTimes(start.name, str(start.ring), walkers, 1e7 * walkers, 1.1e7, 0.95 * walkers, 2000.0)

    monkeypatch.setattr(bench, "near_rank", lambda fmt, _, ring: classical(fmt, 2 if ring == "Z2" else 0))
    monkeypatch.setattr(bench, "time_flips", time_flips)


@pytest.mark.usefixtures("paced")
def test_flips_json_has_the_agreed_keys(cli: CommandLine) -> None:
    cases = cli("bench", "flips", "--rounds", 3, "--json").document["cases"]
    four, five = "4x4x4:64", "5x5x5:125"
    assert [(case["scheme"], case["ring"], case["walkers"]) for case in cases] == [
        (four, "Z2", 1),
        (four, "ZT", 1),
        (five, "Z2", 1),
        (five, "ZT", 1),
        (four, "Z2", 2),
    ]
    assert cases[4] == {
        "scheme": four,
        "ring": "Z2",
        "walkers": 2,
        "flips_per_second": 2e7,
        "flips_per_cpu_second": 1.1e7,
        "scaling": 1.9,
        "plain_flips_per_second": 2000.0,
        "ratio": pytest.approx(1e7 / 0.95 / 2000),
    }
    assert len(cli("bench", "flips", "--rounds", 3, "--walkers", 1, "--json").document["cases"]) == 4


@pytest.mark.usefixtures("paced")
def test_flips_prints_a_table(cli: CommandLine) -> None:
    lines = cli("bench", "flips", "--rounds", 3).out.splitlines()
    assert lines[-1].split() == ["4x4x4:64", "Z2", "2", "20,000,000", "11,000,000", "1.90", "2,000", "5,263"]
    assert all(len(line) <= 80 for line in lines)
