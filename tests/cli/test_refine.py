"""Fits that were not made exact: listed, shown, taken up again."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from mmdiscover.campaign import refining, runner
from mmdiscover.campaign.interrupts import Interrupts
from mmdiscover.campaign.trial import Kernels
from mmdiscover.cli import running
from mmdiscover.core.format import Format
from mmdiscover.refine import Refined, RefineSettings
from mmdiscover.search import SearchSettings, run_start
from results_db import open_database, queries, repository
from tests.campaign.fakes import ScriptedRefine, ScriptedSearch, refined
from tests.campaign.test_refining import ByFit
from tests.campaign.test_traces import ONE, THREE, WRONG
from tests.results_db.samples import fit, refinement, schemes, target, trial

if TYPE_CHECKING:
    from pathlib import Path

    from mmdiscover.core.factors import Factors
    from tests.cli.conftest import CommandLine


def exact_fits(count: int) -> list[Factors]:
    seeds = (np.random.SeedSequence(number) for number in range(200))
    found = (run_start(Format(2, 2, 2), 7, SearchSettings(), seed) for seed in seeds)
    exact = (one.factors for one in found if one.exact)
    return [next(exact) for _ in range(count)]


@pytest.fixture
def fits(folder: Path) -> Path:
    """Fits 1 and 2 of 2x2x2:7 and 3 of 3x3x3:23 are open, fit 4 of 2x2x2:7 is refined."""
    path = folder / "mmdiscover.db"
    one, two = exact_fits(2)
    with open_database(str(path)) as db:
        small, large = target(db), target(db, Format(3, 3, 3), 23)
        repository.record_trial(db, small, trial(0), fit=one, refinement=refinement())
        repository.record_trial(db, small, trial(1), fit=two, refinement=refinement())
        factors = fit(schemes()["laderman"].scheme)
        repository.record_trial(db, large, trial(0), fit=factors, refinement=refinement())
        repository.record_trial(db, small, trial(2), fit=fit(), refinement=refinement(schemes()["strassen"]))
    return path


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let `refine` use a kernel whose results are written down."""

    def use(kernel: Any) -> None:
        monkeypatch.setattr(refining, "refine_fits", partial(refining.refine_fits, refine=kernel))

    return use


def states(path: Path) -> list[str]:
    with open_database(str(path), create=False) as db:
        return [row.state for row in queries.list_fits(db)]


@pytest.mark.usefixtures("fits")
class TestQueries:
    def test_list_json(self, cli: CommandLine) -> None:
        rows = cli("fits", "list", "--json").document
        assert [row["fit"] for row in rows] == [1, 2, 3, 4]
        agreed = {"fit", "scheme", "state", "attempts", "status", "reason", "scheme_ids"}
        assert all(agreed <= set(row) for row in rows)
        assert (rows[0]["scheme"], rows[0]["state"], rows[0]["attempts"]) == ("2x2x2:7", "open", 1)
        assert (rows[0]["status"], rows[0]["reason"]) == ("stuck", "the last six entries are not rational")
        assert (rows[3]["state"], rows[3]["attempts"], rows[3]["scheme_ids"]) == ("refined", 2, [1])

    @pytest.mark.parametrize(
        ("options", "ids"),
        [
            (("--format", "3x3x3"), [3]),
            (("--rank", "7"), [1, 2, 4]),
            (("--rank", "7", "--state", "open"), [1, 2]),
            (("--state", "refined"), [4]),
            (("--format", "2x2x3"), []),
        ],
    )
    def test_list_selects(self, cli: CommandLine, options: tuple[str, ...], ids: list[int]) -> None:
        assert [row["fit"] for row in cli("fits", "list", "--json", *options).document] == ids

    def test_list_is_a_table(self, cli: CommandLine) -> None:
        lines = cli("fits", "list").out.splitlines()
        assert lines[0].split()[:4] == ["fit", "scheme", "state", "attempts"]
        assert lines[4].split()[:6] == ["4", "2x2x2:7", "refined", "2", "1", "exact"]
        assert lines[1].endswith("the last six entries are not rational")
        result = cli("fits", "list", "--rank", "99")
        assert (result.code, result.err) == (0, "no such fit is stored\n")

    def test_show_json_has_every_stage(self, cli: CommandLine) -> None:
        document = cli("fits", "show", "4", "--json").document
        assert (document["fit"], document["attempts"], document["scheme_ids"]) == (4, 2, [1])
        assert document["squared_norm"] == pytest.approx(fit().squared_norm())
        assert document["residual"] == pytest.approx(fit().residual())
        vain, exact = document["trace"]
        assert (vain["run"], vain["number"], vain["status"], vain["scheme_id"]) == (0, 0, "stuck", None)
        assert vain["stages"][1] == {"name": "fix", "zeros": 40, "fixed": 78, "free": 6, "residual": 0.1 + 0.2}
        assert (exact["status"], exact["ring"], exact["scheme_id"]) == ("exact", "ZT", 1)
        assert vain["settings"]["preference"] == "ternary,additions"

    def test_show_says_where_each_attempt_ended(self, cli: CommandLine) -> None:
        out = cli("fits", "show", "4").out
        assert "fit        4 (2x2x2:7)" in out
        assert f"run 0, in its trial: preference ternary,additions, seed {2**127 + 1}/3.0, 0.75 s" in out
        assert "attempt 0: stuck after 11 resolves: the last six entries are not rational" in out
        assert "attempt 1: exact over ZT, scheme 1 after 11 resolves" in out
        assert "    fix                  40 zeros     78 fixed      6 free   residual 0.3\n" in out

    def test_what_was_stored_before_attempts_were_is_shown(self, cli: CommandLine, fits: Path) -> None:
        with closing(sqlite3.connect(fits)) as connection, connection:
            connection.execute("DELETE FROM attempts")
        assert "no attempt is on record; its trial says: exact: two steps" in cli("fits", "show", "1").out
        assert cli("fits", "show", "1", "--json").document["trace"] == []

    @pytest.mark.parametrize("change", ["fits SET u = x'00'", "fits SET rank = 'many'", "attempts SET trace = '[1]'"])
    @pytest.mark.parametrize("command", [("fits", "show", "1"), ("fits", "list"), ("refine", "1")], ids=" ".join)
    def test_damage_is_named(self, cli: CommandLine, fits: Path, command: tuple[str, ...], change: str) -> None:
        with closing(sqlite3.connect(fits)) as connection, connection:
            connection.execute(f"UPDATE {change}")
        result = cli(*command)
        if ("attempts" in change and command[1] != "show") or ("u = " in change and command[1] == "list"):
            assert result.code == 0
        else:
            assert result.code == 1
            assert "damaged: " in result.err
            assert "Traceback" not in result.err


def test_all_unrefined_fits_become_exact(cli: CommandLine, fits: Path) -> None:
    result = cli("refine", "--all-unrefined", "--rank", "7", "--seed", "1", "--json")
    assert result.code == 0, result
    first, second = result.document
    assert (first["fit"], second["fit"], first["scheme"]) == (1, 2, "2x2x2:7")
    agreed = {"fit", "scheme", "status", "ring", "scheme_ids", "attempts", "reason", "cpu_seconds"}
    assert agreed <= set(first)
    assert (first["status"], first["reason"]) == ("exact", None)
    assert first["ring"] in {"ZT", "Z", "Q"}
    assert states(fits) == ["refined", "refined", "open", "refined"]
    for number in first["scheme_ids"] + second["scheme_ids"]:
        assert cli("verify", number).code == 0
    assert cli("db", "check").code == 0
    assert {row["source"] for row in cli("schemes", "list", "--json", "--source", "refinement").document} <= {
        "refinement",
        "trial",
    }
    # Nothing is left.
    again = cli("refine", "--all-unrefined", "--rank", "7", "--json")
    assert (again.code, again.document) == (0, [])
    assert "no such fit that waits" in again.err


def test_people_get_a_table_and_where_it_stuck(cli: CommandLine, fits: Path, scripted: Any) -> None:
    scripted(ByFit({1: (ONE, THREE), 3: (WRONG,)}))
    result = cli("refine", "--all-unrefined", "--seed", "4", "--preference", "nonzeros", "--attempts", "3")
    assert result.code == 1
    lines = result.out.splitlines()
    assert lines[0].split() == ["fit", "scheme", "outcome", "ring", "additions", "attempts", "scheme", "ids"]
    assert lines[1].split() == ["1", "2x2x2:7", "exact", "ZT", "18", "2", "1,", "2"]
    assert lines[2].split() == ["2", "2x2x2:7", "stuck", "–", "–", "1", "–"]
    assert lines[3].split() == ["3", "3x3x3:23", "rejected", "–", "–", "1", "–"]
    assert lines[4] == "fit 2: stuck in fix: 2 of 6 entries free, residual 0: by script"
    assert lines[5].startswith("fit 3: near miss in verify: all 84 entries fixed, residual 4: ")
    notes = result.err.splitlines()
    assert notes[0].startswith("3 fits: seed 4, ")
    assert "preference nonzeros" in notes[0]
    assert notes[-1] == "1 of 3 fits made exact"
    assert any(line.startswith("fit 2 (2x2x2:7): not made exact: stuck in fix") for line in notes)
    assert states(fits) == ["refined", "open", "open", "refined"]


def test_settings_reach_the_refinement(cli: CommandLine, fits: Path, scripted: Any) -> None:
    seen: list[tuple[RefineSettings, Any, Any]] = []

    def kernel(factors: Factors, settings: RefineSettings, seed: np.random.SeedSequence, /) -> Refined:  # noqa: ARG001
        seen.append((settings, seed.entropy, tuple(seed.spawn_key)))
        return refined()

    scripted(kernel)
    options = ("--preference", "Additions, denominators", "--schemes", "4", "--seed", "9", "--workers", "1")
    assert cli("refine", "2", *options, "--attempts", "5").code == 1
    assert cli("refine", "2", *options).code == 1
    assert [(str(used.preference), used.schemes, used.attempts) for used, _, _ in seen] == [
        ("additions,denominators", 4, 5),
        ("additions,denominators", 4, RefineSettings().attempts),
    ]
    assert [(entropy, key) for _, entropy, key in seen] == [(9, (2, 1)), (9, (2, 2))]
    trace = cli("fits", "show", "2", "--json").document["trace"]
    assert [attempt["settings"]["preference"] for attempt in trace[1:]] == ["additions,denominators"] * 2
    # Without the option there are as many attempts as schemes, at least.
    cli("refine", "2", "--schemes", "30")
    assert (seen[-1][0].schemes, seen[-1][0].attempts) == (30, 30)
    assert fits.exists()


def test_a_refined_fit_can_lead_to_more(cli: CommandLine, fits: Path, scripted: Any) -> None:
    scripted(ByFit({4: (THREE,)}))
    result = cli("refine", "4", "--json")
    assert result.code == 0
    assert result.document[0]["scheme_ids"] == result.document[0]["new_scheme_ids"] == [2]
    assert cli("fits", "show", "4", "--json").document["scheme_ids"] == [1, 2]
    assert states(fits)[3] == "refined"


def test_a_fit_that_is_damaged_beside_others_is_told(cli: CommandLine, fits: Path, scripted: Any) -> None:
    with closing(sqlite3.connect(fits)) as connection, connection:
        connection.execute("UPDATE fits SET w = x'00' WHERE id = 2")
    scripted(ByFit({1: (ONE,), 2: (ONE,)}))
    result = cli("refine", "--all-unrefined", "--format", "2x2x2", "--json")
    assert result.code == 1
    assert [row["status"] for row in result.document] == ["exact", "damaged"]
    assert "fit 2 is damaged: factor w has 1 bytes" in result.document[1]["reason"]


def test_fits_beyond_the_memory_are_refused(cli: CommandLine, fits: Path) -> None:
    with closing(sqlite3.connect(fits)) as connection, connection:
        connection.execute("UPDATE fits SET n = 100, m = 100, p = 100, rank = 1000000 WHERE id = 2")
    for arguments in (("refine", "2"), ("refine", "--all-unrefined")):
        cli(*arguments).assert_refused("refining a fit of 100x100x100:1000000", "GiB")


def test_an_interrupt_is_told(cli: CommandLine, fits: Path, scripted: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(factors: Factors, settings: RefineSettings, seed: np.random.SeedSequence, /) -> Refined:
        stops[-1].by_user = True
        return ByFit({1: (ONE,)})(factors, settings, seed)

    stops: list[Interrupts] = []
    init = Interrupts.__init__

    def remember(self: Interrupts) -> None:
        init(self)
        stops.append(self)

    monkeypatch.setattr(Interrupts, "__init__", remember)
    scripted(interrupted)
    result = cli("refine", "--all-unrefined", "--workers", "1", "--json")
    assert result.code == 1
    assert [row["fit"] for row in result.document] == [1]
    assert result.err.splitlines()[-1] == "mmdiscover: interrupted: 1 of 3 made exact, 2 not finished"
    assert fits.exists()


class TestDiscover:
    """What `discover` tells about fits that it could not make exact."""

    @pytest.fixture
    def kernels(self, monkeypatch: pytest.MonkeyPatch) -> Any:
        def use(exact: set[int], found: dict[int, Any]) -> None:
            kernels = Kernels(ScriptedSearch(exact=frozenset(exact)), ScriptedRefine(found))
            monkeypatch.setattr(runner, "discover", partial(runner.discover, kernels=kernels))

        return use

    def test_the_command_that_takes_it_up_again(self, cli: CommandLine, kernels: Any, scripted: Any) -> None:
        kernels({1}, {})
        result = cli(
            "discover", "2x2x2:7", "--method", "numeric", "--starts", "3", "--workers", "1", "--db", "my fits.db"
        )
        assert result.code == 1
        assert "not made exact" in result.err
        told = "take up the 1 exact fit again: mmdiscover refine 1 --db 'my fits.db'"
        assert result.err.splitlines()[-1] == told
        scripted(ByFit({1: (ONE,)}))
        assert cli("refine", "1", "--db", "my fits.db").code == 0

    def test_several_of_them(self, cli: CommandLine, kernels: Any) -> None:
        kernels({0, 1, 2}, {})
        result = cli("discover", "2x2x2:7", "--method", "numeric", "--starts", "3", "--workers", "1")
        told = "take up the 3 exact fits again: mmdiscover refine --all-unrefined --format 2x2x2 --rank 7"
        assert result.err.splitlines()[-1] == told

    def test_nothing_is_told_where_there_is_none(self, cli: CommandLine, kernels: Any) -> None:
        kernels(set(), {})
        assert "take up" not in cli("discover", "2x2x2:7", "--method", "numeric", "--starts", "3", "--workers", "1").err

    def test_beside_a_success(self, cli: CommandLine, kernels: Any) -> None:
        kernels({0, 1}, {1: (ONE, THREE)})
        options = ("--schemes", "2", "--workers", "1", "--preference", "additions")
        result = cli("discover", "2x2x2:7", "--method", "numeric", *options)
        assert result.code == 0
        assert "  also       scheme 2 of the same fit\n" in result.out
        assert result.out.splitlines()[-1] == "  mmdiscover refine 1  # 1 exact fit without a scheme"
        (attempt,) = cli("fits", "show", "1", "--json").document["trace"]
        assert (attempt["settings"]["preference"], attempt["settings"]["schemes"]) == ("additions", 2)
        kernels({1}, {1: (ONE, THREE)})
        document = cli("discover", "2x2x2:7", "--method", "numeric", *options, "--json").document
        assert (document["scheme_id"], document["scheme_ids"], document["open_fits"]) == (1, [1, 2], [])
        assert "refine" not in cli("discover", "2x2x2:7", "--method", "numeric", *options).out


def test_settings_by_default() -> None:
    assert running.refine_settings() == RefineSettings()
    assert running.refine_settings(schemes=20) == replace(RefineSettings(), attempts=20, schemes=20)
    assert json.dumps(str(running.refine_settings("nonzeros").preference)) == '"nonzeros"'
