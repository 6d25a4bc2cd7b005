"""Campaigns and `discover` that look for few additions: where trials begin, and which scheme is the answer."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from mmdiscover.campaign.campaign import run_campaign
from mmdiscover.campaign.learning import Pins, settings_from_mapping
from mmdiscover.campaign.plan import Budget, Method, TrialTask, options, plan_target
from mmdiscover.campaign.runner import Plan, discover
from mmdiscover.campaign.spec import parse_campaign, target_from_settings, target_settings
from mmdiscover.campaign.starts import Starts
from mmdiscover.campaign.stored import open_campaign
from mmdiscover.campaign.trial import NOT_LIFTED, Kernels, run_trial
from mmdiscover.campaign.walks import Begin, Objective, Origin, WalkChoice
from mmdiscover.core.format import Format
from mmdiscover.core.metrics import additions
from mmdiscover.core.ring import Ring
from mmdiscover.core.scheme import Scheme, content_hash
from mmdiscover.discrete.lifting import LiftStatus
from mmdiscover.discrete.ternary import TernarySettings, lift_to_few_additions
from mmdiscover.errors import CapacityError, InputError
from mmdiscover.search import parse_symmetry
from mmdiscover.verify import verify
from results_db.queries.starts import schemes_of_rank
from tests.campaign.fakes import Log
from tests.campaign.test_campaign import Log as CampaignLog
from tests.campaign.test_campaign import Threads
from tests.campaign.test_walks import keep, lifting, trials
from tests.schemes import laderman, strassen, winograd

if TYPE_CHECKING:
    from mmdiscover.campaign.plan import Target
    from mmdiscover.discrete.lifting import Lifted
    from results_db import Database

SMALL = Format(2, 2, 2)
FEW = Pins(objective=Objective.ADDITIONS)


def aim(fmt: Format = SMALL, rank: int = 7) -> Target:
    return plan_target(fmt, rank, FEW, method=Method.BOTH)


def task(target: Target | None = None, index: int = 0) -> TrialTask:
    target = target or aim()
    return TrialTask(target, 1, index, options(target)[0].settings)


def modulo_2(scheme: Scheme) -> Scheme:
    return Scheme(scheme.format, *scheme.arrays, modulus=2)


def few(scheme: Scheme, seed: np.random.SeedSequence, /) -> Lifted:
    return lift_to_few_additions(scheme, seed, TernarySettings(tries=10, flips=200))


def of_these(*found: Scheme) -> Any:
    """A lifting whose result depends on the trial."""

    def lift(scheme: Scheme, seed: np.random.SeedSequence, /) -> Lifted:
        one = found[seed.spawn_key[1]]
        return lifting(one)(scheme, seed)  # type: ignore[no-any-return]

    return lift


# The lifting


def test_few_additions_are_found_and_the_seed_decides() -> None:
    start = modulo_2(laderman())
    settings = TernarySettings(tries=20, flips=500)
    first, again = (lift_to_few_additions(start, np.random.SeedSequence(4), settings) for _ in range(2))
    assert first.status is LiftStatus.LIFTED
    assert first.scheme == again.scheme
    assert verify(first.scheme).verified is not None
    assert (str(first.scheme.ring), first.scheme.rank) == ("ZT", 23)
    assert additions(first.scheme) <= additions(laderman()) == 98


def test_winograds_scheme_becomes_one_with_18_additions() -> None:
    assert additions(winograd()) == 24
    assert additions(few(modulo_2(winograd()), np.random.SeedSequence(1)).scheme) == 18


def test_no_ternary_scheme_is_no_other_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mmdiscover.discrete.ternary.lift_signs", lambda *_: None)
    lifted = few(modulo_2(strassen()), np.random.SeedSequence(1))
    assert (lifted.status, lifted.scheme) == (LiftStatus.UNDECIDED, modulo_2(strassen()))
    assert "of 10 schemes of its rank none" in lifted.reason
    outcome = run_trial(
        replace(task(), origin=Origin(modulo_2(strassen()), ("ab",), "known")), kernels=Kernels(lift_to_few=few)
    )
    assert (outcome.status, outcome.candidate) == (NOT_LIFTED, None)


# Settings


def test_there_is_one_way_to_few_additions() -> None:
    target = aim(Format(3, 3, 3), 23)
    assert (target.objective, target.method) == (Objective.ADDITIONS, Method.DISCRETE)
    (option,) = options(target)
    assert isinstance(option.settings, WalkChoice)
    assert (option.settings.walk.ring, option.settings.begin) == (Ring.Z2, Begin.AT_RANK)
    assert settings_from_mapping(json.loads(json.dumps(asdict(option.settings)))) == option.settings
    # What is learnt there does not mix with what is learnt about ranks.
    others = options(plan_target(Format(3, 3, 3), 23, method=Method.BOTH))
    assert option.settings not in {one.settings for one in others}
    assert plan_target(SMALL, 7).objective is Objective.RANK


@pytest.mark.parametrize(
    ("changes", "options", "message"),
    [
        ({}, {"ring": Ring.Z2}, "objective is additions and ring is Z2: expected no ring"),
        ({}, {"method": Method.NUMERIC}, "objective is additions, which the numerical search knows nothing of"),
        ({"cyclic": True}, {}, "objective is additions and walks are cyclic"),
        ({"symmetries": (parse_symmetry("none"),)}, {}, "are for the numerical search, not for walks"),
    ],
)
def test_what_cannot_be(changes: dict[str, Any], options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        plan_target(SMALL, 7, replace(FEW, **changes), **({"method": Method.BOTH} | options))


def test_a_format_that_no_walk_can_hold() -> None:
    with pytest.raises(CapacityError, match="2x9x15: a factor has 135 entries"):
        aim(Format(2, 9, 15), 200)


TEXT = """\
name = "few"
seed = 3
[[target]]
scheme = "2x2x2:7"
starts = 10
objective = "additions"
"""


def test_the_campaign_file() -> None:
    spec = parse_campaign(TEXT)
    (one,) = spec.targets
    assert (one.target.objective, one.target.method) == (Objective.ADDITIONS, Method.DISCRETE)
    stored = json.loads(json.dumps(target_settings(one)))
    assert target_from_settings(0, SMALL, 7, stored) == one
    old = parse_campaign(TEXT.replace('objective = "additions"', 'objective = "rank"')).targets[0]
    stored = json.loads(json.dumps(target_settings(old)))
    del stored["search"]["objective"]
    assert target_from_settings(0, SMALL, 7, stored) == old
    assert old.target.objective is Objective.RANK


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ('objective = "speed"', "line 6: 'objective' of target 1: is 'speed', expected 'rank' or 'additions'"),
        ("objective = 3", "line 6: 'objective' of target 1: is 3, expected a text"),
        ('objektive = "rank"', "line 6: unknown key 'objektive' of target 1, did you mean 'objective'"),
        ('objective = "additions"\nring = "Z2"', "line 3: target 1: objective is additions and ring is Z2"),
        ('objective = "additions"\nmethod = "numeric"', "line 3: target 1: objective is additions, which the numer"),
    ],
)
def test_bad_files(key: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_campaign(TEXT.replace('objective = "additions"', key))


# Where trials begin


def test_trials_begin_at_the_rank_where_there_are_few_additions(db: Database) -> None:
    assert Starts(db).of(task()).origin is None
    # Modulo 2 will do; a ternary one is better, however many additions it has.
    name = keep(db, modulo_2(strassen()))
    begun = Starts(db).of(task()).origin
    assert begun is not None
    assert (begun.start.modulus, begun.start.rank, begun.parents, begun.move) == (2, 7, (name,), "known")
    many = keep(db, winograd())
    starts = Starts(db)
    assert {origin.parents for index in (0, 1, 2, 4, 5, 6) if (origin := starts.of(task(index=index)).origin)} == {
        (many,)
    }
    least = keep(db, strassen())
    starts.forget()
    parents = [origin.parents for index in range(60) if (origin := starts.of(task(index=index)).origin)]
    assert set(parents) <= {(least,), (many,)}
    # Six more additions: chosen once in 65 times.
    assert parents.count((least,)) >= 40
    # Every fourth one elsewhere, and nothing else is stored.
    assert len(parents) == 45
    # A higher rank is begun at as otherwise: where nothing of the rank is stored.
    assert Starts(db).of(task(aim(Format(2, 2, 3), 11))).origin is not None


def test_a_walk_that_begins_at_the_rank_is_lifted_at_once(db: Database) -> None:
    keep(db, winograd())
    outcome = run_trial(Starts(db).of(task()), kernels=Kernels(lift_to_few=few))
    assert outcome.error is None
    assert (outcome.status, outcome.iterations) == ("exact", 0)
    assert outcome.candidate is not None
    assert additions(outcome.candidate) == 18


# Discover and campaigns


def plan(starts: int = 3, workers: int = 1) -> Plan:
    return Plan(aim(), seed=5, workers=workers, budget=Budget(starts=starts))


def test_the_fewest_additions_of_all_trials_are_the_answer(db: Database) -> None:
    keep(db, modulo_2(strassen()))
    log, kernels = Log(), Kernels(lift_to_few=of_these(winograd(), strassen(), winograd()))
    discovery = discover(db, plan(), log, kernels)
    found = discovery.found
    assert found is not None
    assert (found.verified.hash, found.trial, found.new) == (content_hash(strassen()), 1, True)
    assert (discovery.tally.trials, discovery.tally.fits, log.indices) == (3, 3, [0, 1, 2])
    assert [row["status"] for row in trials(db)] == ["exact"] * 3
    hashes = {name for name, _ in stored(db)}
    assert hashes == {content_hash(strassen()), content_hash(winograd())}


def stored(db: Database) -> list[tuple[str, Scheme]]:
    return schemes_of_rank(db, SMALL, 7, (Ring.ZT,), 99)


def test_the_first_of_equals_is_the_answer(db: Database) -> None:
    keep(db, modulo_2(strassen()))
    found = discover(db, plan(), Log(), Kernels(lift_to_few=of_these(winograd(), strassen(), strassen()))).found
    assert found is not None
    assert found.trial == 1


def test_nothing_ternary_is_no_answer(db: Database) -> None:
    keep(db, modulo_2(strassen()))
    discovery = discover(db, plan(), Log(), Kernels(lift_to_few=lifting(None)))
    assert discovery.found is None
    assert (discovery.tally.trials, stored(db)) == (3, [])


def test_a_campaign_goes_on_from_what_it_has(db: Database) -> None:
    keep(db, winograd())
    record, _ = open_campaign(db, parse_campaign(TEXT))
    end = run_campaign(db, record, CampaignLog(), Threads(1), Kernels(lift_to_few=few))
    (target,) = end.summary.targets
    assert (end.state, target.trials, target.exact, target.fewest_additions) == ("finished", 10, 10, 18)
    assert [row["trial_index"] for row in trials(db) if row["origin"] is None] == [3, 7]
