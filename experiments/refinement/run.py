"""Search exact fits of each scheme with learnt settings, make them exact, and count what comes out.

Trials, fits, attempts and schemes are kept in databases in `work`, one per scheme, and the table is made from them
alone: a run that was interrupted goes on with the first scheme that it had not finished searching for.

Usage: python -m experiments.refinement.run [REPORT.md]
"""

from __future__ import annotations

import sys
import time
import tomllib
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from threadpoolctl import threadpool_limits

from experiments.provenance import provenance, table, write_report
from experiments.starts import parse_scheme
from mmdiscover.campaign.learning import Learner, candidates
from mmdiscover.campaign.plan import plan_target, waves
from mmdiscover.campaign.refining import plan_refinement, refine_fits
from mmdiscover.core.records import fewest_known_additions
from mmdiscover.core.ring import Ring
from mmdiscover.refine import OTHER_FAMILY, RefineSettings
from mmdiscover.search import SearchSettings, run_start
from results_db import open_database, queries, repository
from results_db.repository import TrialRecord

if TYPE_CHECKING:
    from mmdiscover.campaign.plan import TrialTask
    from mmdiscover.campaign.refining import FitResult
    from mmdiscover.search import Fit
    from results_db import Database
    from results_db.queries import FitRow, SchemeRow

HERE = Path(__file__).parent
SETTINGS = HERE / "settings.toml"
WORK = HERE / "work"
REPORT = HERE.parents[1] / "reports" / "refinement.md"
FINDINGS = HERE / "findings.md"

_RINGS = (Ring.ZT, Ring.Z, Ring.Q)
_COLUMNS = (
    "scheme",
    "fits",
    "exact",
    "ZT / Z / Q",
    "in the fit's own family",
    "classes",
    "search, CPU s per fit",
    "refinement, CPU s: median",
    "most",
    "CPU s per exact scheme",
    "fewest additions",
    "known",
)


def searched(scheme: str, seed: int, fits: int, minutes: float) -> Database:
    """The database of a scheme, with the finished search."""
    WORK.mkdir(exist_ok=True)
    path = WORK / f"{scheme.replace(':', '_')}.db"
    if path.exists():
        db = open_database(f"sqlite:///{path}")
        if queries.campaign_summary(db, 1).state == "finished":
            return db
        db.close()
        for file in WORK.glob(f"{path.name}*"):
            file.unlink()
    db = open_database(f"sqlite:///{path}")
    # More than one BLAS thread makes systems of this size many times slower.
    with threadpool_limits(1):
        search(db, scheme, seed, fits, minutes)
    return db


def search(db: Database, scheme: str, seed: int, fits: int, minutes: float) -> None:
    """Record trials of a new campaign until so many fits or CPU minutes."""
    fmt, rank = parse_scheme(scheme)
    target = plan_target(fmt, rank)
    learner = Learner(fmt, rank, candidates(fmt, rank, target.pins))
    campaign = repository.create_campaign(db, name=scheme, kind="experiment", seed=seed, settings={"fits": fits})
    target_id = repository.add_target(db, campaign, 0, fmt, rank, {})
    found, begun = 0, time.process_time()
    for wave in waves(target, seed, None, learner):
        outcomes = []
        for task in wave:
            before = time.process_time()
            assert isinstance(task.search, SearchSettings)
            fit = run_start(fmt, rank, task.search, task.seeds()[0])
            record = _record(task, fit, time.process_time() - before)
            repository.record_trial(db, target_id, record, fit=fit.factors if fit.exact else None)
            outcomes.append((task.search, int(fit.exact), fit.iterations))
            found += fit.exact
            if found >= fits or time.process_time() - begun >= 60 * minutes:
                repository.set_campaign_state(db, campaign, "finished")
                return
        for outcome in outcomes:
            learner.learn(*outcome)


def _record(task: TrialTask, fit: Fit, seconds: float) -> TrialRecord:
    seed = task.seeds()[0]
    assert isinstance(seed.entropy, int)
    return TrialRecord(
        index=task.index,
        seed_entropy=seed.entropy,
        spawn_key=tuple(seed.spawn_key),
        settings=asdict(task.search),
        status=str(fit.status),
        residual=fit.residual,
        squared_norm=fit.squared_norm,
        iterations=fit.iterations,
        search_seconds=seconds,
        cpu_seconds=seconds,
    )


class Progress:
    """Says on standard error how far it is."""

    def fit(self, result: FitResult) -> None:
        """One line for each fit."""
        print(f"{result.fit.scheme} fit {result.fit.id}: {result.status}", file=sys.stderr, flush=True)


def own_ring(db: Database, fit: FitRow) -> str:
    """What came out of the fit's own family: the first ring of its attempts there, or how the last one ended."""
    attempts = [a for a in queries.attempts_of_fit(db, fit.id) if not a.stages or a.stages[0].name != OTHER_FAMILY]
    rings = {Ring(attempt.ring) for attempt in attempts if attempt.ring is not None}
    return str(min(rings, key=_RINGS.index)) if rings else attempts[-1].status


def row(db: Database, scheme: str) -> list[object]:
    """One line of the table."""
    fmt, rank = parse_scheme(scheme)
    trials_seconds = queries.campaign_summary(db, 1).targets[0].cpu_seconds
    fits = [fit for fit in queries.list_fits(db) if fit.attempts]
    stored = {scheme.id: scheme for scheme in queries.list_schemes(db)}
    best: list[SchemeRow] = [stored[fit.scheme_ids[0]] for fit in fits if fit.scheme_ids]
    rings = Counter(scheme.ring for scheme in best)
    own = Counter(own_ring(db, fit) for fit in fits)
    seconds = [queries.attempts_of_fit(db, fit.id)[0].cpu_seconds or 0.0 for fit in fits]
    count = len(fits)
    if not count:
        return [scheme, f"0 in {trials_seconds:.0f} CPU s", *["–"] * (len(_COLUMNS) - 2)]
    known = fewest_known_additions(fmt, rank)
    return [
        scheme,
        count,
        f"{len(best)} ({len(best) / count:.0%})",
        " / ".join(str(rings[ring]) for ring in _RINGS),
        ", ".join(f"{name} {number}" for name, number in sorted(own.items(), reverse=True)),
        len({scheme.orbit_class for scheme in best}),
        f"{trials_seconds / count:.3g}",
        f"{median(seconds):.2f}",
        f"{max(seconds):.1f}",
        f"{(trials_seconds + sum(seconds)) / len(best):.3g}" if best else "–",
        min((scheme.additions for scheme in best), default="–"),
        "–" if known is None else known,
    ]


def main() -> None:
    """Search, refine and write the report."""
    report = Path(sys.argv[1]) if len(sys.argv) > 1 else REPORT
    settings = tomllib.loads(SETTINGS.read_text(encoding="utf-8"))
    rows = []
    for prefix in ("", "hard_"):
        for scheme in settings[f"{prefix}schemes"]:
            fits = settings["more"].get(scheme, settings[f"{prefix}fits"])
            db = searched(scheme, settings["seed"], fits, settings[f"{prefix}minutes"])
            waiting = [fit for fit in queries.list_fits(db) if not fit.attempts]
            plan = plan_refinement(waiting, RefineSettings(), settings["seed"], None)
            if refine_fits(db, plan, Progress()).interrupted:
                sys.exit("interrupted; what is refined is kept")
            rows.append(row(db, scheme))
            print(rows[-1], file=sys.stderr, flush=True)
            db.close()
    write_report(
        report,
        [
            "# From float fits to exact schemes",
            "",
            "Exact fits as they come from the search with learnt settings, refined with default settings; every scheme",
            "that is counted passed both proofs. Times are CPU seconds on one BLAS thread. *In the fit's own family*:",
            "what would have come out without leaving it for another one. *Classes*: different orbit classes.",
            "*Known*: fewest additions of published ternary schemes, without sharing of subexpressions.",
            "",
            *table(_COLUMNS, rows),
            "",
            FINDINGS.read_text(encoding="utf-8"),
            provenance("python -m experiments.refinement.run", SETTINGS),
        ],
    )


if __name__ == "__main__":
    main()
