"""Damaged files: a small run of the experiment, and that it would notice what must not happen."""

from __future__ import annotations

from random import Random
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.mutated_files import judging
from experiments.mutated_files.judging import CRASHED, DIED, REFUTED, UNREADABLE, VERIFIED, WRONG, holds, judge
from experiments.mutated_files.mutations import MOST_BYTES, damaged
from experiments.mutated_files.run import Reader, run
from experiments.mutated_files.seeds import seed_files
from mmdiscover.core.scheme import Scheme
from mmdiscover.interop import EXPORT_FORMATS
from mmdiscover.verify import Verdict, check_brent
from tests.schemes import strassen
from tests.strategies import arbitrary_schemes, known_schemes

if TYPE_CHECKING:
    from pathlib import Path

SEEDS = seed_files()


def test_no_damage_makes_a_reader_fail() -> None:
    tallies, peak = run(files=500, seed=0, memory=2**30, seconds=60.0)
    assert [(name, failure) for name, tally in tallies.items() for failure in tally.failures] == []
    assert sum(tally.outcomes.total() for tally in tallies.values()) == 500
    assert all(
        sum(tally.outcomes[outcome] for tally in tallies.values()) for outcome in (UNREADABLE, REFUTED, VERIFIED)
    )
    assert 0 < peak < 2**30


@pytest.mark.parametrize("name", SEEDS)
def test_undamaged_files_are_verified(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(SEEDS[name])
    assert judge(tmp_path / "file").outcome == VERIFIED
    assert len(SEEDS[name]) < 2000


def test_every_format_is_there() -> None:
    assert set(EXPORT_FORMATS) < set(SEEDS)


def test_damage_is_reproducible_and_bounded() -> None:
    others = list(SEEDS.values())
    for number in range(200):
        content = others[number % len(others)]
        first, second = (damaged(content, others, Random(number)) for _ in range(2))
        assert first == second
        assert len(first) <= MOST_BYTES + 2000
    assert len({damaged(others[0], others, Random(number)) for number in range(200)}) > 150


@given(arbitrary_schemes() | known_schemes | arbitrary_schemes(st.integers(0, 1), modulus=2))
def test_the_oracle_agrees_with_the_equations(scheme: Scheme) -> None:
    assert holds(scheme) == check_brent(scheme).holds


def test_the_oracle_knows_the_modulus() -> None:
    u, v, w = (np.abs(x) for x in strassen().arrays)
    assert not holds(Scheme(strassen().format, u, v, w))
    assert holds(Scheme(strassen().format, u, v, w, modulus=2))


@pytest.fixture
def wrong_file(tmp_path: Path) -> Path:
    path = tmp_path / "wrong.json"
    path.write_bytes(SEEDS["json"].replace(b"-1", b"1"))
    return path


def test_a_wrong_scheme_that_is_verified_is_noticed(wrong_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert judge(wrong_file).outcome == REFUTED

    def credulous(readings: Any) -> tuple[Scheme, Verdict]:
        return readings[0], Verdict(MappingProxyType({}), None, verified=readings[0])

    monkeypatch.setattr(judging, "verify_readings", credulous)
    assert judge(wrong_file).outcome == WRONG


def test_an_exception_is_noticed(wrong_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(judging, "read_schemes", fail)
    assert judge(wrong_file).outcome == CRASHED
    monkeypatch.undo()
    monkeypatch.setattr(judging, "verify_readings", fail)
    assert judge(wrong_file).outcome == CRASHED


def test_a_lost_process_is_noticed_and_replaced() -> None:
    reader = Reader(2**30)
    assert reader.judge(b"").outcome == UNREADABLE
    reader._process.kill()
    assert reader.judge(SEEDS["flip"]).outcome == DIED
    assert reader.judge(SEEDS["flip"]).outcome == VERIFIED
    reader.close()
