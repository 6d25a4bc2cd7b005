"""Reading files: whatever lies there, a scheme comes back or one line that names it."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

import pytest

from mmdiscover.core.format import Format
from mmdiscover.core.scheme import Scheme
from mmdiscover.errors import SchemeFileError
from mmdiscover.interop import read_schemes, write_native
from mmdiscover.interop.files import MAX_BYTES
from mmdiscover.verify import verify
from tests.schemes import classical, strassen

if TYPE_CHECKING:
    from pathlib import Path


def refusal(path: Path | str) -> str:
    """What is said about a file that is no scheme file, on one line."""
    with pytest.raises(SchemeFileError) as caught:
        read_schemes(path)
    message = str(caught.value)
    assert message.isprintable()
    return message


def test_a_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "strassen.json"
    file.write_text(write_native(strassen()))
    (entry,) = read_schemes(file)
    assert (entry.file, entry.entry, entry.scheme, entry.reason) == (file, 0, strassen(), None)
    (entry,) = read_schemes(str(file))
    assert entry.scheme == strassen()


def test_a_byte_order_mark_is_no_error(tmp_path: Path) -> None:
    file = tmp_path / "marked.json"
    file.write_text(write_native(strassen()), encoding="utf-8-sig")
    assert read_schemes(file)[0].scheme == strassen()


def test_the_message_names_the_file(tmp_path: Path) -> None:
    file = tmp_path / "rank8.json"
    file.write_text(write_native(strassen()).replace('"rank": 7', '"rank": 8'))
    assert refusal(file) == f"{file}: u has 7 items, expected 8 rows, one per product"


def test_what_is_no_readable_file(tmp_path: Path) -> None:
    assert refusal(tmp_path) == f"{tmp_path}: is a folder, expected a scheme file"
    assert "cannot be read (No such file or directory)" in refusal(tmp_path / "missing.json")
    assert "embedded null" in refusal("a\0b")
    assert refusal("two\nlines.json").startswith(r"'two\nlines.json': cannot be read")


@pytest.fixture(autouse=True)
def _empty_file(tmp_path: Path) -> None:
    (tmp_path / "empty.json").touch()


def test_what_is_no_text(tmp_path: Path) -> None:
    assert refusal(tmp_path / "empty.json").endswith("is empty, expected a scheme")
    file = tmp_path / "latin.json"
    file.write_bytes(b'{"format": "\xe4"}')
    assert refusal(file).endswith("byte 0xe4 at offset 12 is not UTF-8, expected a scheme file")


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX file kinds")
def test_links_in_a_circle_and_pipes(tmp_path: Path) -> None:
    loop = tmp_path / "loop.json"
    loop.symlink_to(loop)
    assert "cannot be read (Too many levels of symbolic links)" in refusal(loop)
    pipe = tmp_path / "pipe.json"
    os.mkfifo(pipe)
    assert "is a device or a pipe, expected a scheme file" in refusal(pipe)
    assert "is a device or a pipe, expected a scheme file" in refusal("/dev/zero")
    dangling = tmp_path / "dangling.json"
    dangling.symlink_to(tmp_path / "missing.json")
    assert "cannot be read (a link that leads nowhere)" in refusal(dangling)


def test_large_files_are_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "garbage.json"
    with file.open("wb") as stream:
        stream.truncate(MAX_BYTES + 1)
    monkeypatch.setattr("pathlib.Path.open", lambda *_: pytest.fail("the file was read"))
    assert refusal(file) == f"{file}: has 33,554,433 bytes, expected at most 33,554,432"


@pytest.mark.skipif(sys.platform != "linux", reason="needs its /proc")
def test_files_without_a_size_are_read_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mmdiscover.interop.files.MAX_BYTES", 100)
    assert refusal("/proc/self/maps") == "/proc/self/maps: has 101 bytes, expected at most 100"


def test_files_of_the_largest_size_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "strassen.json"
    file.write_text(write_native(strassen()))
    monkeypatch.setattr("mmdiscover.interop.files.MAX_BYTES", file.stat().st_size)
    assert read_schemes(file)[0].scheme == strassen()


def well_formed_but_wrong(**changes: object) -> str:
    document = json.loads(write_native(strassen()))
    return json.dumps(document | changes)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(write_native(strassen()).replace("-1", "1"), id="valid modulo 2, claimed over the integers"),
        pytest.param(well_formed_but_wrong(u=[[1, 0, 0, 1]] * 7), id="one factor repeated"),
        pytest.param(
            write_native(strassen().with_arrays(Format(2, 2, 2), [x[:, :6] for x in strassen().arrays])),
            id="one product missing",
        ),
        pytest.param(
            write_native(Scheme(Format(2, 2, 2), strassen().u, strassen().v, strassen().w[[0, 2, 1, 3]])),
            id="w not transposed",
        ),
        pytest.param(
            write_native(classical(Format(2, 3, 4))).replace("[2, 3, 4]", "[4, 3, 2]"), id="sizes in another order"
        ),
    ],
)
def test_wrong_schemes_never_verify(tmp_path: Path, text: str) -> None:
    file = tmp_path / "wrong.json"
    file.write_text(text)
    try:
        (entry,) = read_schemes(file)
    except SchemeFileError:
        return
    assert entry.scheme is not None
    assert not verify(entry.scheme).ok


def test_the_parts_of_a_list_are_judged_one_by_one(tmp_path: Path) -> None:
    file = tmp_path / "list.json"
    good = json.loads(write_native(strassen()))
    file.write_text(json.dumps([good, {"n": [1, 1, 1]}, good | {"rank": 8}, 3]))
    entries = read_schemes(file)
    assert [entry.entry for entry in entries] == [0, 1, 2, 3]
    assert entries[0].readings == (strassen(),)
    assert [entry.scheme for entry in entries[1:]] == [None] * 3
    assert [entry.reason for entry in entries] == [
        None,
        "key 'm' is missing, expected n, m, z2, u, v, w",
        "u has 7 items, expected 8 rows, one per product",
        "is 3, expected a JSON object",
    ]
    file.write_text(json.dumps([3, good | {"rank": 8}]))
    assert refusal(file) == f"{file}: entry 0 of 2: is 3, expected a JSON object"
    file.write_text("[]")
    assert refusal(file) == f"{file}: holds nothing, expected a scheme"


def test_pieces_of_a_file_are_shown_without_control_characters(tmp_path: Path) -> None:
    file = tmp_path / "list.json"
    good = json.loads(write_native(strassen()))
    file.write_text(json.dumps([good, {"n": "\x1b[2J", "m": 1, "z2": True, "u": 0, "v": 0, "w": 0}, ["\u202e"]]))
    reasons = [entry.reason or "" for entry in read_schemes(file)]
    assert all(reason.isprintable() for reason in reasons)
    assert "x1b[2J" in reasons[1]
