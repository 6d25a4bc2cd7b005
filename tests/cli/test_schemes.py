"""What is stored: listed, shown, exported, imported, verified again."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest

from mmdiscover import interop
from mmdiscover.core.format import Format
from mmdiscover.core.symmetry import sandwich
from mmdiscover.interop import EXPORT_FORMATS, read_schemes, write_native
from tests.schemes import classical, laderman, strassen, winograd

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import CommandLine


def damage(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        assert connection.execute(statement).rowcount == 1


@pytest.fixture
def damaged(filled: Path) -> Path:
    """Scheme 1 (Strassen) has one wrong entry."""
    with closing(sqlite3.connect(filled)) as connection, connection:
        ((text,),) = connection.execute("SELECT factors FROM schemes WHERE id = 1")
        factors = json.loads(text)
        factors["u"][0][0] = 1 - factors["u"][0][0]
        connection.execute("UPDATE schemes SET factors = ? WHERE id = 1", (json.dumps(factors),))
    return filled


@pytest.mark.usefixtures("filled")
class TestQueries:
    def test_list_json_has_the_agreed_keys(self, cli: CommandLine) -> None:
        rows = cli("schemes", "list", "--json").document
        assert len(rows) == 3
        agreed = {"id", "scheme", "format", "rank", "ring", "nonzeros", "additions", "class", "source", "found_at"}
        assert all(agreed <= set(row) for row in rows)
        first = rows[0]
        assert (first["scheme"], first["format"], first["rank"]) == ("2x2x2:7", "2x2x2", 7)
        assert (first["ring"], first["nonzeros"], first["additions"], first["source"]) == ("ZT", 36, 18, "import")

    @pytest.mark.parametrize(
        ("options", "ids"),
        [
            ((), [1, 2, 3]),
            (("--format", "3x3x3"), [3]),
            (("--rank", "7"), [1, 2]),
            (("--ring", "zt", "--limit", "2"), [1, 2]),
            (("--ring", "Q"), []),
            (("--max-additions", "20"), [1]),
            (("--source", "trial"), []),
            (("--class", "58b60d4de2cd"), [1, 2]),
            (("--class", "0a0"), [3]),
            (("--sort", "id"), [1, 2, 3]),
        ],
    )
    def test_list_selects_and_sorts(self, cli: CommandLine, options: tuple[str, ...], ids: list[int]) -> None:
        assert [row["id"] for row in cli("schemes", "list", "--json", *options).document] == ids

    def test_list_is_a_table_whose_lines_are_not_cut(self, cli: CommandLine) -> None:
        lines = cli("schemes", "list").out.splitlines()
        assert lines[0].split()[:5] == ["id", "scheme", "ring", "nonzeros", "additions"]
        assert lines[3].split()[:5] == ["3", "3x3x3:23", "ZT", "153", "98"]

    def test_schemes_are_grouped_by_class(self, cli: CommandLine) -> None:
        document = cli("schemes", "list", "--group-by", "class", "--json").document
        assert [(row["class"], row["schemes"], row["example"]) for row in document] == [
            ("58b60d4de2cd", 2, 1),
            ("0a0f6a9162bd", 1, 3),
        ]
        lines = cli("schemes", "list", "--group-by", "class", "--sort", "id").out.splitlines()
        assert lines[0].split() == [
            *("class", "scheme", "schemes", "ring", "additions"),
            *("null", "space", "of", "symmetry", "example"),
        ]
        assert lines[1].split() == ["58b60d4de2cd", "2x2x2:7", "2", "ZT", "18", "23", "23", "1"]
        assert lines[2].split() == ["0a0f6a9162bd", "3x3x3:23", "1", "ZT", "98", "76", "70", "3"]
        result = cli("schemes", "list", "--group-by", "class", "--class", "9")
        assert (result.code, result.err) == (0, "no such scheme is stored\n")
        cli("schemes", "list", "--group-by", "ring").assert_refused("group 'ring', expected class")

    def test_an_empty_list_says_so(self, cli: CommandLine) -> None:
        result = cli("schemes", "list", "--rank", "99")
        assert (result.code, result.err) == (0, "no such scheme is stored\n")

    def test_show_prints_facts_and_formulas(self, cli: CommandLine) -> None:
        result = cli("schemes", "show", "1")
        assert result.code == 0
        assert "2x2x2:7" in result.out
        assert "brent, symbolic" in result.out
        assert "class      58b60d4de2cd\nfamily     null space of 23 dimensions, 23 of them of symmetry\n" in result.out
        assert len([line for line in result.out.splitlines() if line.startswith("m")]) == 7
        assert len([line for line in result.out.splitlines() if line.startswith("c")]) == 5  # with "class"

    def test_show_computes_what_it_shows(self, cli: CommandLine, filled: Path) -> None:
        sound, printed = cli("schemes", "show", "1", "--json").document, cli("schemes", "show", "1").out
        damage(
            filled,
            "UPDATE schemes SET ring = 'Q', additions = 7, nonzeros = 8, growth_factor = 9, orbit_class = 'x', "
            "null_space = NULL WHERE id = 1",
        )
        assert cli("schemes", "show", "1", "--json").document == sound
        assert cli("schemes", "show", "1").out == printed

    def test_a_hash_prefix_names_a_scheme(self, cli: CommandLine) -> None:
        document = cli("schemes", "show", "3", "--json").document
        assert cli("schemes", "show", document["hash"][:10], "--json").document == document
        assert document["checks"] == {"brent": True, "symbolic": True}

    def test_stats_and_ranks(self, cli: CommandLine) -> None:
        assert cli("db", "stats", "--json").document["tables"]["schemes"] == 3
        assert "schemes" in cli("db", "stats").out
        ranks = {row["format"]: row for row in cli("report", "ranks", "--json").document}
        assert ranks["2x2x2"]["mark"] == "equals"
        assert "3x3x3" in cli("report", "ranks").out

    def test_additions(self, cli: CommandLine) -> None:
        rows = {row["scheme"]: row for row in cli("report", "additions", "--json").document}
        assert (rows["3x3x3:23"]["naive"], rows["3x3x3:23"]["reduced"], rows["3x3x3:23"]["mark"]) == (98, 62, "worse")
        assert "known" in cli("report", "additions", "--effort", "quick", "--schemes", "1").out

    def test_upgrade_of_the_newest_schema(self, cli: CommandLine) -> None:
        document = cli("db", "upgrade", "--json").document
        assert document["old"] == document["new"]
        assert "nothing to do" in cli("db", "upgrade").out


@pytest.mark.usefixtures("filled")
class TestExport:
    def test_a_scheme_file_comes_back_as_it_was(self, cli: CommandLine, folder: Path) -> None:
        printed = cli("schemes", "export", "3")
        written = cli("schemes", "export", "3", "-o", "laderman.json")
        assert (folder / "laderman.json").read_text() == printed.out
        assert (written.out, written.err) == ("", "wrote laderman.json\n")
        assert cli("schemes", "import", "laderman.json", "--json").document[0]["status"] == "duplicate"

    def test_an_exported_scheme_fulfils_the_brent_equations(self, cli: CommandLine) -> None:
        # Checked here from the definition, with nothing of mmdiscover.
        document = json.loads(cli("schemes", "export", "3", "--format", "json").out)
        n, m, p = document["format"]
        u, v, w = (np.array(document[key]) for key in "uvw")
        assert (document["rank"], document["ring"], len(u)) == (23, "ZT", 23)
        for a in range(n * m):
            for b in range(m * p):
                for c in range(p * n):
                    expected = a % m == b // p and b % p == c // n and c % n == a // m
                    assert (u[:, a] * v[:, b] * w[:, c]).sum() == expected

    @pytest.mark.parametrize("name", EXPORT_FORMATS)
    def test_every_file_format_comes_back(self, cli: CommandLine, name: str) -> None:
        assert cli("schemes", "export", "3", "--format", name, "-o", "laderman").code == 0
        (row,) = cli("schemes", "import", "laderman", "--json").document
        assert (row["status"], row["scheme_id"], row["scheme"], row["ring"]) == ("duplicate", 3, "3x3x3:23", "ZT")

    def test_what_a_format_cannot_hold_is_refused(self, cli: CommandLine, folder: Path) -> None:
        wide = classical(Format(10, 1, 1))
        (folder / "wide.json").write_text(write_native(wide))
        assert cli("schemes", "import", "wide.json").code == 0
        cli("schemes", "export", "4", "--format", "exp", "-o", "wide.exp").assert_refused("10x1x1", "sizes up to 9")
        assert not (folder / "wide.exp").exists()

    def test_npz(self, cli: CommandLine, folder: Path) -> None:
        assert cli("schemes", "export", "1", "--format", "npz", "-o", "strassen.npz").code == 0
        with np.load(folder / "strassen.npz") as archive:
            assert archive["u"].shape == (4, 7)

    @pytest.mark.parametrize("language", ["python", "numpy", "text", "latex"])
    def test_code(self, cli: CommandLine, folder: Path, language: str) -> None:
        printed = cli("export", "1", "--to", language)
        assert printed.code == 0
        assert cli("export", "1", "--to", language, "-o", "code").code == 0
        assert (folder / "code").read_text() == printed.out

    def test_exported_code_multiplies(self, cli: CommandLine) -> None:
        namespace: dict[str, object] = {}
        exec(cli("export", "3", "--to", "numpy").out, namespace)
        functions = [value for name, value in namespace.items() if callable(value) and name.startswith("multiply")]
        rng = np.random.default_rng(0)
        a, b = rng.integers(-9, 9, (7, 5)), rng.integers(-9, 9, (5, 8))
        assert functions
        assert np.array_equal(functions[0](a, b), a @ b)


@pytest.mark.usefixtures("damaged")
class TestDamagedRows:
    @pytest.mark.parametrize(
        "command",
        [("schemes", "export", "1"), ("export", "1", "--to", "python"), ("schemes", "show", "1")],
        ids=" ".join,
    )
    def test_nothing_is_exported(self, cli: CommandLine, folder: Path, command: tuple[str, ...]) -> None:
        target = () if command[1] == "show" else ("-o", "file")
        result = cli(*command, *target)
        assert result.code == 1
        assert result.out == ""
        assert result.err.startswith("mmdiscover: error: ")
        assert "damaged" in result.err
        assert not (folder / "file").exists()

    def test_check_reports_them(self, cli: CommandLine) -> None:
        result = cli("db", "check", "--json")
        assert result.code == 1
        assert (result.document["ok"], result.document["checked"]) == (False, 3)
        (row,) = result.document["damaged"]
        assert row["id"] == 1
        assert "Brent equations" in row["reason"]
        assert "schemes 1: " in cli("db", "check").out

    def test_verify_finds_them_wrong(self, cli: CommandLine) -> None:
        result = cli("verify", "1", "--json")
        assert result.code == 1
        assert result.document[0]["checks"] == {"brent": False, "symbolic": None}


def test_an_unreadable_row_is_damaged(cli: CommandLine, filled: Path) -> None:
    damage(filled, "UPDATE schemes SET factors = 'rubbish' WHERE id = 2")
    for command in (("schemes", "show", "2"), ("verify", "2")):
        result = cli(*command)
        assert (result.code, result.out) == (1, "")
        assert "scheme 2 is damaged" in result.err
    assert cli("db", "check").code == 1
    assert cli("schemes", "show", "1").code == 0


def test_a_valid_scheme_in_the_place_of_another_is_damage(cli: CommandLine, filled: Path) -> None:
    damage(filled, "UPDATE schemes SET factors = (SELECT factors FROM schemes WHERE id = 2) WHERE id = 1")
    result = cli("export", "1", "--to", "text")
    assert result.code == 1
    assert "damaged" in result.err


def test_a_sound_database_passes_its_check(cli: CommandLine, filled: Path) -> None:
    before = filled.read_bytes()
    result = cli("db", "check", "--json")
    assert (result.code, result.document) == (0, {"ok": True, "checked": 3, "damaged": [], "storage": []})
    assert cli("db", "check").out == "3 schemes verified, 0 damaged rows\n"
    assert filled.read_bytes() == before


def wrong_strassen() -> str:
    document = json.loads(write_native(strassen()))
    document["u"][0][0] += 1
    return json.dumps(document | {"ring": "Z"})


class TestVerifyFiles:
    def test_a_valid_one(self, cli: CommandLine, folder: Path) -> None:
        (folder / "laderman.json").write_text(write_native(laderman()))
        result = cli("verify", "laderman.json", "--json")
        expected = {
            "file": "laderman.json",
            "entry": 0,
            "ok": True,
            "scheme": "3x3x3:23",
            "ring": "ZT",
            "checks": {"brent": True, "symbolic": True},
            "reason": None,
        }
        assert (result.code, result.document) == (0, [expected])
        assert "3x3x3:23 over ZT is proved" in cli("verify", "laderman.json").out
        assert [path.name for path in folder.iterdir()] == ["laderman.json"]

    def test_a_wrong_one(self, cli: CommandLine, folder: Path) -> None:
        (folder / "wrong.json").write_text(wrong_strassen())
        result = cli("verify", "wrong.json", "--json")
        assert result.code == 1
        assert (result.document[0]["ok"], result.document[0]["checks"]["brent"]) == (False, False)
        assert "Brent equations" in result.document[0]["reason"]
        assert "wrong.json, entry 0: 2x2x2:7 is wrong" in cli("verify", "wrong.json").out

    def test_a_file_comes_before_a_stored_scheme(self, cli: CommandLine, filled: Path, folder: Path) -> None:
        del filled
        assert cli("verify", "1", "--json").document[0]["file"] is None
        (folder / "1").write_text(wrong_strassen())
        assert cli("verify", "1", "--json").document[0]["file"] == "1"

    def test_several_at_once(self, cli: CommandLine, filled: Path, folder: Path) -> None:
        del filled
        (folder / "good.exp").write_bytes(EXPORT_FORMATS["exp"].content(laderman()))
        (folder / "wrong.json").write_text(wrong_strassen())
        (folder / "bad.json").write_text("{")
        result = cli("verify", "good.exp", "3", "--json")
        assert (result.code, [row["scheme"] for row in result.document]) == (0, ["3x3x3:23"] * 2)
        result = cli("verify", "wrong.json", "good.exp", "--json")
        assert (result.code, [row["ok"] for row in result.document]) == (1, [False, True])
        result = cli("verify", "bad.json", "wrong.json", "missing", "good.exp", "--json")
        assert (result.code, [row["ok"] for row in result.document]) == (2, [False, False, False, True])
        assert [row["file"] for row in result.document] == ["bad.json", "wrong.json", "missing", "good.exp"]
        assert result.document[0]["reason"] == result.err.splitlines()[0].removeprefix("mmdiscover: error: ")
        result = cli("verify", "bad.json", "good.exp")
        assert (result.code, result.out.count("\n"), result.err.count("\n")) == (2, 1, 1)

    def test_what_holds_modulo_two_only_is_said_to(self, cli: CommandLine, folder: Path) -> None:
        text = EXPORT_FORMATS["exp"].content(strassen()).decode().replace("-", "+").replace("(+", "(")
        (folder / "strassen.exp").write_text(text)
        result = cli("verify", "strassen.exp", "--json")
        assert (result.code, result.document[0]["ring"]) == (0, "Z2")
        assert "2x2x2:7 modulo 2 (ring Z2) is proved" in cli("verify", "strassen.exp").out
        assert cli("schemes", "import", "strassen.exp").out == (
            "strassen.exp, entry 0: 2x2x2:7 modulo 2 stored as scheme 1\n"
        )
        assert cli("schemes", "list", "--json").document[0]["ring"] == "Z2"

    def test_modulo_two_is_not_enough_where_more_is_promised(self, cli: CommandLine, folder: Path) -> None:
        (folder / "strassen.json").write_text(write_native(strassen()).replace("-1", "1"))
        result = cli("verify", "strassen.json", "--json")
        assert (result.code, result.document[0]["ok"]) == (1, False)
        assert result.document[0]["reason"].endswith("it holds modulo 2, but that is not what the file says")

    def test_what_is_too_large_is_not_proved(
        self, cli: CommandLine, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (folder / "strassen.json").write_text(write_native(strassen()))
        monkeypatch.setattr("mmdiscover.core.tensor.physical_memory", lambda: 100)
        result = cli("verify", "strassen.json", "--json")
        assert (result.code, result.document[0]["ok"], result.document[0]["scheme"]) == (1, False, "2x2x2:7")
        assert "GiB" in result.document[0]["reason"]


class TestImport:
    def test_what_is_valid_is_stored_whatever_stands_beside_it(self, cli: CommandLine, folder: Path) -> None:
        (folder / "strassen.json").write_text(write_native(strassen()))
        (folder / "winograd.json").write_text(write_native(winograd()))
        (folder / "wrong.json").write_text(wrong_strassen())
        result = cli("schemes", "import", "strassen.json", "wrong.json", "winograd.json", "strassen.json", "--json")
        assert result.code == 1
        assert [row["status"] for row in result.document] == ["stored", "rejected", "stored", "duplicate"]
        assert [row["scheme_id"] for row in result.document] == [1, None, 2, 1]
        keys = {"file", "entry", "label", "scheme", "ring", "zero_products", "status", "scheme_id", "reason"}
        assert all(set(row) == keys for row in result.document)
        assert "Brent equations" in result.document[1]["reason"]
        assert [row["source"] for row in cli("schemes", "list", "--json").document] == ["import", "import"]

    def test_zero_products_are_left_out_and_counted(self, cli: CommandLine, folder: Path) -> None:
        padded = strassen().with_arrays(
            strassen().format, [np.concatenate([x, np.zeros_like(x[:, :2])], axis=1) for x in strassen().arrays]
        )
        (folder / "padded.json").write_text(write_native(padded))
        (row,) = cli("schemes", "import", "padded.json", "--json").document
        assert (row["scheme"], row["zero_products"], row["status"]) == ("2x2x2:7", 2, "stored")
        assert cli("schemes", "import", "padded.json").out == (
            "padded.json, entry 0: 2x2x2:7 duplicate as scheme 1, without 2 zero products\n"
        )

    def test_several_schemes_in_a_file(self, cli: CommandLine, folder: Path) -> None:
        documents = [json.loads(write_native(strassen())), {"n": 1}, json.loads(wrong_strassen())]
        (folder / "list.json").write_text(json.dumps(documents))
        result = cli("schemes", "import", "list.json", "--json")
        assert result.code == 1
        assert [row["entry"] for row in result.document] == [0, 1, 2]
        assert [row["status"] for row in result.document] == ["stored", "rejected", "rejected"]
        assert [row["scheme"] for row in result.document] == ["2x2x2:7", None, "2x2x2:7"]

    def test_labels_are_told(self, cli: CommandLine, folder: Path) -> None:
        (folder / "file").write_bytes(EXPORT_FORMATS["alphatensor"].content(strassen()))
        assert cli("schemes", "import", "file").out == "file, entry 0 (2,2,2): 2x2x2:7 stored as scheme 1\n"

    def test_a_scheme_that_cannot_be_stored_does_not_stop_the_others(self, cli: CommandLine, folder: Path) -> None:
        shears = [np.array([[1, Fraction(1, 10**60 + odd)], [0, 1]], dtype=object) for odd in (7, 9, 33)]
        (folder / "long.json").write_text(write_native(sandwich(strassen(), *shears)))
        (folder / "winograd.json").write_text(write_native(winograd()))
        result = cli("schemes", "import", "long.json", "winograd.json", "--json")
        assert result.code == 1
        assert [row["status"] for row in result.document] == ["rejected", "stored"]
        assert "expected at most 200 characters" in result.document[0]["reason"]

    def test_schemes_are_stored_before_the_next_file_is_read(
        self, cli: CommandLine, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name, scheme in (("1.json", strassen()), ("2.json", winograd()), ("3.json", laderman())):
            (folder / name).write_text(write_native(scheme))
        stored = []

        def read(path: str) -> list[interop.SchemeEntry]:
            with closing(sqlite3.connect("mmdiscover.db")) as connection:
                tables = connection.execute("SELECT name FROM sqlite_master WHERE name = 'schemes'").fetchall()
                stored.append(tables and connection.execute("SELECT count(*) FROM schemes").fetchone()[0])
            return read_schemes(path)

        monkeypatch.setattr(interop, "read_schemes", read)
        assert cli("schemes", "import", "1.json", "2.json", "3.json").code == 0
        assert stored == [[], 1, 2]

    def test_a_database_is_made_for_schemes_only(self, cli: CommandLine, folder: Path) -> None:
        (folder / "bad.json").write_text("{")
        assert cli("schemes", "import", "bad.json", "bad.json").code == 2
        assert not (folder / "mmdiscover.db").exists()

    def test_a_malformed_file_does_not_stop_the_others(self, cli: CommandLine, folder: Path) -> None:
        (folder / "bad.json").write_text("{")
        (folder / "strassen.json").write_text(write_native(strassen()))
        result = cli("schemes", "import", "bad.json", "strassen.json", "--json")
        assert result.code == 2
        assert [row["status"] for row in result.document] == ["rejected", "stored"]
        assert result.err.startswith("mmdiscover: error: bad.json: ")
        assert (
            cli("schemes", "import", "strassen.json").out == "strassen.json, entry 0: 2x2x2:7 duplicate as scheme 1\n"
        )
