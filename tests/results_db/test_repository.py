"""What is written, and that it is written once and as a whole."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sqlalchemy import func, insert, literal_column, select

from mmdiscover.core.format import Format
from mmdiscover.errors import DatabaseError, InputError
from results_db import codec, models, queries, repository
from results_db.repository import Recorded
from results_db.rows import Stored
from tests.results_db.samples import fit, refinement, schemes, target, trial

if TYPE_CHECKING:
    from results_db import Database


def recorded(trial_id: int, scheme_id: int, *, new: bool, fit_id: int = 1) -> Recorded:
    return Recorded(trial_id, fit_id, (Stored(scheme_id, new=new),))


def rows(db: Database, model: type[models.Base]) -> list[dict[str, Any]]:
    with db.read() as connection:
        found = connection.execute(select(model.__table__).order_by(model.id))
        return [dict(row._mapping) for row in found]


@pytest.mark.parametrize("name", schemes())
def test_schemes_of_every_ring_come_back(db: Database, name: str) -> None:
    verified = schemes()[name]
    stored = repository.store_scheme(db, verified, source_kind="import", detail=f"{name}.json")
    loaded = queries.load_scheme(db, str(stored.scheme_id))
    assert loaded.scheme == verified.scheme
    assert loaded.row.hash == verified.hash
    assert loaded.row.scheme == verified.scheme.name
    assert loaded.row.ring == verified.ring


def test_the_samples_have_every_ring_and_the_hard_entries() -> None:
    assert {str(verified.ring) for verified in schemes().values()} == {"ZT", "Z", "Q", "C", "Z2"}
    entries = {str(x) for verified in schemes().values() for factor in verified.scheme.arrays for x in factor.ravel()}
    assert entries >= {"1/3", "-1/2", "1/2+1/2i"}


def test_a_scheme_is_stored_once_and_every_discovery_is_kept(db: Database) -> None:
    verified = schemes()["strassen"]
    first = repository.store_scheme(db, verified, source_kind="import", detail="a.json")
    again = repository.store_scheme(db, verified, source_kind="import", detail="a.json")
    found = repository.record_trial(db, target(db), trial(0), fit=fit(), refinement=refinement(verified))
    assert first == Stored(1, new=True)
    assert again == Stored(1, new=False)
    assert found == recorded(1, 1, new=False)
    discoveries = [
        (row["scheme_id"], row["kind"], row["trial_id"], row["detail"]) for row in rows(db, models.Discovery)
    ]
    assert discoveries == [(1, "import", None, "a.json"), (1, "import", None, "a.json"), (1, "trial", 1, None)]
    assert len(rows(db, models.Scheme)) == 1


def test_a_scheme_is_stored_with_its_certificate_and_metrics(db: Database) -> None:
    verified = schemes()["classical 3x2x2"]
    repository.store_scheme(db, verified, source_kind="import")
    (certificate,) = rows(db, models.Certificate)
    assert certificate["checks"] == {"brent": True, "symbolic": True}
    assert certificate["versions"] == dict(verified.certificate.versions)
    (scheme,) = rows(db, models.Scheme)
    assert (scheme["n"], scheme["m"], scheme["p"], scheme["sorted_format"], scheme["rank"]) == (3, 2, 2, "2x2x3", 12)
    # Each of 12 products a·b goes into one of six entries of C: 12 − 6 additions; growth is the inner dimension.
    assert (scheme["ring"], scheme["nonzeros"], scheme["additions"], scheme["growth_factor"]) == ("ZT", 36, 6, 2.0)


def test_a_trial_is_recorded_with_all_it_found(db: Database) -> None:
    verified, factors = schemes()["strassen"], fit()
    target_id = target(db)
    assert repository.record_trial(db, target_id, trial(4), fit=factors, refinement=refinement(verified)) == recorded(
        1, 1, new=True
    )
    (row,) = rows(db, models.Trial)
    finished = row.pop("finished_at")
    assert abs(datetime.fromisoformat(codec.iso(finished)) - datetime.now(UTC)) < timedelta(minutes=5)
    assert row == {
        "id": 1,
        "target_id": target_id,
        "trial_index": 4,
        "state": "finished",
        "claimed_by": None,
        "heartbeat_at": None,
        "seed": {"entropy": str(2**127 + 1), "spawn_key": [3, 4]},
        "settings": {"bound": 50.0, "scale": 0.5},
        "status": "exact",
        "residual": 1e-28,
        "squared_norm": 41.5,
        "iterations": 37,
        "search_seconds": 0.25,
        "cpu_seconds": 0.5,
        "refine_status": "exact",
        "refine_detail": "two steps",
        "refine_seconds": 0.125,
        "origin": None,
        "trace": None,
    }
    (kept,) = rows(db, models.Fit)
    assert (kept["trial_id"], kept["state"], kept["sorted_format"], kept["rank"]) == (1, "refined", "2x2x2", 7)
    assert kept["u"] == factors.u.tobytes()


def test_values_from_numpy_are_stored_as_numbers(db: Database) -> None:
    record = trial(
        np.int64(1),  # type: ignore[arg-type]
        iterations=np.int64(9),
        residual=np.float64("nan"),
        squared_norm=np.float32(0.5),
        spawn_key=(np.uint32(2),),
    )
    repository.record_trial(db, target(db), record)
    with db.read() as connection:
        names = ("trial_index", "iterations", "residual", "squared_norm")
        columns: list[Any] = [literal_column(name) for name in names]
        found = list(connection.execute(select(*columns).select_from(models.Trial)).one())
    assert [(type(value), value) for value in found] == [(int, 1), (int, 9), (type(None), None), (float, 0.5)]
    assert rows(db, models.Trial)[0]["seed"]["spawn_key"] == [2]


def test_recording_a_trial_again_changes_nothing(db: Database) -> None:
    target_id, verified = target(db), schemes()["strassen"]
    first = repository.record_trial(db, target_id, trial(0), fit=fit(), refinement=refinement(verified))
    before = [rows(db, model) for model in (models.Trial, models.Fit, models.Scheme, models.Discovery)]
    other = schemes()["thirds"]
    again = repository.record_trial(db, target_id, trial(0, status="other"), fit=fit(), refinement=refinement(other))
    assert again == recorded(first.trial_id, 1, new=False)
    assert [rows(db, model) for model in (models.Trial, models.Fit, models.Scheme, models.Discovery)] == before
    # The index counts within its target.
    others = [repository.record_trial(db, *start) for start in ((target(db), trial(0)), (target_id, trial(1)))]
    assert [other.schemes for other in others] == [(), ()]
    assert len({first.trial_id, *(other.trial_id for other in others)}) == 3
    assert repository.record_trial(db, target_id, trial(1)) == others[1]


def test_the_outcome_of_a_claimed_trial_is_kept(db: Database) -> None:
    target_id, verified, claim = target(db), schemes()["strassen"], trial(5, settings={}, iterations=1)
    with db.write() as connection:
        columns = {"target_id": target_id, "state": "claimed", "claimed_by": "host:1", "seed": {}, "settings": {}}
        connection.execute(insert(models.Trial), [columns | {"trial_index": index} for index in (4, 5)])
    assert repository.record_trial(db, target_id, trial(5), fit=fit(), refinement=refinement(verified)) == recorded(
        2, 1, new=True
    )
    other, finished = rows(db, models.Trial)
    assert (other["state"], other["status"], other["finished_at"]) == ("claimed", None, None)
    assert (finished["state"], finished["status"], finished["claimed_by"]) == ("finished", "exact", "host:1")
    assert finished["settings"] == {"bound": 50.0, "scale": 0.5}
    assert finished["finished_at"] is not None
    assert [row["trial_id"] for row in rows(db, models.Fit) + rows(db, models.Discovery)] == [2, 2]
    # From now on it is immutable.
    assert repository.record_trial(db, target_id, claim) == recorded(2, 1, new=False)
    assert rows(db, models.Trial)[1] == finished


def test_a_recorded_trial_may_have_led_to_several_schemes(db: Database) -> None:
    target_id, several = target(db), (schemes()["thirds"], schemes()["strassen"])
    repository.store_scheme(db, schemes()["strassen"], source_kind="import")
    first = repository.record_trial(db, target_id, trial(0), fit=fit(), refinement=refinement(*several))
    assert first == Recorded(1, 1, (Stored(2, new=True), Stored(1, new=False)))
    # What came of its fit later is not what the trial found.
    repository.record_refinement(db, 1, refinement(schemes()["halves"], run=1))
    again = repository.record_trial(db, target_id, trial(0))
    assert again == Recorded(1, 1, (Stored(2, new=False), Stored(1, new=False)))


def test_an_error_in_the_middle_stores_nothing(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    target_id = target(db)

    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(repository, "_store_schemes", fail)
    with pytest.raises(KeyboardInterrupt):
        repository.record_trial(db, target_id, trial(0), fit=fit(), refinement=refinement(schemes()["strassen"]))
    assert rows(db, models.Trial) == rows(db, models.Fit) == []
    monkeypatch.undo()
    assert repository.record_trial(db, target_id, trial(0)).schemes == ()
    assert len(rows(db, models.Trial)) == 1


def test_campaigns_get_free_names(db: Database) -> None:
    create = repository.create_campaign
    assert create(db, name=None, kind="discover", seed=1, settings={}) == 1
    assert create(db, name="discover-3", kind="campaign", seed=2**200, settings={"a": (1,)}) == 2
    last = create(db, name=None, kind="discover", seed=3, settings={})
    found = rows(db, models.Campaign)
    assert [row["name"] for row in found] == ["discover-1", "discover-3", "discover-4"]
    assert found[1]["settings"] == {"a": [1]}
    assert found[2]["id"] == last
    assert queries.campaign_summary(db, 2).seed == 2**200
    assert {row["state"] for row in found} == {"running"}


@pytest.mark.parametrize("name", ["", "  ", "n" * 201])
def test_campaign_names_have_a_length(db: Database, name: str) -> None:
    with pytest.raises(InputError, match="expected 1 to 200"):
        repository.create_campaign(db, name=name, kind="campaign", seed=1, settings={})


def test_campaign_names_are_taken_once(db: Database) -> None:
    repository.create_campaign(db, name="mine", kind="campaign", seed=1, settings={})
    with pytest.raises(InputError, match="campaign name 'mine' is taken"):
        repository.create_campaign(db, name="mine", kind="campaign", seed=1, settings={})
    assert len(rows(db, models.Campaign)) == 1


def test_campaign_states(db: Database) -> None:
    campaign = repository.create_campaign(db, name=None, kind="discover", seed=1, settings={})
    for state in ("finished", "stopped", "running"):
        repository.set_campaign_state(db, campaign, state)
        assert queries.campaign_summary(db, campaign).state == state
    with pytest.raises(InputError, match="campaign state 'paused', expected one of running, finished, stopped"):
        repository.set_campaign_state(db, campaign, "paused")
    with pytest.raises(InputError, match="campaign 99 does not exist"):
        repository.set_campaign_state(db, 99, "stopped")


def test_targets_keep_the_order_that_was_asked_for(db: Database) -> None:
    campaign = repository.create_campaign(db, name=None, kind="discover", seed=1, settings={})
    repository.add_target(db, campaign, 0, Format(3, 2, 4), 20, {"bound": np.float64(2)})
    (row,) = rows(db, models.Target)
    assert (row["n"], row["m"], row["p"], row["sorted_format"], row["rank"]) == (3, 2, 4, "2x3x4", 20)
    assert row["settings"] == {"bound": 2.0}


def test_rows_point_to_existing_rows_and_errors_are_one_line(db: Database) -> None:
    with pytest.raises(DatabaseError) as caught:
        repository.record_trial(db, 99, trial(0))
    assert re.fullmatch(f"database {re.escape(db.name)}: .*foreign key constraint.*", str(caught.value), re.IGNORECASE)
    with pytest.raises(DatabaseError, match=r"(?i)foreign key constraint"):
        repository.add_target(db, 99, 0, Format(2, 2, 2), 7, {})
    with pytest.raises(DatabaseError, match=r"int too large|out of range"):
        repository.record_trial(db, target(db), trial(0, iterations=2**70))


def test_times_are_those_of_the_database(db: Database) -> None:
    target(db)
    with db.read() as connection:
        now = connection.scalar(select(func.current_timestamp()))
    (campaign,) = rows(db, models.Campaign)
    assert now is not None
    assert timedelta() <= now - campaign["created_at"] < timedelta(minutes=1)
