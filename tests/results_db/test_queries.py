"""What is read."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event, insert, text, update

import results_db
from mmdiscover.core.format import Format
from mmdiscover.core.ring import Ring
from mmdiscover.errors import DatabaseError, InputError
from results_db import models, queries, repository
from results_db.contents import TABLES, DatabaseContents
from tests.results_db.samples import fit, refinement, schemes, target, trial

if TYPE_CHECKING:
    from pathlib import Path

    from results_db import Database


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """Every sample, in their order with ids from 1; Strassen's also found by a trial."""
    with results_db.open_database(str(tmp_path_factory.mktemp("contents") / "results.db")) as db:
        for verified in schemes().values():
            repository.store_scheme(db, verified, source_kind="import")
        repository.record_trial(db, target(db), trial(0), fit=fit(), refinement=refinement(schemes()["strassen"]))
        with db.read() as connection:
            found = DatabaseContents(connection)
            return {table: list(found.rows(table)) for table in TABLES}


@pytest.fixture
def filled(db: Database, contents: dict[str, list[dict[str, Any]]]) -> Database:
    """A database with these contents, copied: to store them again takes longer than most tests."""
    with db.write() as connection:
        for table, rows in contents.items():
            connection.execute(insert(TABLES[table]), rows)
            if not db.is_sqlite:
                number = f"pg_get_serial_sequence('{table}', 'id'), {len(rows)}"
                connection.exec_driver_sql(f"SELECT setval({number})")
    return db


def names(rows: list[queries.SchemeRow]) -> list[str]:
    by_hash = {verified.hash: name for name, verified in schemes().items()}
    return [by_hash[row.hash] for row in rows]


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({}, set(schemes())),
        ({"fmt": Format(3, 2, 2)}, {"classical 2x2x3", "classical 3x2x2"}),
        ({"fmt": Format(2, 3, 2)}, {"classical 2x2x3", "classical 3x2x2"}),
        ({"fmt": Format(5, 5, 5)}, set()),
        ({"rank": 23}, {"laderman"}),
        ({"rank": 7, "ring": Ring.ZT}, {"strassen"}),
        ({"ring": Ring.Z}, {"integers"}),
        ({"ring": Ring.C}, {"complex"}),
        ({"ring": Ring.Z2}, {"modulo 2"}),
        ({"max_additions": 18}, {"strassen", "classical 2x2x3", "classical 3x2x2", "modulo 2"}),
        ({"max_additions": 0}, set()),
        ({"source": "trial"}, {"strassen"}),
        ({"source": "import"}, set(schemes())),
        ({"source": "' OR 1"}, set()),
        ({"orbit_class": "58b60d4de2cd"}, {"strassen", "integers", "thirds", "halves", "complex"}),
        ({"orbit_class": " 58B"}, {"strassen", "integers", "thirds", "halves", "complex"}),
        ({"orbit_class": "58b60d4de2ce"}, set()),
        ({"orbit_class": "0a"}, {"laderman"}),
        ({"fmt": None, "rank": None, "ring": None, "max_additions": None, "source": None}, set(schemes())),
    ],
)
def test_conditions(filled: Database, conditions: dict[str, Any], expected: set[str]) -> None:
    found = names(queries.list_schemes(filled, **conditions))
    assert set(found) == expected
    assert len(found) == len(expected)


def test_unknown_conditions_are_refused(filled: Database) -> None:
    with pytest.raises(TypeError, match="colour"):
        queries.list_schemes(filled, colour="red")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="colour"):
        queries.list_classes(filled, colour="red")  # type: ignore[call-arg]


@pytest.mark.parametrize("sort", queries.SORTS)
def test_sorts(filled: Database, sort: str) -> None:
    rows = queries.list_schemes(filled, sort=sort)
    keys: dict[str, Any] = {
        "rank": lambda row: (row.rank, row.additions, row.id),
        "additions": lambda row: (row.additions, row.id),
        "nonzeros": lambda row: (row.nonzeros, row.id),
        "format": lambda row: (str(Format.parse(row.format).sorted()), row.rank, row.additions, row.id),
        "found": lambda row: -row.id,
        "id": lambda row: row.id,
    }
    assert [row.id for row in rows] == [row.id for row in sorted(rows, key=keys[sort])]
    assert queries.list_schemes(filled, sort=sort, limit=2) == rows[:2]


def test_the_newest_comes_first_whatever_its_number(db: Database) -> None:
    for name in ("strassen", "thirds"):
        repository.store_scheme(db, schemes()[name], source_kind="import")
    with db.write() as connection:
        when = datetime(2020, 1, 1, tzinfo=UTC)
        connection.execute(update(models.Scheme).where(models.Scheme.id == 2).values(found_at=when))
    assert [row.id for row in queries.list_schemes(db, sort="found")] == [1, 2]
    assert queries.list_schemes(db, sort="id")[1].found_at == "2020-01-01T00:00:00+00:00"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sort": "colour"}, "sort 'colour', expected one of rank, additions, nonzeros, format, found, id"),
        ({"limit": 0}, "limit is 0, expected 1 to 2147483647"),
        ({"orbit_class": ""}, "class '', expected the first of its 12 hexadecimal digits"),
        ({"orbit_class": "5%"}, "class '5%', expected the first of its 12 hexadecimal digits"),
        ({"orbit_class": "0" * 13}, "class '0000000000000', expected the first of its 12 hexadecimal digits"),
    ],
)
def test_wrong_options_are_named(filled: Database, options: dict[str, Any], message: str) -> None:
    for query in (queries.list_schemes, queries.list_classes):
        with pytest.raises(InputError, match=message):
            query(filled, **options)


@pytest.mark.parametrize("conditions", [{"rank": 10**20}, {"rank": -1}, {"max_additions": 2**31}, {"limit": 2**31}])
def test_numbers_that_fit_no_column_are_refused(filled: Database, conditions: dict[str, Any]) -> None:
    (number,) = conditions.values()
    with pytest.raises(InputError, match=f" is {number}, expected "):
        queries.list_schemes(filled, **conditions)


def test_schemes_are_found_by_the_day_they_were_stored(filled: Database) -> None:
    moments = [datetime(2020, 1, day, 23, 59, 59, 500_000, tzinfo=UTC) for day in (1, 2, 3)]
    with filled.write() as connection:
        for number, moment in enumerate(moments, 1):
            statement = update(models.Scheme).where(models.Scheme.id == number)
            connection.execute(statement.values(found_at=moment))
        connection.execute(text("UPDATE schemes SET found_at = '2020-01-04 00:00:00+00:00' WHERE id = 4"))
    day = datetime(2020, 1, 2, tzinfo=UTC)

    def found(**conditions: Any) -> list[int]:
        return [row.id for row in queries.list_schemes(filled, sort="id", **conditions)]

    assert found(until=day + timedelta(days=1)) == [1, 2]
    assert found(since=day, until=day + timedelta(days=1)) == [2]
    assert found(since=day, until=day + timedelta(days=2)) == [2, 3]
    # A moment belongs to what begins with it, in any time zone.
    elsewhere = datetime(2020, 1, 4, 2, tzinfo=timezone(timedelta(hours=2)))
    assert 4 in found(since=elsewhere)
    assert 4 not in found(until=elsewhere)


def test_schemes_are_found_by_campaign(filled: Database) -> None:
    campaign = repository.create_campaign(filled, name="mine", kind="campaign", seed=1, settings={})
    empty = repository.create_campaign(filled, name="empty", kind="campaign", seed=1, settings={})
    assert campaign != empty
    target_id = repository.add_target(filled, campaign, 0, Format(2, 2, 2), 7, {})
    for index, name in enumerate(("thirds", "halves", "thirds")):
        repository.record_trial(filled, target_id, trial(index), fit=fit(), refinement=refinement(schemes()[name]))
    assert set(names(queries.list_schemes(filled, campaign="mine"))) == {"thirds", "halves"}
    assert names(queries.list_schemes(filled, campaign="discover-1")) == ["strassen"]
    assert queries.list_schemes(filled, campaign="empty") == []
    assert sum(row.schemes for row in queries.list_classes(filled, campaign="mine")) == 2
    with pytest.raises(InputError, match=r"campaign 'yours' is not in database .*, expected the name of a stored one"):
        queries.list_schemes(filled, campaign="yours")


def test_a_row_tells_everything_in_plain_values(filled: Database) -> None:
    row = queries.list_schemes(filled, sort="id", limit=1)[0]
    found_at = datetime.fromisoformat(row.found_at)
    assert found_at.utcoffset() == timedelta()
    assert abs(datetime.now(UTC) - found_at) < timedelta(minutes=10)
    assert json.loads(json.dumps(row.as_json())) == {
        "id": 1,
        "scheme": "2x2x2:7",
        "format": "2x2x2",
        "rank": 7,
        "ring": "ZT",
        "nonzeros": 36,
        "additions": 18,
        "growth_factor": 12.0,
        "class": "58b60d4de2cd",
        "null_space": 23,
        "orbit_dimension": 23,
        "source": "import",  # the first of its two
        "found_at": row.found_at,
        "hash": schemes()["strassen"].hash,
    }
    with pytest.raises(FrozenInstanceError):
        row.rank = 6  # type: ignore[misc]


def test_schemes_are_loaded_by_id_or_hash(filled: Database) -> None:
    expected = schemes()["complex"]
    by_id = queries.load_scheme(filled, str(1 + list(schemes()).index("complex")))
    assert by_id.scheme == expected.scheme
    for text_ in (expected.hash, expected.hash[:10], f" {expected.hash[:12].upper()} "):
        assert queries.load_scheme(filled, text_) == by_id


@pytest.mark.parametrize(
    "wanted",
    ["", "0", "99", "-1", "1.0", "١", "abc", "ffffffffff", "g" * 10, "f" * 65, "9" * 70, "%", "____", "1 OR 1"],
)
def test_unknown_schemes_are_named(filled: Database, wanted: str) -> None:
    with pytest.raises(
        InputError, match=r"is not in database .*, expected an id or at least the first four digits of a hash"
    ):
        queries.load_scheme(filled, wanted)


@pytest.mark.usefixtures("path")
def test_ambiguous_hashes_are_refused_and_ids_come_first(db: Database) -> None:
    for name in ("strassen", "thirds"):
        repository.store_scheme(db, schemes()[name], source_kind="import")
    with db.write() as connection:
        connection.execute(text("UPDATE schemes SET hash = '1234' || substr(hash, 5)"))
    with pytest.raises(InputError, match="scheme '1234' names more than one scheme, expected more digits of its hash"):
        queries.load_scheme(db, "1234")
    hashes = [row.hash for row in queries.list_schemes(db, sort="id")]
    assert queries.load_scheme(db, hashes[1][:20]).row.id == 2
    with db.write() as connection:
        connection.execute(text("PRAGMA defer_foreign_keys=ON"))
        connection.execute(text("UPDATE schemes SET id = 1234 WHERE id = 1"))
        for table in ("certificates", "discoveries"):
            connection.execute(text(f"UPDATE {table} SET scheme_id = 1234 WHERE scheme_id = 1"))
    assert queries.load_scheme(db, "1234").row.id == 1234


def test_how_far_a_campaign_is(db: Database) -> None:
    campaign = repository.create_campaign(db, name="mine", kind="campaign", seed=2**80, settings={})
    second = repository.add_target(db, campaign, 1, Format(3, 3, 3), 23, {})
    first = repository.add_target(db, campaign, 0, Format(2, 2, 2), 7, {})
    other = target(db)
    found = schemes()
    for index, name in enumerate(("strassen", "thirds", "strassen")):
        repository.record_trial(db, first, trial(index), fit=fit(), refinement=refinement(found[name]))
    repository.record_trial(db, first, trial(3, refine_status="stuck"), fit=fit())
    repository.record_trial(db, first, trial(4, status="plateau", cpu_seconds=2.0))
    repository.record_trial(db, first, trial(5, status="stalled", cpu_seconds=float("nan")))
    repository.record_trial(db, other, trial(0), fit=fit(), refinement=refinement(found["halves"]))
    with db.write() as connection:  # somebody is at work on one more
        connection.execute(
            text(
                f"INSERT INTO trials (target_id, trial_index, state, seed, settings, cpu_seconds) "
                f"VALUES ({second}, 0, 'claimed', '{{}}', '{{}}', 9.0)"
            )
        )
    summary = queries.campaign_summary(db, campaign)
    assert (summary.name, summary.kind, summary.seed, summary.state) == ("mine", "campaign", 2**80, "stopped")
    assert datetime.fromisoformat(summary.created_at).utcoffset() == timedelta()
    assert json.loads(json.dumps(summary.as_json())) == {
        "campaign": "mine",
        "state": "stopped",
        "targets": [
            {
                "scheme": "2x2x2:7",
                "trials": 6,
                "fits": 4,
                "exact": 3,
                "distinct": 2,
                "classes": 1,
                "fewest_additions": 18,
                "cpu_seconds": 4.0,
                "cpu_seconds_per_fit": 1.0,
                "cpu_seconds_per_exact": 4 / 3,
            },
            {
                "scheme": "3x3x3:23",
                "trials": 0,
                "fits": 0,
                "exact": 0,
                "distinct": 0,
                "classes": 0,
                "fewest_additions": None,
                "cpu_seconds": 0.0,
                "cpu_seconds_per_fit": None,
                "cpu_seconds_per_exact": None,
            },
        ],
    }


def test_schemes_are_grouped_by_class(db: Database) -> None:
    found = schemes()
    for name in ("thirds", "integers", "strassen", "modulo 2", "laderman", "classical 3x2x2", "classical 2x2x3"):
        repository.store_scheme(db, found[name], source_kind="import")
    rows = queries.list_classes(db)
    assert [json.loads(json.dumps(row.as_json())) for row in rows[:2]] == [
        {
            "class": "58b60d4de2cd",
            "scheme": "2x2x2:7",
            "schemes": 3,
            "ring": "ZT",
            "additions": 18,
            "null_space": 23,
            "orbit_dimension": 23,
            "example": 3,
        },
        {
            "class": "f7478081cd4d",
            "scheme": "2x2x2:7",
            "schemes": 1,
            "ring": "Z2",
            "additions": 18,
            "null_space": 23,
            "orbit_dimension": 23,
            "example": 4,
        },
    ]
    # Both orders of a format are one class; of two schemes with as many additions the older is the example.
    assert [(row.scheme, row.schemes, row.example) for row in rows[2:]] == [("2x2x3:12", 2, 6), ("3x3x3:23", 1, 5)]
    assert [row.ring for row in queries.list_classes(db, ring=Ring.Q)] == ["Q"]
    assert [(row.schemes, row.ring) for row in queries.list_classes(db, orbit_class="58", max_additions=23)] == [
        (1, "ZT")
    ]
    assert [row.example for row in queries.list_classes(db, sort="found", limit=2)] == [6, 5]
    assert [row.example for row in queries.list_classes(db, sort="id")] == [3, 4, 5, 6]


def test_schemes_without_label_are_no_class(db: Database) -> None:
    for name in ("thirds", "strassen", "laderman"):
        repository.store_scheme(db, schemes()[name], source_kind="import")
    with db.write() as connection:
        connection.execute(text("UPDATE schemes SET orbit_class = NULL, null_space = NULL, orbit_dimension = NULL"))
    rows = queries.list_classes(db)
    assert [(row.orbit_class, row.scheme, row.schemes, row.null_space) for row in rows] == [
        (None, "2x2x2:7", 2, None),
        (None, "3x3x3:23", 1, None),
    ]
    assert [row.orbit_class for row in queries.list_schemes(db)] == [None] * 3
    assert queries.list_schemes(db, orbit_class="5") == []


def test_formats_are_ordered_by_their_sizes(db: Database) -> None:
    repository.store_scheme(db, schemes()["laderman"], source_kind="import")
    repository.store_scheme(db, schemes()["strassen"], source_kind="import")
    with db.write() as connection:
        connection.execute(text("UPDATE schemes SET sorted_format = '2x2x10' WHERE rank = 7"))
        connection.execute(text("UPDATE schemes SET sorted_format = '2x2x9' WHERE rank = 23"))
    assert [best.format for best in queries.best_ranks(db)] == ["2x2x9", "2x2x10"]


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize(
    ("conditions", "sort"),
    [
        ({"fmt": Format(2, 2, 2)}, "rank"),
        ({"fmt": Format(2, 2, 2), "rank": 7, "max_additions": 20}, "rank"),
        ({"fmt": Format(2, 2, 2), "ring": Ring.Q}, "rank"),
        ({"ring": Ring.Q}, "rank"),
        ({}, "rank"),
        ({}, "additions"),
        ({"max_additions": 20}, "additions"),
        ({}, "nonzeros"),
        ({}, "format"),
        ({}, "found"),
    ],
)
def test_the_usual_queries_use_an_index_and_sort_nothing(
    filled: Database, conditions: dict[str, Any], sort: str
) -> None:
    statements: list[tuple[str, Any]] = []
    with filled.read() as connection:
        engine = connection.engine
    listener = lambda *call: statements.append((call[2], call[3]))  # noqa: E731
    event.listen(engine, "before_cursor_execute", listener)
    queries.list_schemes(filled, sort=sort, limit=10, **conditions)
    event.remove(engine, "before_cursor_execute", listener)
    statement, parameters = statements[-1]
    with filled.read() as connection:
        plan = [row.detail for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
    assert "USING INDEX ix_schemes" in plan[0], plan
    assert not any("TEMP B-TREE" in line for line in plan), plan


def test_damage_is_reported_in_one_line(db: Database, path: Path) -> None:
    repository.store_scheme(db, schemes()["strassen"], source_kind="import")
    repository.record_trial(db, target(db), trial(0), fit=fit())
    with db.write() as connection:
        connection.execute(text("UPDATE schemes SET factors = '{'"))
        connection.execute(text("UPDATE fits SET u = x'00'"))
    with pytest.raises(DatabaseError, match=f"database {path}: scheme 1 is damaged: the stored factors cannot be read"):
        queries.load_scheme(db, "1")
    with pytest.raises(DatabaseError, match=f"database {path}: fit 1 is damaged: factor u has 1 bytes, expected 224"):
        queries.load_fit(db, 1)
    with db.write() as connection:
        connection.execute(text("UPDATE schemes SET found_at = 'yesterday'"))
    with pytest.raises(DatabaseError, match="yesterday"):
        queries.list_schemes(db)
