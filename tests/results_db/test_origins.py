"""Where trials began, and the schemes that they found without a fit."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from mmdiscover.errors import InputError
from mmdiscover.verify import verify
from results_db import claims, models, open_database, queries, repository
from results_db.contents import DatabaseContents
from results_db.dump import FolderContents, dump
from results_db.merge import merge
from results_db.repository import FoundSchemes, NewTrial
from tests.results_db.samples import fit, refinement, schemes, target, trial
from tests.results_db.test_repository import rows

if TYPE_CHECKING:
    from pathlib import Path

    from mmdiscover.core.scheme import Scheme
    from mmdiscover.core.verified import VerifiedScheme
    from results_db import Database

ORIGIN = {"parents": ["ab" * 32], "move": "extend", "start": "…"}
TRACE = ((0, 8), (5, 7))


def walked(target_id: int, index: int = 0) -> NewTrial:
    """A trial that found one scheme and leaves another one to later trials."""
    found = FoundSchemes((schemes()["strassen"],), (schemes()["modulo 2"],), "walk over Z2")
    return NewTrial(target_id, trial(index, origin=ORIGIN, trace=TRACE), found=found)


def test_steps_are_kept_and_do_not_count(db: Database) -> None:
    target_id = target(db)
    (recorded,) = repository.record_trials(db, [walked(target_id)])
    assert [one.new for one in (*recorded.schemes, *recorded.steps)] == [True, True]
    assert recorded.fit_id is None
    kinds = {(row["scheme_id"], row["kind"], row["trial_id"], row["detail"]) for row in rows(db, models.Discovery)}
    (found,), (step,) = recorded.schemes, recorded.steps
    assert kinds == {(found.scheme_id, "trial", 1, "walk over Z2"), (step.scheme_id, "step", 1, "walk over Z2")}
    summary = queries.campaign_summary(db, 1).targets[0]
    assert (summary.trials, summary.exact, summary.distinct) == (1, 1, 1)
    assert claims.scheme_ids(db, target_id) == {found.scheme_id}
    # What is recorded already stays.
    (again,) = repository.record_trials(db, [walked(target_id)])
    assert [one.scheme_id for one in (*again.schemes, *again.steps)] == [found.scheme_id, step.scheme_id]
    assert len(rows(db, models.Discovery)) == 2


def test_methods_are_told_apart(db: Database) -> None:
    target_id = target(db)
    for index in range(5):
        settings = {"walk": {"ring": "ZT"}, "begin": "fresh"} if index < 2 else {"bound": 1.0}
        status = "exact" if index in (1, 4) else "stalled"
        repository.record_trial(db, target_id, trial(index, settings=settings, status=status))
    assert queries.trials_by_method(db, 1) == {
        0: {
            "discrete": {"trials": 2, "fits": 1, "cpu_seconds": 1.0},
            "numeric": {"trials": 3, "fits": 1, "cpu_seconds": 1.5},
        }
    }


def test_a_trial_with_a_step_alone_found_nothing(db: Database) -> None:
    target_id = target(db)
    new = NewTrial(target_id, trial(0), found=FoundSchemes(steps=(schemes()["modulo 2"],)))
    other = NewTrial(target_id, trial(1), fit=fit(), refinement=refinement(schemes()["strassen"]))
    first, second = repository.record_trials(db, [new, other])
    assert (first.schemes, second.steps) == ((), ())
    assert queries.campaign_summary(db, 1).targets[0].exact == 1


def test_a_fit_and_schemes_without_one_exclude_each_other(db: Database) -> None:
    new = NewTrial(target(db), trial(0), fit=fit(), found=FoundSchemes())
    with pytest.raises(InputError, match="a fit and schemes found without one"):
        repository.record_trials(db, [new])


def test_a_claim_keeps_its_origin(db: Database) -> None:
    target_id = target(db)
    new = [claims.NewClaim(target_id, index, 1, (0, index), {}, origin) for index, origin in ((0, ORIGIN), (1, None))]
    claims.claim_new(db, "me", new)
    assert [claim.origin for claim in claims.list_claims(db, 1)] == [ORIGIN, None]


def prove(scheme: Scheme) -> VerifiedScheme:
    verified = verify(scheme).verified
    assert verified is not None
    return verified


@pytest.mark.parametrize("by_folder", [False, True])
def test_origins_are_copied(db: Database, tmp_path: Path, by_folder: bool) -> None:
    repository.record_trials(db, [walked(target(db))])
    with open_database(str(tmp_path / "other.db")) as other:
        if by_folder:
            dump(db, tmp_path / "dumped", prove)
            merge(other, FolderContents(tmp_path / "dumped"), prove)
        else:
            with db.read() as connection:
                merge(other, DatabaseContents(connection), prove)
        assert [row["origin"] for row in rows(other, models.Trial)] == [json.loads(json.dumps(ORIGIN))]
        assert [row["trace"] for row in rows(other, models.Trial)] == [[[0, 8], [5, 7]]]
        assert {row["kind"] for row in rows(other, models.Discovery)} == {"trial", "step"}
        assert queries.campaign_summary(other, 1).targets[0].exact == 1
