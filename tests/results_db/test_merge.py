"""What one database holds is added to another, through files or not, once."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import insert, select, text, update

import results_db
from mmdiscover.core.format import Format
from mmdiscover.errors import InputError
from mmdiscover.interop import read_schemes
from results_db import codec, models, queries, repository
from results_db.contents import TABLES, DatabaseContents
from results_db.dump import FolderContents, dump
from results_db.merge import Merged, merge
from tests.results_db.samples import fit, proved, refinement, schemes, trial
from tests.results_db.test_repository import rows

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mmdiscover.core.scheme import Scheme
    from mmdiscover.core.verified import VerifiedScheme
    from results_db import Database

STRASSEN, THIRDS, HALVES, LADERMAN = (schemes()[name] for name in ("strassen", "thirds", "halves", "laderman"))


def prove(scheme: Scheme) -> VerifiedScheme:
    for known in schemes().values():
        if known.scheme == scheme:
            return known
    raise InputError("this is no scheme")


@pytest.fixture(params=["sqlite", "postgresql"])
def other(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A second database, of either kind."""
    url = str(tmp_path / "other.db")
    if request.param == "postgresql":
        url = request.getfixturevalue("second_postgres_url")
    with results_db.open_database(url) as database:
        yield database


def fill(db: Database) -> None:
    """Something of everything."""
    repository.store_scheme(db, LADERMAN, source_kind="import", detail="laderman.json, entry 0")
    campaign = repository.create_campaign(db, name="mine", kind="campaign", seed=2**80, settings={"a": [1]})
    small = repository.add_target(db, campaign, 0, Format(2, 2, 2), 7, {"starts": 4})
    large = repository.add_target(db, campaign, 1, Format(3, 2, 2), 11, {})
    repository.record_trial(db, small, trial(0), fit=fit(), refinement=refinement(STRASSEN, THIRDS))
    found = repository.record_trial(db, small, trial(1, refine_status="stuck"), fit=fit(), refinement=refinement())
    assert found.fit_id is not None
    repository.record_refinement(db, found.fit_id, refinement(run=1))
    repository.record_refinement(db, found.fit_id, refinement(HALVES, STRASSEN, run=2))
    repository.record_trial(db, large, trial(0, status="failed", iterations=0))
    repository.record_trial(db, large, trial(1, status="plateau", residual=float("nan")))
    repository.record_trial(db, large, trial(2), fit=fit())
    claim(db, large, 3)
    repository.set_campaign_state(db, campaign, "finished")


def claim(db: Database, target_id: int, index: int) -> None:
    columns = {"target_id": target_id, "trial_index": index, "state": "claimed", "seed": {}, "settings": {}}
    with db.write() as connection:
        connection.execute(insert(models.Trial).values(columns))


def merged(db: Database, other: Database) -> Merged:
    with other.read() as connection:
        return merge(db, DatabaseContents(connection), prove)


def picture(db: Database) -> dict[str, list[Any]]:
    """Everything that is finished, without the numbers of the rows: what points to a row tells the row's own values."""
    known: dict[str, dict[int, Any]] = {}
    points_to = {"scheme_id": "schemes", "campaign_id": "campaigns", "target_id": "targets"}
    points_to |= {"trial_id": "trials", "fit_id": "fits"}
    result: dict[str, list[Any]] = {}
    for name, model in TABLES.items():
        known[name] = {}
        for row in rows(db, model):
            values = {}
            for column, value in row.items():
                if column in points_to:
                    values[column] = None if value is None else known[points_to[column]].get(value)
                elif column.endswith("_at") and value is not None:
                    values[column] = codec.utc(value).replace(microsecond=0).isoformat()
                elif column != "id":
                    values[column] = value.hex() if isinstance(value, bytes) else value
            if values.get("state") == "claimed":
                continue
            known[name][row["id"]] = values["hash"] if name == "schemes" else json.dumps(values, sort_keys=True)
            result.setdefault(name, []).append(json.dumps(values, sort_keys=True))
    result["experience"] = [json.dumps({**row, "id": 0}, sort_keys=True) for row in rows(db, models.Experience)]
    return {name: sorted(values) for name, values in result.items()}


def without_proofs(picture: dict[str, list[Any]]) -> dict[str, list[Any]]:
    return {name: values for name, values in picture.items() if name != "certificates"}


def test_everything_is_copied_to_an_empty_database(db: Database, other: Database) -> None:
    fill(other)
    result = merged(db, other)
    assert result.left == ()
    counts = {name: len(rows(other, model)) for name, model in TABLES.items()}
    # The claimed trial stays behind; each scheme has the proof of then and that of now.
    expected = counts | {"trials": counts["trials"] - 1}
    assert result.added | {"certificates": 0} == expected | {"certificates": 0}
    assert counts["certificates"] <= result.added["certificates"] <= 2 * counts["certificates"]
    details = [row["detail"] for row in rows(other, models.Discovery)]
    assert "fit 2, run 2" in details
    assert without_proofs(picture(db)) == without_proofs(picture(other))
    assert queries.check_storage(db) == []
    assert [entry.reason for entry in queries.check_schemes(db)] == [None] * 4


def test_merging_again_and_back_adds_nothing(db: Database, other: Database) -> None:
    fill(other)
    merged(db, other)
    before = picture(db)
    assert set(merged(db, other).added.values()) == {0}
    assert picture(db) == before
    merged(other, db)
    assert set(merged(db, other).added.values()) == {0}
    assert without_proofs(picture(other)) == without_proofs(before)


@pytest.fixture
def remote(second_postgres_url: str) -> Iterator[Database]:
    with results_db.open_database(second_postgres_url) as database:
        yield database


def test_what_both_have_found_apart_comes_together(db: Database, tmp_path: Path) -> None:
    fill(db)
    with results_db.open_database(str(tmp_path / "third.db")) as other:
        merged(other, db)
        # Both go on: the same trial in both, one of their own in each.
        targets = [rows(one, models.Target)[0]["id"] for one in (db, other)]
        for one, target_id, own in ((db, targets[0], 5), (other, targets[1], 6)):
            repository.record_trial(one, target_id, trial(4))
            repository.record_trial(one, target_id, trial(own))
            open_fit = queries.list_fits(one)[-1].id
            repository.record_refinement(one, open_fit, refinement(run=1))
            repository.record_refinement(one, open_fit, refinement(run=own))
        added = merged(db, other).added
        assert {name: count for name, count in added.items() if count and name != "certificates"} == {
            "trials": 1,
            "attempts": 1,
        }
        merged(other, db)
        mine, theirs = picture(db), picture(other)
        assert mine["trials"] == theirs["trials"]
        assert mine["experience"] == theirs["experience"]
    (known,) = queries.experience(db, Format(2, 2, 2), 7)
    # 2 before, 4, 5 and 6.
    assert known.starts == 5


def test_names_that_are_taken_get_a_suffix(db: Database, tmp_path: Path) -> None:
    name = "n" * 200
    with results_db.open_database(str(tmp_path / "other.db")) as other:
        for one in (db, other):
            repository.create_campaign(one, name="mine", kind="campaign", seed=1, settings={})
            repository.create_campaign(one, name=name, kind="campaign", seed=1, settings={})
        repository.create_campaign(db, name="mine-2", kind="campaign", seed=1, settings={})
        merged(db, other)
        merged(db, other)
    names = [row["name"] for row in rows(db, models.Campaign)]
    assert names == ["mine", name, "mine-2", "mine-3", name[:198] + "-2"]
    # Nobody works on them here.
    assert [row["state"] for row in rows(db, models.Campaign)] == ["running"] * 3 + ["stopped"] * 2


def test_a_campaign_that_was_finished_elsewhere_is_finished(db: Database, tmp_path: Path) -> None:
    with results_db.open_database(str(tmp_path / "other.db")) as other:
        campaign = repository.create_campaign(db, name="mine", kind="campaign", seed=1, settings={})
        merged(other, db)
        repository.set_campaign_state(other, campaign, "finished")
        merged(db, other)
        assert rows(db, models.Campaign)[0]["state"] == "finished"
        repository.set_campaign_state(other, campaign, "stopped")
        merged(db, other)
        assert rows(db, models.Campaign)[0]["state"] == "finished"


def test_a_trial_that_is_claimed_here_and_finished_there_is_finished(db: Database, tmp_path: Path) -> None:
    with results_db.open_database(str(tmp_path / "other.db")) as other:
        fill(other)
        merged(db, other)
        large = rows(db, models.Target)[1]["id"]
        claim(db, large, 3)
        repository.record_trial(other, rows(other, models.Target)[1]["id"], trial(3))
        assert merged(db, other).added["trials"] == 1
    assert rows(db, models.Trial)[-1]["status"] == "exact"


def test_other_targets_at_the_same_place_stand_beside_each_other(db: Database, tmp_path: Path) -> None:
    with results_db.open_database(str(tmp_path / "other.db")) as other:
        campaign = repository.create_campaign(db, name="mine", kind="campaign", seed=1, settings={})
        merged(other, db)
        repository.add_target(db, campaign, 0, Format(2, 2, 2), 7, {})
        repository.add_target(other, campaign, 0, Format(2, 2, 3), 11, {})
        for _ in range(2):
            merged(db, other)
    found = [(row["position"], row["n"], row["m"], row["p"]) for row in rows(db, models.Target)]
    assert found == [(0, 2, 2, 2), (1, 2, 2, 3)]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"factors": json.dumps({"u": [[1]], "v": [[1]], "w": [[1]]})}, "u has 1 items, expected 23 rows"),
        ({"factors": "{"}, "cannot be read"),
        ({"hash": "0" * 64}, "hash is '0000"),
        ({"rank": 22}, "expected 22 rows"),
    ],
)
def test_schemes_that_are_none_stay_behind(db: Database, tmp_path: Path, change: dict[str, Any], reason: str) -> None:
    with results_db.open_database(str(tmp_path / "other.db")) as other:
        fill(other)
        with other.write() as connection:
            connection.execute(update(models.Scheme).where(models.Scheme.hash == LADERMAN.hash).values(change))
        result = merged(db, other)
        (left,) = result.left
        assert (left.table, left.number) == ("schemes", 1)
        assert reason in left.reason
        assert (result.added["schemes"], result.added["trials"]) == (3, 5)
        merged(db, other)
    assert len(rows(db, models.Discovery)) == 4


def test_schemes_are_proved_before_they_are_stored(db: Database, tmp_path: Path) -> None:
    def refuse(scheme: Scheme) -> VerifiedScheme:
        raise InputError(f"{scheme.name} is not verified")

    with results_db.open_database(str(tmp_path / "other.db")) as other:
        fill(other)
        with other.read() as connection:
            result = merge(db, DatabaseContents(connection), refuse)
    assert [left.reason for left in result.left] == [
        f"{name} is not verified" for name in ("3x3x3:23", *["2x2x2:7"] * 3)
    ]
    assert rows(db, models.Scheme) == rows(db, models.Discovery) == []
    # Their fits are to be refined again.
    assert {row["state"] for row in rows(db, models.Fit)} == {"open"}
    assert len(rows(db, models.Trial)) == 5


def test_a_merge_that_was_interrupted_goes_on(db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("results_db.merge._TOGETHER", 2)
    monkeypatch.setattr("results_db.merge._PROVED_TOGETHER", 1)
    with results_db.open_database(str(tmp_path / "other.db")) as other:
        fill(other)
        total = sum(len(rows(other, model)) for model in TABLES.values())
        for limit in range(3, total, 3):
            seen: list[tuple[int, int]] = []

            def stop(*counts: int, seen: list[Any] = seen, limit: int = limit) -> None:
                seen.append(counts)
                if counts[0] >= limit:
                    raise KeyboardInterrupt

            with pytest.raises(KeyboardInterrupt), other.read() as connection:
                merge(db, DatabaseContents(connection), prove, stop)
            assert seen[-1][1] == total
        merged(db, other)
        assert without_proofs(picture(db)) == without_proofs(picture(other))


def exported(db: Database, folder: Path) -> Merged:
    return dump(db, folder, prove)


def test_everything_goes_through_files(db: Database, tmp_path: Path) -> None:
    fill(db)
    folder = tmp_path / "export"
    written = exported(db, folder)
    assert written.left == ()
    assert written.added == {name: len(rows(db, model)) for name, model in TABLES.items()}
    with results_db.open_database(str(tmp_path / "other.db")) as other:
        first, second = (merge(other, FolderContents(folder), prove).added for _ in range(2))
        proofs = {"certificates": first["certificates"]}
        assert first == written.added | {"trials": written.added["trials"] - 1} | proofs
        assert set(second.values()) == {0}
        assert without_proofs(picture(other)) == without_proofs(picture(db))


def test_schemes_are_exported_as_scheme_files(db: Database, tmp_path: Path) -> None:
    fill(db)
    exported(db, tmp_path / "export")
    files = sorted((tmp_path / "export" / "schemes").glob("*/*.json"))
    assert {file.parent.name for file in files} == {"2x2x2", "3x3x3"}
    found = [entry.scheme for file in files for entry in read_schemes(str(file))]
    assert {proved(scheme).hash for scheme in found if scheme} == {
        one.hash for one in (STRASSEN, THIRDS, HALVES, LADERMAN)
    }


def test_damaged_schemes_are_not_exported(db: Database, tmp_path: Path) -> None:
    fill(db)
    with db.write() as connection:
        connection.execute(text("UPDATE schemes SET factors = replace(factors, '-1', '1') WHERE id = 1"))
    result = exported(db, tmp_path / "export")
    assert [(left.table, left.number, left.reason) for left in result.left] == [("schemes", 1, "this is no scheme")]
    assert result.added["schemes"] == 3
    assert len(list((tmp_path / "export" / "schemes").glob("*/*.json"))) == 3


def test_folders_that_hold_something_are_left_alone(db: Database, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for folder, reason in (
        (tmp_path, "not empty"),
        (tmp_path / "file", "cannot be made"),
        (tmp_path / "a/b", "cannot"),
    ):
        with pytest.raises(InputError, match=reason):
            exported(db, folder)


@pytest.mark.parametrize(
    ("file", "change", "reason"),
    [
        ("dump.json", None, "no complete export"),
        ("dump.json", {"kind": "bookmarks"}, "no complete export"),
        ("dump.json", {"schema": "mmdiscover_9999"}, "has schema 'mmdiscover_9999', expected "),
        ("trials.jsonl", None, "cannot be read"),
        ("trials.jsonl", "{", "trials.jsonl, line 1 is not JSON"),
        ("trials.jsonl", "[]", "trials.jsonl, line 1 is not a JSON object"),
        ("trials.jsonl", {"trial_index": "first"}, "line 1 is no row of trials: .*trial_index is 'first'"),
        ("trials.jsonl", {"trial_index": True}, "trial_index is True"),
        ("trials.jsonl", {"seed": None}, "seed is None"),
        ("trials.jsonl", {"finished_at": "yesterday"}, "Invalid isoformat"),
        ("fits.jsonl", {"u": "?"}, "line 1 is no row of fits"),
        ("schemes.jsonl", {"file": "../../etc/passwd"}, "is not below schemes/"),
        ("schemes.jsonl", {"file": "schemes/missing.json"}, "cannot be read"),
    ],
)
def test_files_that_are_not_what_was_exported_are_named(
    db: Database, path: Path, file: str, change: Any, reason: str
) -> None:
    fill(db)
    folder = path.parent / "export"
    exported(db, folder)
    if change is None:
        (folder / file).unlink()
    elif isinstance(change, str):
        (folder / file).write_text(change)
    else:
        first, *rest = (
            (folder / file).read_text().splitlines() if file != "dump.json" else [(folder / file).read_text()]
        )
        (folder / file).write_text("\n".join([json.dumps(json.loads(first) | change), *rest]))
    with results_db.open_database(str(path.parent / "other.db")) as target, pytest.raises(InputError, match=reason):
        merge(target, FolderContents(folder), prove)


def test_fits_of_the_wrong_length_stay_behind(db: Database, tmp_path: Path) -> None:
    fill(db)
    folder = tmp_path / "export"
    exported(db, folder)
    lines = (folder / "fits.jsonl").read_text().splitlines()
    (folder / "fits.jsonl").write_text("\n".join([json.dumps(json.loads(lines[0]) | {"u": ""}), *lines[1:]]))
    with results_db.open_database(str(tmp_path / "other.db")) as other:
        result = merge(other, FolderContents(folder), prove)
        assert [(left.table, left.number) for left in result.left] == [("fits", 1)]
        assert result.added["fits"] == 2
        with other.read() as connection:
            assert connection.scalar(select(models.Fit.id).limit(1)) is not None


def test_moments_keep_their_meaning(db: Database, remote: Database) -> None:
    """SQLite keeps no time zone, and this PostgreSQL does not think in UTC."""
    fill(db)
    merged(remote, db)
    mine, theirs = (queries.list_schemes(one, sort="id") for one in (db, remote))
    assert [replace(row, found_at=row.found_at[:19]) for row in mine] == [
        replace(row, found_at=row.found_at[:19]) for row in theirs
    ]
