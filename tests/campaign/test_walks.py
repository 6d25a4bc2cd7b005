"""Trials that walk: what they begin at, what becomes of what they find, and how they are recorded."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from mmdiscover.campaign.campaign import run_campaign
from mmdiscover.campaign.learning import Pins, settings_from_mapping
from mmdiscover.campaign.plan import Budget, Method, TrialTask, options, plan_target
from mmdiscover.campaign.reduced import NOISES, ReducedStart
from mmdiscover.campaign.runner import Plan, discover
from mmdiscover.campaign.spec import parse_campaign
from mmdiscover.campaign.starts import Starts, reduced_scheme
from mmdiscover.campaign.stored import open_campaign
from mmdiscover.campaign.trial import NOT_LIFTED, Kernels, run_trial
from mmdiscover.campaign.walks import Begin, Origin, WalkChoice, origin_from_json
from mmdiscover.core.format import Format
from mmdiscover.core.ring import Ring
from mmdiscover.core.scheme import Scheme, content_hash
from mmdiscover.discrete.lifting import Lifted, LiftStatus
from mmdiscover.discrete.settings import Walked, WalkSettings, WalkStatus
from mmdiscover.discrete.walk import walk
from mmdiscover.search import SearchSettings, complete_settings, parse_symmetry
from mmdiscover.verify import verify
from results_db import claims, models, open_database, queries, repository
from results_db.queries.starts import schemes_of_rank
from tests.campaign.fakes import Log
from tests.campaign.test_campaign import InterruptAfter, Threads
from tests.campaign.test_campaign import Log as CampaignLog
from tests.results_db.samples import schemes
from tests.results_db.test_repository import rows
from tests.schemes import classical, laderman, strassen, winograd

if TYPE_CHECKING:
    from mmdiscover.campaign.plan import Target
    from results_db import Database

SMALL = Format(2, 2, 2)
MODULO_2 = Scheme(SMALL, *strassen().arrays, modulus=2)
EIGHT = classical(SMALL)


def aim(fmt: Format = SMALL, rank: int = 7, method: Method = Method.DISCRETE, **options: Any) -> Target:
    return plan_target(fmt, rank, method=method, **options)


def task(target: Target | None = None, index: int = 0, ring: Ring = Ring.ZT, begin: Begin = Begin.FRESH) -> TrialTask:
    return TrialTask(target or aim(), 1, index, WalkChoice(WalkSettings(ring=ring, flips=1000), begin))


@dataclass(frozen=True)
class ScriptedWalk:
    """Ends with what is written down for the trial, else with the classical scheme."""

    found: dict[int, Walked]

    def __call__(
        self, fmt: Format, rank: int, settings: WalkSettings, seed: np.random.SeedSequence, start: Scheme | None, /
    ) -> Walked:
        assert start is None or start.format == fmt
        default = walked(WalkStatus.EXHAUSTED, classical(fmt))
        return self.found.get(seed.spawn_key[1], replace(default, flips=settings.flips + 0 * rank))


def walked(status: WalkStatus, scheme: Scheme | None, rank: int | None = None) -> Walked:
    return Walked(status, scheme, rank or (99 if scheme is None else scheme.rank), 500, ())


def lifting(scheme: Scheme | None) -> Any:
    def lift(modulo: Scheme, seed: np.random.SeedSequence, /) -> Lifted:  # noqa: ARG001
        assert modulo.modulus == 2
        if scheme is None:
            return Lifted(LiftStatus.NOT_LIFTABLE, modulo, "by script", 2)
        return Lifted(LiftStatus.LIFTED, scheme, "", 2)

    return lift


def stored_kinds(db: Database) -> list[tuple[str, str, str | None]]:
    with db.read() as connection:
        return [
            (f"{row.n}{row.m}{row.p}:{row.rank} {row.ring}", row.kind, row.detail)
            for row in connection.exec_driver_sql(
                "SELECT n, m, p, rank, ring, kind, detail FROM discoveries JOIN schemes ON schemes.id = scheme_id "
                "ORDER BY discoveries.id"
            )
        ]


def trials(db: Database) -> list[dict[str, Any]]:
    return rows(db, models.Trial)


def keep(db: Database, scheme: Scheme) -> str:
    verified = verify(scheme).verified
    assert verified is not None
    repository.store_scheme(db, verified, source_kind="import", detail="a file")
    return verified.hash


# One trial


def test_a_walk_over_zt_finds_a_scheme() -> None:
    outcome = run_trial(task(), kernels=Kernels(walk=ScriptedWalk({0: walked(WalkStatus.EXACT, strassen())})))
    assert (outcome.status, outcome.candidate, outcome.step, outcome.iterations) == ("exact", strassen(), None, 500)


def test_a_scheme_modulo_2_is_lifted() -> None:
    walk = ScriptedWalk({0: walked(WalkStatus.EXACT, MODULO_2)})
    lifted = run_trial(task(ring=Ring.Z2), kernels=Kernels(walk=walk, lift=lifting(strassen())))
    assert (lifted.status, lifted.candidate, lifted.exact_fit) == ("exact", strassen(), True)
    assert lifted.refine_seconds is not None
    flat = run_trial(task(ring=Ring.Z2), kernels=Kernels(walk=walk, lift=lifting(None)))
    assert (flat.status, flat.candidate, flat.exact_fit, flat.step) == (NOT_LIFTED, None, False, MODULO_2)
    asked = run_trial(task(aim(ring=Ring.Z2), ring=Ring.Z2), kernels=Kernels(walk=walk, lift=lifting(None)))
    assert (asked.status, asked.candidate, asked.lifted) == ("exact", MODULO_2, None)


def test_the_seed_and_the_start_reach_the_walk() -> None:
    seen: list[Any] = []

    def walk(*arguments: Any) -> Walked:
        seen.append(arguments)
        return walked(WalkStatus.EXHAUSTED, EIGHT)

    one = replace(task(), origin=Origin(EIGHT, ("ab",), "known"))
    run_trial(one, kernels=Kernels(walk=walk))
    ((fmt, rank, settings, seed, start),) = seen
    assert (fmt, rank, start) == (SMALL, 7, EIGHT)
    assert settings == WalkSettings(ring=Ring.ZT, flips=1000)
    assert seed.generate_state(2).tolist() == one.seeds()[0].generate_state(2).tolist()


def test_a_walk_that_breaks_is_recorded() -> None:
    def walk(*_: Any) -> Walked:
        raise ZeroDivisionError("broken")

    outcome = run_trial(task(), kernels=Kernels(walk=walk))
    assert (outcome.status, outcome.error, outcome.step) == ("failed", "ZeroDivisionError: broken", None)


@pytest.mark.parametrize(("rank", "ring"), [(7, Ring.ZT), (7, Ring.Z2)])
def test_a_real_walk_finds_strassen(rank: int, ring: Ring) -> None:
    outcome = run_trial(
        TrialTask(aim(), 5, 0, WalkChoice(WalkSettings(ring=ring, flips=10**6))),
    )
    assert outcome.error is None
    assert outcome.candidate is not None
    verified = verify(outcome.candidate).verified
    assert verified is not None
    assert (verified.scheme.rank, verified.scheme.modulus) == (rank, 0)
    again = run_trial(TrialTask(aim(), 5, 0, WalkChoice(WalkSettings(ring=ring, flips=10**6))))
    assert again.candidate == outcome.candidate


# Settings


def test_settings_are_stored_and_read_again() -> None:
    for option in options(aim(Format(3, 3, 3), 23, Method.BOTH)):
        stored = json.loads(json.dumps(asdict(option.settings)))
        assert settings_from_mapping(stored) == option.settings


def test_what_there_is_to_choose_from() -> None:
    def walks(target: Target) -> list[tuple[Ring, bool, Begin]]:
        found = [one.settings for one in options(target) if isinstance(one.settings, WalkChoice)]
        return [(one.walk.ring, one.walk.cyclic, one.begin) for one in found]

    plain = [(ring, False, begin) for ring in (Ring.ZT, Ring.Z2) for begin in (Begin.FRESH, Begin.KNOWN)]
    assert walks(aim(Format(2, 2, 3), 11)) == plain
    assert walks(aim(Format(2, 2, 3), 11, Method.NUMERIC)) == []
    assert walks(aim(Format(2, 2, 3), 11, ring=Ring.Z2)) == plain[2:]
    assert {one[1] for one in walks(aim())} == {False, True}
    assert {one[1] for one in walks(aim(pins=Pins(cyclic=True)))} == {True}
    both = [one.settings for one in options(aim(Format(2, 2, 3), 11, Method.BOTH))]
    numeric = [one.settings for one in options(aim(Format(2, 2, 3), 11, Method.NUMERIC))]
    assert both[: len(numeric)] == numeric
    assert [one for one in both if isinstance(one, WalkChoice)] == both[len(numeric) : len(numeric) + len(plain)]
    others = both[len(numeric) + len(plain) :]
    assert {one.noise for one in others if isinstance(one, ReducedStart)} == set(NOISES)
    assert not any(isinstance(one.settings, ReducedStart) for one in options(symmetric()))


def symmetric() -> Target:
    """A target whose symmetry is pinned: random starts alone have one."""
    return aim(pins=Pins(symmetries=(parse_symmetry("alternating:1"),)), method=Method.BOTH)


def test_walks_come_first_where_the_rank_is_known_over_their_ring() -> None:
    def share(fmt: Format, rank: int) -> float:
        from mmdiscover.campaign.learning import Learner

        learner = Learner(fmt, rank, options(aim(fmt, rank, Method.BOTH)))
        rng = np.random.default_rng(1)
        return float(np.mean([isinstance(learner.choose(rng), WalkChoice) for _ in range(200)]))

    assert share(Format(3, 3, 3), 23) > 0.9
    assert share(Format(2, 4, 5), 33) > 0.9
    # Known with fractions only.
    assert 0 < share(Format(2, 4, 5), 32) < 0.3


def test_what_fails_is_given_up_for_the_other_method() -> None:
    from mmdiscover.campaign.learning import Learner

    target = aim(Format(2, 3, 3), 15, Method.BOTH)
    choices = options(target)
    learner, rng = Learner(target.format, target.rank, choices), np.random.default_rng(2)
    for one in choices:
        if isinstance(one.settings, WalkChoice):
            learner.learn(one.settings, 0, 10**10)
    drawn = [isinstance(learner.choose(rng), WalkChoice) for _ in range(100)]
    assert sum(drawn) < 10


# Starts


def test_fresh_where_nothing_is_known(db: Database) -> None:
    assert Starts(db).of(task(begin=Begin.KNOWN)).origin is None


def test_stored_schemes_are_begun_at(db: Database) -> None:
    name = keep(db, laderman())
    target = aim(Format(3, 3, 3), 22)
    for ring, mod in ((Ring.ZT, 0), (Ring.Z2, 2)):
        origin = Starts(db).of(task(target, ring=ring, begin=Begin.KNOWN)).origin
        assert origin is not None
        assert (origin.parents, origin.move, origin.start.modulus, origin.start.rank) == ((name,), "known", mod, 23)
        assert content_hash(origin.start) == (name if mod == 0 else content_hash(reduced(laderman())))
    # It would be found at once, again and again.
    assert Starts(db).of(task(aim(Format(3, 3, 3), 23), begin=Begin.KNOWN)).origin is None
    assert Starts(db).of(task(target, begin=Begin.FRESH)).origin is None


def reduced(scheme: Scheme) -> Scheme:
    found = reduced_scheme(scheme, 2)
    assert found is not None
    return found


def test_fractions_have_a_meaning_modulo_2_where_their_denominators_are_odd() -> None:
    thirds, halves = schemes()["thirds"].scheme, schemes()["halves"].scheme
    assert verify(reduced(thirds)).verified is not None
    assert reduced_scheme(halves, 2) is None


def test_neighbours_are_begun_at(db: Database) -> None:
    name = keep(db, strassen())
    target = aim(Format(3, 2, 2), 11)
    chosen = Starts(db).of(task(target, begin=Begin.KNOWN))
    assert chosen.origin is not None
    # 7 products and 4 classical ones: as many as asked for.
    assert (chosen.origin.parents, chosen.origin.move, chosen.origin.start.rank) == ((name,), "extend", 11)
    outcome = run_trial(chosen)
    assert outcome.status == "exact"
    assert outcome.candidate is not None
    assert outcome.candidate.format == Format(3, 2, 2)
    assert Starts(db).of(chosen) is chosen


def test_an_origin_is_stored_and_read_again(db: Database) -> None:
    keep(db, strassen())
    for ring in (Ring.ZT, Ring.Z2):
        origin = Starts(db).of(task(aim(Format(2, 3, 2), 10), ring=ring, begin=Begin.KNOWN)).origin
        assert origin is not None
        assert origin_from_json(Format(2, 3, 2), json.loads(json.dumps(origin.as_json()))) == origin


def test_a_stored_scheme_less_a_product_is_a_start_for_numbers(db: Database) -> None:
    name = keep(db, Scheme(SMALL, *EIGHT.arrays, modulus=2))
    target = aim(method=Method.BOTH)
    search = complete_settings(SMALL, 7, SearchSettings())
    one = TrialTask(target, 1, 0, ReducedStart(search, 0.1))
    # Nothing of a rank that is near enough.
    assert Starts(db).of(replace(one, target=aim(SMALL, 5, Method.BOTH))).origin is None
    begun = Starts(db).of(one)
    assert begun.origin is not None
    assert (begun.origin.parents, begun.origin.move) == ((name,), "1 of 8 products left out")
    columns = {tuple(map(tuple, column)) for column in zip(*(factor.T for factor in EIGHT.arrays), strict=True)}
    kept = [
        tuple(map(tuple, column)) for column in zip(*(factor.T for factor in begun.origin.start.arrays), strict=True)
    ]
    assert len(kept) == 7
    assert set(kept) < columns
    assert origin_from_json(SMALL, json.loads(json.dumps(begun.origin.as_json()))) == begun.origin
    outcome = run_trial(begun)
    assert outcome.fit is not None
    assert outcome.fit.residual < 1.5
    # From there, not from anywhere: without noise the seed has no influence.
    still = replace(begun, search=ReducedStart(search, 0.0))
    residuals = {outcome.fit.residual for index in (0, 1) if (outcome := run_trial(replace(still, index=index))).fit}
    assert len(residuals) == 1


# Discover


def plan(target: Target, starts: int = 4, workers: int = 1, seed: int = 5) -> Plan:
    return Plan(target, seed=seed, workers=workers, budget=Budget(starts=starts))


@pytest.mark.parametrize("workers", [1, 2])
def test_discover_by_walks(db: Database, workers: int) -> None:
    log = Log()
    discovery = discover(db, plan(aim(Format(2, 2, 3), 11, Method.BOTH), workers=workers), log)
    assert discovery.found is not None
    assert discovery.found.walked
    assert discovery.found.verified.scheme.name == "2x2x3:11"
    first = next(row for row in trials(db) if row["trial_index"] == discovery.found.trial)
    assert (first["status"], first["iterations"] > 0) == ("exact", True)
    assert stored_kinds(db)[0][1] == "trial"
    assert discovery.tally.best_rank == 11


def test_the_number_of_workers_does_not_decide(db: Database) -> None:
    hashes = set()
    for workers in (1, 2):
        found = discover(db, plan(aim(Format(2, 2, 3), 11), workers=workers), Log()).found
        assert found is not None
        hashes.add(found.verified.hash)
        with db.write() as connection:  # as if nothing had been learnt or stored
            for table in ("experience", "certificates", "discoveries", "attempts", "schemes"):
                connection.exec_driver_sql(f"DELETE FROM {table}")
    assert len(hashes) == 1


def test_steps_are_begun_at_later(db: Database) -> None:
    """A walk ends above the rank: the next ones begin there, and say so."""
    nine = aim(Format(2, 2, 3), 10)
    eleven = plan_target(Format(2, 2, 3), 11, method=Method.DISCRETE)
    outcome = run_trial(TrialTask(eleven, 5, 0, WalkChoice(WalkSettings(ring=Ring.ZT, flips=10**6))))
    assert outcome.candidate is not None
    kernels = Kernels(walk=ScriptedWalk({0: walked(WalkStatus.EXHAUSTED, outcome.candidate)}), lift=lifting(None))
    discovery = discover(db, plan(nine, starts=24), Log(), kernels)
    assert discovery.found is None
    ((name, kind, detail), *others) = stored_kinds(db)
    assert (name, kind, others) == ("223:11 ZT", "step", [])
    assert detail is not None
    assert detail.startswith("walk over")
    origins = [row["origin"] for row in trials(db)]
    assert origins[:8] == [None] * 8
    parents = {tuple(origin["parents"]) for origin in origins if origin is not None}
    assert parents == {(content_hash(outcome.candidate),)}


def test_what_is_worth_being_kept(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    starts = Starts(db)
    assert starts.is_better(strassen())
    assert not starts.is_better(EIGHT)
    keep(db, MODULO_2)
    # The kinds of rings are apart, but what holds over ZT holds modulo 2.
    assert starts.is_better(strassen())
    monkeypatch.setattr("mmdiscover.campaign.starts.POOL", 2)
    assert starts.is_better(MODULO_2)
    keep(db, strassen())
    assert not starts.is_better(MODULO_2)
    assert starts.is_better(strassen())
    monkeypatch.setattr("mmdiscover.campaign.starts.POOL", 1)
    assert not starts.is_better(strassen())


def swapped() -> Scheme:
    """Strassen's scheme with the rows of A and of C in the other order: another one with as many additions."""
    u, v, w = strassen().arrays
    return Scheme(SMALL, u[[2, 3, 0, 1]], v, w[[1, 0, 3, 2]])


def test_what_is_kept_does_not_depend_on_which_trial_of_a_wave_ends_first(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mmdiscover.campaign.starts.POOL", 1)
    found = {0: strassen(), 7: swapped(), 8: winograd()}
    kernels = Kernels(walk=ScriptedWalk({k: walked(WalkStatus.EXHAUSTED, one) for k, one in found.items()}))
    discover(db, plan(aim(rank=6), starts=9), Log(), kernels)
    stored = {row["hash"] for row in rows(db, models.Scheme)}
    assert stored == {content_hash(strassen()), content_hash(swapped())}


def test_starts_are_the_same_whichever_scheme_was_stored_first(tmp_path: Any) -> None:
    orders = []
    for place, pair in enumerate(([strassen(), swapped()], [swapped(), strassen()])):
        with open_database(str(tmp_path / f"{place}.db")) as db:
            for scheme in pair:
                keep(db, scheme)
            orders.append([name for name, _ in schemes_of_rank(db, SMALL, 7, (Ring.ZT,), 2)])
    assert orders[0] == orders[1]


def test_provenance_names_the_scheme_of_a_file(db: Database) -> None:
    name = keep(db, strassen())
    # The first seed whose first trial begins at what is known.
    target = aim(Format(2, 2, 3), 11)
    seed = next(seed for seed in range(99) if first_settings(db, target, seed).begin is Begin.KNOWN)
    found = discover(db, plan(target, starts=1, seed=seed), Log()).found
    assert found is not None
    (source,) = queries.discoveries_of(db, found.scheme_id)
    assert (source.kind, source.parents, source.move) == ("trial", (name,), "extend")
    assert source.detail is not None
    assert f"from 2x2x3:11, extend of {name[:12]}" in source.detail
    (imported,) = queries.discoveries_of(db, 1)
    assert (imported.kind, imported.detail, imported.parents) == ("import", "a file", ())


def test_a_scheme_that_does_not_lift_is_no_answer(db: Database) -> None:
    target = aim()
    z2 = next(seed for seed in range(50) if (settings := first_settings(db, target, seed)).walk.ring is Ring.Z2)
    kernels = Kernels(walk=ScriptedWalk({0: walked(WalkStatus.EXACT, MODULO_2)}), lift=lifting(None))
    discovery = discover(db, plan(target, starts=1, seed=z2), Log(), kernels)
    assert settings is not None
    assert discovery.found is None
    assert stored_kinds(db)[0][:2] == ("222:7 Z2", "step")
    (row,) = [row for row in trials(db) if row["trial_index"] == 0][-1:]
    assert (row["status"], row["refine_status"], row["refine_detail"]) == (NOT_LIFTED, "not liftable", "by script")
    summary = queries.campaign_summary(db, discovery.campaign_id).targets[0]
    assert (summary.trials, summary.fits, summary.exact) == (1, 0, 0)


def first_settings(db: Database, target: Target, seed: int) -> WalkChoice:
    from mmdiscover.campaign.learning import Learner
    from mmdiscover.campaign.plan import waves

    learner = Learner(target.format, target.rank, options(target))
    learner.recall(queries.experience(db, target.format, target.rank))
    settings = next(waves(target, seed, 1, learner))[0].search
    assert isinstance(settings, WalkChoice)
    return settings


def test_a_defect_is_recorded_and_nothing_stored(db: Database) -> None:
    kernels = Kernels(walk=ScriptedWalk({0: walked(WalkStatus.INCONSISTENT, None)}))
    discovery = discover(db, plan(aim(), starts=1), Log(), kernels)
    assert discovery.found is None
    (row,) = trials(db)
    assert row["status"] == "inconsistent"
    assert "a defect of this program" in row["refine_detail"]
    assert rows(db, models.Scheme) == []


def test_a_scheme_that_is_none_is_rejected(db: Database) -> None:
    u, v, w = (factor[:, :7] for factor in EIGHT.arrays)
    wrong = Scheme(SMALL, u, v, w)
    log = Log()
    kernels = Kernels(walk=ScriptedWalk({0: walked(WalkStatus.EXACT, wrong)}), lift=lifting(wrong))
    assert discover(db, plan(aim(), starts=1), log, kernels).found is None
    assert list(log.rejected) == [0]
    assert trials(db)[0]["refine_status"] == "rejected"
    assert rows(db, models.Scheme) == []


# Campaigns

TEXT = """\
name = "walks"
seed = 3
[[target]]
scheme = "2x2x2:7"
cyclic = false
starts = 6
[[target]]
scheme = "2x2x3:11"
ring = "Z2"
starts = 4
"""


def campaign_trials(db: Database) -> list[tuple[Any, ...]]:
    names = ("target_id", "trial_index", "status", "iterations", "settings", "seed", "origin")
    return sorted(tuple(map(repr, (row[name] for name in names))) for row in trials(db))


def test_a_campaign_by_walks_goes_on_where_it_stopped(db: Database, tmp_path: Any) -> None:
    from results_db import open_database

    stored, _ = open_campaign(db, parse_campaign(TEXT))

    def slow(*arguments: Any) -> Walked:
        time.sleep(0.2)
        return walk(*arguments)

    run_campaign(db, stored, InterruptAfter(1), Threads(), Kernels(walk=slow))
    assert 1 <= len([row for row in trials(db) if row["state"] == "finished"]) < 10
    end = run_campaign(db, stored, CampaignLog(), Threads())
    assert end.state == "finished"
    one, two = end.summary.targets
    assert (one.trials, one.exact, one.fits) == (6, 6, 6)
    assert (two.trials, two.exact) == (4, 4)
    assert {name.split()[1] for name, *_ in stored_kinds(db)} == {"ZT", "Z2"}
    methods = queries.trials_by_method(db, stored.id)
    assert {place: list(sums) for place, sums in methods.items()} == {0: ["discrete"], 1: ["discrete"]}
    assert methods[1]["discrete"]["trials"] == 4
    with open_database(str(tmp_path / "undisturbed.db")) as other:
        run_campaign(other, open_campaign(other, parse_campaign(TEXT))[0], CampaignLog(), Threads(1))
        assert [row[:4] for row in campaign_trials(other)] == [row[:4] for row in campaign_trials(db)]


def test_a_claim_that_is_taken_over_keeps_its_start(db: Database) -> None:
    name = keep(db, strassen())
    spec = parse_campaign(TEXT.replace("2x2x2:7", "2x2x3:10").replace("starts = 6", "starts = 64"))
    stored, _ = open_campaign(db, spec)
    from mmdiscover.campaign.agenda import Agenda

    agenda = Agenda(spec.targets[0], spec.seed, [])
    known = next(
        index
        for index in agenda.open()
        if isinstance(search := agenda.task(index).search, WalkChoice) and search.begin is Begin.KNOWN
    )
    begun = Starts(db).of(agenda.task(known))
    assert begun.origin is not None
    new = claims.NewClaim(stored.targets[0].id, known, 3, begun.spawn_key, asdict(begun.search), begun.origin.as_json())
    claims.claim_new(db, "somebody", [new])
    (claim,) = claims.list_claims(db, stored.id)
    again = agenda.task(claim.index, claim.settings, claim.origin)
    assert again == begun
    assert again.origin is not None
    assert again.origin.parents == (name,)
