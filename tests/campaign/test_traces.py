"""Every attempt at refinement leaves a trace in the database, whatever came of it."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from mmdiscover.campaign.plan import Budget, plan_target
from mmdiscover.campaign.runner import discover
from mmdiscover.campaign.traces import refine_settings_from_mapping, refine_settings_mapping
from mmdiscover.campaign.trial import Kernels
from mmdiscover.core.format import Format
from mmdiscover.core.scheme import canonical_form
from mmdiscover.errors import InputError
from mmdiscover.refine import RefineSettings, RefineStatus, parse_preference
from results_db import queries
from results_db.attempts import StageRecord
from tests.campaign.fakes import Log, ScriptedRefine, ScriptedSearch, refined
from tests.campaign.test_runner import summary, variant
from tests.schemes import strassen

if TYPE_CHECKING:
    from mmdiscover.campaign.runner import Plan
    from mmdiscover.core.scheme import Scheme
    from results_db import Database

ONE, THREE, FOUR = (canonical_form(variant(number)) for number in (0, 3, 4))
"""The first has ring ZT, the others Z."""
U = strassen().u.copy()
U[0, 0] = 0
WRONG = canonical_form(strassen().with_arrays(strassen().format, [U, strassen().v, strassen().w]))
"""The first product lacks a11, so that two coefficients of c11 and two of c22 are wrong."""
VAIN = (StageRecord(name="fix", zeros=3, fixed=4, free=2, residual=0.0),)
DONE = (StageRecord(name="fix", zeros=3, fixed=6, free=0, residual=0.0),)


def kernels(schemes: dict[int, Any], *exact: int, broken: frozenset[int] = frozenset()) -> Kernels:
    return Kernels(ScriptedSearch(exact=frozenset(exact)), ScriptedRefine(schemes, broken=broken))


def traces(db: Database) -> list[list[tuple[Any, ...]]]:
    """Status, ring, reason, stages and scheme of every attempt, by fit."""
    return [
        [(row.status, row.ring, row.reason, row.stages, row.scheme_id) for row in queries.attempts_of_fit(db, fit.id)]
        for fit in queries.list_fits(db)
    ]


def test_what_became_exact_and_what_did_not(db: Database, plan: Plan) -> None:
    discovery = discover(db, plan, Log(), kernels({4: ONE}, 2, 4))
    assert traces(db) == [[("stuck", None, "by script", VAIN, None)], [("exact", "ZT", "", DONE, 1)]]
    assert [fit.state for fit in queries.list_fits(db)] == ["open", "refined"]
    assert discovery.open_fits == (1,)
    assert {row.run for fit in (1, 2) for row in queries.attempts_of_fit(db, fit)} == {0}


def test_a_trace_repeats_the_refinement(db: Database, plan: Plan) -> None:
    settings = RefineSettings(attempts=5, preference=parse_preference("additions,nonzeros"), schemes=2)
    plan = replace(plan, target=plan_target(Format(2, 2, 2), 7, refine=settings))
    seen: list[tuple[Any, ...]] = []

    def refine(factors: Any, settings: RefineSettings, seed: np.random.SeedSequence, /) -> Any:
        seen.append((factors, settings, seed.generate_state(4).tolist()))
        return refined()

    discover(db, plan, Log(), Kernels(ScriptedSearch(exact=frozenset({2, 5})), refine))
    assert len(seen) == 2
    for fit, (factors, used, state) in zip(queries.list_fits(db), seen, strict=True):
        (row,) = queries.attempts_of_fit(db, fit.id)
        seed: Any = row.seed
        again = np.random.SeedSequence(int(seed["entropy"]), spawn_key=seed["spawn_key"])
        assert again.generate_state(4).tolist() == state
        assert refine_settings_from_mapping(row.settings) == used == settings
        assert row.settings["preference"] == "additions,nonzeros"
        stored = queries.load_fit(db, fit.id)
        assert all(np.array_equal(x, y) for x, y in zip(stored.arrays, factors.arrays, strict=True))
        assert row.cpu_seconds is not None
        assert row.cpu_seconds >= 0


def test_all_schemes_of_the_winner_are_stored(db: Database, plan: Plan) -> None:
    found = discover(db, plan, Log(), kernels({4: (ONE, THREE, FOUR)}, 4)).found
    assert found is not None
    assert found.verified.scheme == ONE
    assert (found.scheme_id, found.others) == (1, (2, 3))
    assert [queries.load_scheme(db, str(number)).scheme for number in (1, 2, 3)] == [ONE, THREE, FOUR]
    assert queries.list_fits(db)[0].scheme_ids == (1, 2, 3)
    assert summary(db) == ("finished", 5, 1, 1)
    assert [(row[1], row[4]) for row in traces(db)[0]] == [("ZT", 1), ("Z", 2), ("Z", 3)]


def test_a_rejected_candidate_is_recorded_as_such(db: Database, plan: Plan) -> None:
    log = Log()
    discover(db, plan, log, kernels({2: WRONG}, 2))
    (((status, ring, reason, stages, scheme_id),),) = traces(db)
    assert (status, ring, scheme_id) == ("rejected", "ZT", None)
    assert "Brent equations are violated" in reason
    assert "(residual 4)" in reason
    assert reason == log.rejected[2]
    verification = StageRecord(name="verify", zeros=84 - 35, fixed=84, free=0, residual=4.0)
    assert stages == (*DONE, verification)
    assert queries.list_fits(db, state="open") != []
    assert summary(db) == ("finished", 12, 1, 0)


def test_the_next_candidate_takes_the_place_of_a_rejected_one(db: Database, plan: Plan) -> None:
    found = discover(db, plan, Log(), kernels({2: (WRONG, ONE)}, 2)).found
    assert found is not None
    assert found.verified.scheme == ONE
    assert [(row[0], row[1], row[4]) for row in traces(db)[0]] == [("rejected", "ZT", None), ("exact", "ZT", 1)]
    assert queries.fit_row(db, 1).state == "refined"


def test_a_refinement_that_breaks_leaves_a_trace(db: Database, plan: Plan) -> None:
    discover(db, plan, Log(), kernels({}, 2, 3, broken=frozenset({2})))
    assert traces(db) == [
        [("failed", None, "ZeroDivisionError: refinement 2 is broken", (), None)],
        [("stuck", None, "by script", VAIN, None)],
    ]
    assert [fit.state for fit in queries.list_fits(db)] == ["open", "open"]


@pytest.mark.parametrize("workers", [1, 2])
def test_what_was_overtaken_keeps_its_trace_without_its_scheme(db: Database, plan: Plan, workers: int) -> None:
    # With two workers trials 2 and 4 succeed long before trial 1 does, with one they are not begun.
    schemes: dict[int, Scheme] = {1: ONE, 2: THREE, 4: FOUR}
    search = ScriptedSearch(frozenset({1, 2, 4}), {1: 1.0})
    plan = replace(plan, workers=workers, budget=Budget(starts=5))
    discovery = discover(db, plan, Log(), Kernels(search, ScriptedRefine(schemes)))
    assert discovery.found is not None
    rows = {fit.id: fit for fit in queries.list_fits(db)}
    assert len(rows) == discovery.tally.fits
    refined_fits = [fit.id for fit in rows.values() if fit.state == "refined"]
    assert len(refined_fits) == 1
    assert sorted(discovery.open_fits) == sorted(set(rows) - set(refined_fits))
    assert [row.hash for row in queries.list_schemes(db)] == [discovery.found.verified.hash]
    for fit_id in discovery.open_fits:
        assert rows[fit_id].scheme_ids == ()
        ((status, ring, _, stages, scheme_id),) = traces(db)[fit_id - 1]
        assert (status, ring, stages, scheme_id) == ("exact", "Z", DONE, None)


def test_an_attempt_that_was_outdone_links_to_no_scheme(db: Database, plan: Plan) -> None:
    outdone = replace(refined(ONE), attempts=(*refined().attempts, *refined(THREE).attempts, *refined(ONE).attempts))

    def refine(*_: Any) -> Any:
        return outdone

    discover(db, plan, Log(), Kernels(ScriptedSearch(exact=frozenset({0})), refine))
    assert [(row[0], row[4]) for row in traces(db)[0]] == [("stuck", None), ("exact", None), ("exact", 1)]


def test_residuals_that_are_no_numbers_do_not_lose_the_trace(db: Database, plan: Plan) -> None:
    attempt = refined().attempts[0]
    stage = replace(attempt.stages[0], residual=float("nan"))
    lost = replace(refined(), status=RefineStatus.LOST, attempts=(replace(attempt, stages=(stage,)),))
    discover(db, plan, Log(), Kernels(ScriptedSearch(exact=frozenset({0})), lambda *_: lost))
    assert traces(db)[0][0][3] == (replace(VAIN[0], residual=None),)


@pytest.mark.parametrize("text", ["ternary,additions", "nonzeros", "denominators,ternary"])
def test_settings_are_stored_with_their_preference_as_text(text: str) -> None:
    settings = RefineSettings(attempts=3, preference=parse_preference(text), schemes=2)
    mapping = refine_settings_mapping(settings)
    assert mapping["preference"] == text
    assert refine_settings_from_mapping(mapping) == settings


@pytest.mark.parametrize("change", [{"preference": "beauty"}, {"attempts": 0}, {"colour": "red"}, {"schemes": 99}])
def test_settings_that_are_none_are_refused(change: dict[str, object]) -> None:
    with pytest.raises((TypeError, InputError)):
        refine_settings_from_mapping(refine_settings_mapping(RefineSettings()) | change)


def test_candidates_that_cannot_be_stored_are_rejected(db: Database, plan: Plan) -> None:
    huge = 10**150
    u, v, w = strassen().arrays
    scaled = strassen().with_arrays(strassen().format, [u * huge, v * huge, w * Fraction(1, huge**2)])
    long = scaled.with_arrays(scaled.format, [scaled.u, scaled.v, scaled.w * huge**3])
    discovery = discover(db, plan, Log(), kernels({2: long, 4: ONE}, 2, 4))
    assert discovery.found is not None
    assert discovery.found.trial == 4
    assert [status for trace in traces(db) for status, *_ in trace] == ["rejected", "exact"]
