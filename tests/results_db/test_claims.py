"""Claims: a trial belongs to one process at a time, and to none for ever."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from mmdiscover.core.format import Format
from mmdiscover.errors import InputError
from results_db import claims, open_database, queries, repository
from tests.results_db.samples import fit, refinement, schemes, trial

if TYPE_CHECKING:
    from results_db import Database

SETTINGS = {"bound": 50.4}


def campaign(db: Database, name: str = "one") -> claims.CampaignRecord:
    targets = [claims.NewTarget(Format(2, 2, 3), 11, {"share": 1.0}), claims.NewTarget(Format(2, 2, 2), 7, {})]
    claims.create_whole_campaign(db, name, 2**70, {"trial_seconds": 5.0}, targets)
    stored = claims.load_campaign(db, name)
    assert stored is not None
    return stored


def new(target_id: int, *indices: int) -> list[claims.NewClaim]:
    return [claims.NewClaim(target_id, index, 2**70, (0, index), SETTINGS) for index in indices]


def held(db: Database, campaign_id: int) -> list[tuple[str, int]]:
    return [(claim.runner, claim.index) for claim in claims.list_claims(db, campaign_id)]


def test_a_campaign_is_stored_as_a_whole(db: Database) -> None:
    stored = campaign(db)
    assert (stored.name, stored.kind, stored.seed, stored.state) == ("one", "campaign", 2**70, "stopped")
    assert stored.settings == {"trial_seconds": 5.0}
    assert [(one.position, str(one.format), one.rank) for one in stored.targets] == [(0, "2x2x3", 11), (1, "2x2x2", 7)]
    assert stored.targets[0].settings == {"share": 1.0}
    assert claims.create_whole_campaign(db, "one", 1, {}, [claims.NewTarget(Format(2, 2, 2), 7, {})]) is None
    assert claims.load_campaign(db, "one") == stored
    assert claims.load_campaign(db, "other") is None
    with pytest.raises(InputError, match="campaign name"):
        claims.create_whole_campaign(db, " ", 1, {}, [])


def test_settings_of_a_target_change(db: Database) -> None:
    stored = campaign(db)
    claims.change_target_settings(db, stored.targets[0].id, {"share": 2.0})
    again = claims.load_campaign(db, "one")
    assert again is not None
    assert again.targets[0].settings == {"share": 2.0}
    assert again.targets[1] == stored.targets[1]


def test_a_trial_is_claimed_once(db: Database) -> None:
    stored = campaign(db)
    one, two = (target.id for target in stored.targets)
    assert claims.claim_new(db, "a", []) == []
    assert claims.claim_new(db, "a", new(one, 0, 1)) == [True, True]
    assert claims.claim_new(db, "b", [*new(one, 1, 2), *new(two, 1)]) == [False, True, True]
    assert held(db, stored.id) == [("a", 0), ("a", 1), ("b", 2), ("b", 1)]
    claim = claims.list_claims(db, stored.id)[0]
    assert (claim.target_id, claim.settings, claim.expired) == (one, SETTINGS, False)
    # What is claimed is not finished.
    assert [target.trials for target in queries.campaign_summary(db, stored.id).targets] == [0, 0]


def test_finished_trials_are_claimed_by_nobody(db: Database) -> None:
    stored = campaign(db)
    target_id = stored.targets[0].id
    claims.claim_new(db, "a", new(target_id, 0, 1, 2))
    repository.record_trial(db, target_id, trial(1, settings=SETTINGS))
    repository.record_trial(db, target_id, trial(5, status="stalled"))
    assert held(db, stored.id) == [("a", 0), ("a", 2)]
    assert claims.claim_new(db, "b", new(target_id, 1, 5)) == [False, False]
    finished = claims.finished_trials(db, target_id)
    assert [(one.index, one.status) for one in finished] == [(1, "exact"), (5, "stalled")]
    assert finished[0].settings == SETTINGS
    assert finished[0].iterations == trial(1).iterations
    assert [one.index for one in claims.finished_trials(db, target_id, 2)] == [5]


def test_claims_are_given_up(db: Database) -> None:
    stored = campaign(db)
    target_id = stored.targets[0].id
    claims.claim_new(db, "a", new(target_id, 0, 1, 2))
    claims.claim_new(db, "b", new(target_id, 3))
    repository.record_trial(db, target_id, trial(0))
    assert claims.release(db, "a", []) == 0
    assert claims.release(db, "a", [(target_id, 2), (target_id, 3)]) == 1
    assert held(db, stored.id) == [("a", 1), ("b", 3)]
    assert claims.release(db, "a") == 1
    assert held(db, stored.id) == [("b", 3)]
    assert len(claims.finished_trials(db, target_id)) == 1
    assert claims.claim_new(db, "b", new(target_id, 1)) == [True]


def test_many_claims_are_given_up_at_once(db: Database) -> None:
    stored = campaign(db)
    target_id = stored.targets[0].id
    assert all(claims.claim_new(db, "a", new(target_id, *range(1300))))
    assert claims.release(db, "a", [(target_id, index) for index in range(1200)]) == 1200
    assert held(db, stored.id) == [("a", index) for index in range(1200, 1300)]


def test_the_living_keep_their_claims(db: Database) -> None:
    stored = campaign(db)
    claims.claim_new(db, "a", new(stored.targets[0].id, 0))
    (claim,) = claims.list_claims(db, stored.id)
    assert not claims.take_over(db, "b", claim, dead=False)
    assert held(db, stored.id) == [("a", 0)]


def test_the_dead_lose_their_claims_once(db: Database) -> None:
    stored = campaign(db)
    claims.claim_new(db, "a", new(stored.targets[0].id, 0))
    (claim,) = claims.list_claims(db, stored.id)
    assert claims.take_over(db, "b", claim, dead=True)
    assert not claims.take_over(db, "c", claim, dead=True)
    assert held(db, stored.id) == [("b", 0)]


def test_what_was_claimed_before_the_connection_broke_is_claimed(db: Database) -> None:
    stored = campaign(db)
    target_id = stored.targets[0].id
    assert claims.claim_new(db, "a", new(target_id, 0, 1)) == [True, True]
    # The same again, because nobody heard of the end of the transaction.
    assert claims.claim_new(db, "a", new(target_id, 0, 1, 2)) == [True, True, True]
    assert claims.claim_new(db, "b", new(target_id, 0, 1)) == [False, False]
    (claim, *_) = claims.list_claims(db, stored.id)
    assert claims.take_over(db, "b", claim, dead=True)
    assert claims.take_over(db, "b", claim, dead=True)
    assert claims.take_over(db, "b", claim, dead=False)
    assert not claims.take_over(db, "c", claim, dead=False)
    assert held(db, stored.id) == [("b", 0), ("a", 1), ("a", 2)]
    repository.record_trial(db, target_id, trial(0))
    assert claims.claim_new(db, "b", new(target_id, 0)) == [False]


def test_a_finished_trial_is_not_taken_over(db: Database) -> None:
    stored = campaign(db)
    target_id = stored.targets[0].id
    claims.claim_new(db, "a", new(target_id, 0))
    (claim,) = claims.list_claims(db, stored.id)
    repository.record_trial(db, target_id, trial(0))
    assert not claims.take_over(db, "b", claim, dead=True)
    assert len(claims.finished_trials(db, target_id)) == 1


def test_heartbeats_keep_claims_alive(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = campaign(db)
    target_id = stored.targets[0].id
    claims.claim_new(db, "a", new(target_id, 0))
    claims.claim_new(db, "b", new(target_id, 1))
    with db.write() as connection:
        connection.exec_driver_sql("UPDATE trials SET heartbeat_at = '2020-01-01 00:00:00'")
    assert [claim.expired for claim in claims.list_claims(db, stored.id)] == [True, True]
    assert claims.beat(db, stored.id, "b") == "stopped"
    first, second = claims.list_claims(db, stored.id)
    assert (first.expired, second.expired) == (True, False)
    assert claims.take_over(db, "c", first, dead=False)
    assert not claims.take_over(db, "c", second, dead=False)
    assert held(db, stored.id) == [("c", 0), ("b", 1)]
    monkeypatch.setattr(claims, "LEASE_SECONDS", -5)
    assert all(claim.expired for claim in claims.list_claims(db, stored.id))


def test_who_was_slow_may_still_bring_the_result(db: Database) -> None:
    stored = campaign(db)
    target_id = stored.targets[0].id
    claims.claim_new(db, "slow", new(target_id, 0))
    claims.take_over(db, "b", claims.list_claims(db, stored.id)[0], dead=True)
    first = repository.record_trial(db, target_id, trial(0), fit=fit(), refinement=refinement(schemes()["strassen"]))
    again = repository.record_trial(db, target_id, trial(0), fit=fit(), refinement=refinement(schemes()["strassen"]))
    assert first.trial_id == again.trial_id
    assert queries.stats(db).tables["trials"] == queries.stats(db).tables["fits"] == 1


def test_several_trials_in_one_transaction(db: Database) -> None:
    stored = campaign(db)
    one, two = (target.id for target in stored.targets)
    claims.claim_new(db, "a", new(one, 0, 1))
    trials = [
        repository.NewTrial(one, trial(0)),
        repository.NewTrial(two, trial(0), fit(), refinement(schemes()["strassen"])),
        repository.NewTrial(one, trial(1), fit(), refinement(schemes()["strassen"])),
    ]
    recorded = repository.record_trials(db, trials)
    assert [bool(each.fit_id) for each in recorded] == [False, True, True]
    assert recorded[1].schemes[0].new
    assert not recorded[2].schemes[0].new
    assert claims.scheme_ids(db, one) == claims.scheme_ids(db, two) == {1}
    again = repository.record_trials(db, trials)
    assert [each.trial_id for each in again] == [each.trial_id for each in recorded]
    with pytest.raises(InputError, match="a refinement but no fit"):
        repository.record_trials(
            db, [repository.NewTrial(one, trial(7)), repository.NewTrial(one, trial(8), None, refinement())]
        )
    assert queries.stats(db).tables["trials"] == 3


def test_states(db: Database) -> None:
    stored = campaign(db)
    assert queries.campaign_summary(db, stored.id).state == "stopped"
    assert claims.change_state(db, stored.id, "running")
    # Nobody is at work yet.
    assert queries.campaign_summary(db, stored.id).state == "stopped"
    claims.claim_new(db, "a", new(stored.targets[0].id, 0))
    assert queries.campaign_summary(db, stored.id).state == "running"
    assert not claims.change_state(db, stored.id, "finished", unless_claimed=True)
    other = campaign(db, "other")
    assert claims.change_state(db, other.id, "finished", unless_claimed=True)
    with db.write() as connection:
        connection.exec_driver_sql("UPDATE trials SET heartbeat_at = '2020-01-01 00:00:00'")
    assert queries.campaign_summary(db, stored.id).state == "stopped"
    assert claims.change_state(db, stored.id, "finished", unless_claimed=True)
    assert [(row.name, row.state) for row in queries.list_campaigns(db)] == [("other", "finished"), ("one", "finished")]
    assert [row.targets for row in queries.list_campaigns(db, "campaign")] == [("2x2x3:11", "2x2x2:7")] * 2
    assert queries.list_campaigns(db, "discover") == []
    with pytest.raises(InputError, match="campaign state 'asleep', expected one of running"):
        claims.change_state(db, stored.id, "asleep")


def test_many_claim_at_once(db: Database, database_url: str) -> None:
    stored = campaign(db)
    target_id = stored.targets[0].id
    gained: list[list[int]] = []

    def claim(runner: str) -> None:
        with open_database(database_url) as own:
            mine = []
            for first in range(0, 60, 5):
                wanted = list(range(first, first + 5))
                got = claims.claim_new(own, runner, new(target_id, *wanted))
                mine += [index for index, is_mine in zip(wanted, got, strict=True) if is_mine]
            gained.append(mine)

    threads = [threading.Thread(target=claim, args=[f"runner {number}"]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(index for mine in gained for index in mine) == list(range(60))
    assert len(held(db, stored.id)) == 60
