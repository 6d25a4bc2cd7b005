"""Reading files: whatever lies there, a scheme comes back or one line that names it."""

from __future__ import annotations

import json
import os
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdiscover.core.exact import parse_exact
from mmdiscover.core.format import Format
from mmdiscover.core.scheme import Scheme
from mmdiscover.errors import SchemeFileError
from mmdiscover.interop import EXPORT_FORMATS, read_schemes, write_native
from mmdiscover.interop.files import MAX_BYTES
from mmdiscover.verify import verify
from tests.schemes import classical, strassen
from tests.strategies import arbitrary_schemes, known_schemes

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
    assert refusal(tmp_path) == f"{tmp_path}: is a folder or a device, expected a scheme file"
    assert "cannot be read (No such file or directory)" in refusal(tmp_path / "missing.json")
    assert "embedded null" in refusal("a\0b")
    assert refusal("two\nlines.json").startswith(r"'two\nlines.json': cannot be read")


@pytest.fixture(autouse=True)
def _empty_file(tmp_path: Path) -> None:
    (tmp_path / "empty.json").touch()


def test_what_is_no_text(tmp_path: Path) -> None:
    assert refusal(tmp_path / "empty.json").endswith("is empty, expected a JSON scheme")
    file = tmp_path / "latin.json"
    file.write_bytes(b'{"format": "\xe4"}')
    assert refusal(file).endswith("byte 0xe4 at offset 12 is not UTF-8, expected a JSON scheme")


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX file kinds")
def test_links_in_a_circle_and_pipes(tmp_path: Path) -> None:
    loop = tmp_path / "loop.json"
    loop.symlink_to(loop)
    assert "cannot be read (Too many levels of symbolic links)" in refusal(loop)
    pipe = tmp_path / "pipe.json"
    os.mkfifo(pipe)
    assert "is a folder or a device" in refusal(pipe)
    assert "is a folder or a device" in refusal("/dev/zero")


def test_large_files_are_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "garbage.json"
    with file.open("wb") as stream:
        stream.truncate(MAX_BYTES + 1)
    monkeypatch.setattr("pathlib.Path.read_bytes", lambda _: pytest.fail("the file was read"))
    assert refusal(file) == f"{file}: has 33,554,433 bytes, expected at most 33,554,432"


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


def test_npz_of_strassen_holds_integers() -> None:
    with np.load(BytesIO(EXPORT_FORMATS["npz"](strassen())), allow_pickle=False) as archive:
        assert archive["format"].tolist() == [2, 2, 2]
        assert archive["rank"] == 7
        assert archive["ring"] == "ZT"
        for key, factor in zip("uvw", strassen().arrays, strict=True):
            assert archive[key].dtype == np.int64
            assert archive[key].tolist() == factor.tolist()


@given(st.one_of(known_schemes, arbitrary_schemes(), arbitrary_schemes(st.integers(-(2**70), 2**70))))
def test_npz_loses_nothing(scheme: Scheme) -> None:
    with np.load(BytesIO(EXPORT_FORMATS["npz"](scheme)), allow_pickle=False) as archive:
        factors = [[[parse_exact(str(x)) for x in row] for row in archive[key]] for key in "uvw"]
        fmt = Format(*archive["format"].tolist())
    u, v, w = (np.array(factor, dtype=object) for factor in factors)
    assert Scheme(fmt, u, v, w) == scheme


def test_json_export_is_the_native_file(tmp_path: Path) -> None:
    file = tmp_path / "strassen.json"
    file.write_bytes(EXPORT_FORMATS["json"](strassen()))
    assert file.read_text() == write_native(strassen())
    assert sorted(EXPORT_FORMATS) == ["json", "npz"]


def published_files(published: Path, folder: str) -> list[Path]:
    files = sorted(path for path in (published / folder).glob("*.json") if "reduced" not in path.name)
    assert files
    return files


def test_published_schemes_verify(published: Path) -> None:
    for file in published_files(published, "worked_examples"):
        (entry,) = read_schemes(file)
        assert entry.scheme is not None
        assert verify(entry.scheme).ok, file


def test_published_wrong_files_are_refused(published: Path) -> None:
    for file in published_files(published, "must_fail"):
        try:
            (entry,) = read_schemes(file)
        except SchemeFileError:
            continue
        assert entry.scheme is not None
        assert not verify(entry.scheme).ok, file
