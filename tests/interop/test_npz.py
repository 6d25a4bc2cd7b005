"""NumPy archives: three kinds are read, nothing is unpickled, and nothing unpacks without bound."""

from __future__ import annotations

import io
import pickle
import struct
import tracemalloc
import zipfile
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdiscover.core.exact import parse_exact
from mmdiscover.core.format import Format
from mmdiscover.core.ring import Ring
from mmdiscover.core.scheme import Scheme
from mmdiscover.errors import InputError
from mmdiscover.interop import archives
from mmdiscover.interop.npz import parse_npz, write_alphatensor, write_npz
from mmdiscover.interop.pickled import pickled_arrays
from tests.schemes import classical, strassen
from tests.strategies import arbitrary_schemes, known_schemes

CLASSICAL = classical(Format(2, 3, 4))


def archive(**arrays: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def objects(*items: Any) -> np.ndarray[Any, np.dtype[np.object_]]:
    result = np.empty(len(items), dtype=object)
    result[:] = items
    return result


def own(**changes: Any) -> bytes:
    """The smallest scheme, ⟨1,1,1:1⟩; None takes an array out."""
    one = np.ones((1, 1), dtype=np.int64)
    arrays = {"format": np.array([1, 1, 1]), "rank": np.array(1), "ring": np.array("ZT"), "u": one, "v": one, "w": one}
    return archive(**{key: value for key, value in (arrays | changes).items() if value is not None})


def test_npz_of_strassen_holds_integers() -> None:
    with np.load(io.BytesIO(write_npz(strassen())), allow_pickle=False) as loaded:
        assert loaded["format"].tolist() == [2, 2, 2]
        assert loaded["rank"] == 7
        assert loaded["ring"] == "ZT"
        for key, factor in zip("uvw", strassen().arrays, strict=True):
            assert loaded[key].dtype == np.int64
            assert loaded[key].tolist() == factor.tolist()


@given(st.one_of(known_schemes, arbitrary_schemes(), arbitrary_schemes(st.integers(-(2**70), 2**70))))
def test_npz_loses_nothing(scheme: Scheme) -> None:
    content = write_npz(scheme)
    with np.load(io.BytesIO(content), allow_pickle=False) as loaded:
        factors = [[[parse_exact(str(x)) for x in row] for row in loaded[key]] for key in "uvw"]
        fmt = Format(*loaded["format"].tolist())
    u, v, w = (np.array(factor, dtype=object) for factor in factors)
    assert Scheme(fmt, u, v, w) == scheme
    assert parse_npz(content)[0].readings == (scheme,)


def test_own_archives_say_their_ring() -> None:
    (parsed,) = parse_npz(own(ring=np.array("Z2"), u=np.array([[3]])))
    assert parsed.readings[0].ring is Ring.Z2
    (parsed,) = parse_npz(own(ring=np.array("Q"), u=np.array([["1/2"]])))
    assert parsed.readings[0].u[0, 0] == Fraction(1, 2)
    with pytest.raises(InputError, match="ring is 'ZT', but the entries need 'Z'"):
        parse_npz(own(u=np.array([[2]])))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ring": np.array("R")}, "ring is 'R', expected one of"),
        ({"ring": np.array(2)}, "ring is '2', expected one of"),
        ({"ring": None}, "holds arrays named 'format', 'rank', 'u', 'v', 'w', expected format, rank, ring"),
        ({"format": np.array([1, 1])}, r"format has shape \(2,\)"),
        ({"format": np.array([1.0, 1.0, 1.0])}, "format has shape .* type float64, expected three sizes"),
        ({"format": np.array([1, 1, 0])}, "size p is 0"),
        ({"format": np.array([1, 2, 1])}, r"factor u of 1x2x1 has shape \(1, 1\)"),
        ({"rank": np.array(2)}, "rank is 2, but u has 1 columns"),
        ({"rank": np.array([1])}, "rank is"),
        ({"u": np.array(1)}, r"u has shape \(\), expected a matrix"),
        ({"u": np.array([[np.inf]])}, "u has entries that are not finite"),
        ({"u": np.array([[1e-300]])}, "u has the entry 1e-300, expected exact numbers"),
        ({"u": np.array([["0.5"]])}, "number '0.5': expected an exact number"),
        ({"u": np.array([[1j]])}, "u has entries of type '<c16', expected integers or floats"),
        ({"u": objects(1)}, r"u has entries of type '\|O', expected integers or floats"),
        ({"u": np.array([[True]])}, r"u has entries of type '\|b1'"),
        ({"u": np.zeros((1, 0), dtype=np.int64)}, "u is an array of shape"),
    ],
)
def test_malformed_own_archives_are_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        parse_npz(own(**changes))
    assert len(str(caught.value)) < 200


class TestFactorArchives:
    def test_w_is_for_c_itself(self) -> None:
        u, v, w = CLASSICAL.arrays
        straight = w.reshape(4, 2, -1).swapaxes(0, 1).reshape(8, -1)
        (parsed,) = parse_npz(
            archive(U=u.astype(int), V=np.asfortranarray(v.astype(float)), W=straight.astype(np.int8))
        )
        assert parsed.readings == (CLASSICAL,)

    @pytest.mark.parametrize(("rows", "message"), [(5, "products have 4, 4 and 5 coefficients"), (4, None)])
    def test_heights_make_a_format(self, rows: int, message: str | None) -> None:
        content = archive(**{key: np.ones((size, 7), dtype=int) for key, size in zip("UVW", (4, 4, rows), strict=True)})
        if message is None:
            assert parse_npz(content)[0].readings[0].name == "2x2x2:7"
        else:
            with pytest.raises(InputError, match=message):
                parse_npz(content)


class TestAlphaTensor:
    def test_cubes_are_stacked_and_the_others_pickled(self) -> None:
        for scheme in (strassen(), CLASSICAL):
            content = write_alphatensor(scheme)
            with np.load(io.BytesIO(content), allow_pickle=True) as loaded:
                (key,) = loaded.files
                assert key == str(scheme.format).replace("x", ",")
                for written, factor in zip(loaded[key], scheme.arrays, strict=True):
                    assert written.dtype == np.int64
                    assert written.tolist() == factor.tolist()
            (parsed,) = parse_npz(content)
            assert (parsed.readings[0], parsed.label) == (scheme, key)

    @pytest.mark.parametrize("dtype", ["<i4", ">i8", "<f4", ">f8", "i1", "f2", "u2"])
    @pytest.mark.parametrize("order", ["C", "F"])
    def test_all_types_of_numbers(self, dtype: str, order: Any) -> None:
        factors = [np.array(abs(x), dtype=dtype, order=order) for x in CLASSICAL.arrays]
        (parsed,) = parse_npz(archive(**{"2,3,4": objects(*factors)}))
        assert parsed.readings[0] == CLASSICAL

    def test_halves_are_exact(self) -> None:
        (parsed,) = parse_npz(archive(**{"1,1,1": np.array([[[0.5]], [[-0.125]], [[-16.0]]])}))
        (scheme,) = parsed.readings
        assert [factor[0, 0] for factor in scheme.arrays] == [Fraction(1, 2), Fraction(-1, 8), -16]

    @pytest.mark.parametrize("protocol", [2, 3, 4])
    def test_pickles_of_all_protocols_of_numpy(self, protocol: int) -> None:
        items = objects(*(x.astype(np.int64) for x in CLASSICAL.arrays))
        if protocol == 2:  # bytes are made by a function there
            with pytest.raises(InputError, match="names '_codecs' 'encode'"):
                pickled_arrays(pickle.dumps(items, protocol=2))
            return
        data = pickle.dumps(items, protocol=protocol).replace(b"numpy._core.multiarray\n", b"numpy.core.multiarray\n")
        for found, factor in zip(pickled_arrays(data), CLASSICAL.arrays, strict=True):
            assert found.tolist() == factor.tolist()

    def test_several_schemes_and_some_that_are_none(self) -> None:
        square = np.stack([x.astype(int) for x in strassen().arrays])
        entries = parse_npz(
            archive(
                **{"2,2,2": square, "3,3,3": square, "4,4": square, "1,1,1": np.array(1), "1,1,2": np.ones((2, 1, 1))}
            )
        )
        assert entries[0].readings[0] == strassen()
        assert [bool(entry.readings) for entry in entries] == [True, False, False, False, False]
        assert [entry.reason for entry in entries[1:]] == [
            "'3,3,3' factor u of 3x3x3 has shape (4, 7), expected (9, 7) with r >= 1",
            "'4,4' is no scheme, expected a name such as \"2,3,4\"",
            "'1,1,1' holds 1 arrays, expected three factors",
            "'1,1,2' holds 2 arrays, expected three factors",
        ]


class Bait:
    """Unpickling it would call a function."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self._call = function, arguments

    def __reduce__(self) -> Any:
        return self._call


def fail(*_: Any) -> None:
    pytest.fail("the pickle was executed")


FACTORS = [x.astype(np.int64) for x in CLASSICAL.arrays]


@pytest.mark.parametrize(
    "value",
    [
        Bait(fail),
        objects(Bait(fail), *FACTORS[1:]),
        objects(FACTORS[0], FACTORS[1], [1, 2]),
        objects(FACTORS[0], FACTORS[1], np.array(["x"])),
        objects(FACTORS[0], FACTORS[1], np.array([1j])),
        objects(FACTORS[0], FACTORS[1], np.array([(1, 2)], dtype=[("a", int), ("b", int)])),
        objects(*FACTORS[:2], objects(1, 2)),
        objects(*FACTORS[:2], np.datetime64("2020-01-01")),
        objects(*FACTORS[:2], np.float64(1.0)),
        FACTORS[0],
        [FACTORS],
        {"u": 1},
        np.dtype(int),
        np.ndarray,
        (),
    ],
)
@pytest.mark.parametrize("protocol", range(6))
def test_pickles_of_anything_else_are_refused(value: Any, protocol: int) -> None:
    with pytest.raises(InputError, match=r"holds a pickle that is not read: .*, expected arrays of numbers only"):
        pickled_arrays(pickle.dumps(value, protocol=protocol))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b".",
        b"b.",
        b"R.",
        b"t.",
        b"e.",
        b"(e.",
        b"\x87.",
        b"\x93.",
        b"h\x00.",
        b"q\x00.",
        b"\x94.",
        b"(NNe.",
        b"cos\nsystem\n.",
        b"cnumpy",
        b"\x8c\x02\xff\xff.",
        b"N" * 20_000,
        b"B\xff\xff\xff\xffx",
        b"\x8e" + b"\xff" * 8,
        b"Nr\xff\xff\xff\xffj\xff\xff\xff\xff.",
        b"cnumpy\nndarray\n)R.",
        b"cnumpy\nndarray\n)RNb.",
        b"cnumpy\nndarray\nNb.",
    ],
    ids=ascii,
)
def test_damaged_pickles_are_refused(data: bytes) -> None:
    with pytest.raises(InputError, match="holds a pickle that is not read"):
        pickled_arrays(data)


@given(st.data())
def test_any_damage_to_a_pickle_is_refused_or_harmless(data: st.DataObject) -> None:
    content = bytearray(pickle.dumps(objects(*FACTORS), protocol=data.draw(st.sampled_from([3, 4]))))
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        arrays = pickled_arrays(bytes(content))
    except InputError:
        return
    assert sum(array.size for array in arrays) < 1000


class TestArchives:
    def test_what_is_no_archive(self) -> None:
        for content in (b"PK\x03\x04", b"PK\x05\x06" + b"\0" * 18, write_npz(strassen())[:-30], b"PK"):
            with pytest.raises(InputError, match="archive"):
                parse_npz(content)

    def test_damage_is_noticed(self) -> None:
        content = bytearray(archive(U=np.ones((4, 7))))
        content[200] ^= 1
        with pytest.raises(InputError, match=r"is a damaged archive .*CRC"):
            parse_npz(bytes(content))

    def test_many_entries_are_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        content = compressed({"1,1,1": np.ones((3, 1, 5), np.int8), "1,1,2": np.zeros((3, 2, 5), np.int8)})
        assert len(parse_npz(content)) == 2
        monkeypatch.setattr("mmdiscover.interop.npz.MAX_ENTRIES", 14)
        with pytest.raises(InputError, match="holds schemes of more than 14 entries together"):
            parse_npz(content)
        monkeypatch.setattr("mmdiscover.interop.npy.MAX_ENTRIES", 4)
        with pytest.raises(InputError, match=r"U is an array of shape \(1, 5\), expected at most 4 entries"):
            parse_npz(archive(U=np.ones((1, 5)), V=np.ones((1, 5)), W=np.ones((1, 5))))

    def test_names(self) -> None:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as file:
            file.writestr("\x1b[2J", b"")
        with pytest.raises(InputError, match=r"holds '\\x1b\[2J', expected one .npy file for each name"):
            parse_npz(buffer.getvalue())

    @pytest.mark.filterwarnings("ignore:Duplicate name")
    def test_a_name_that_is_there_twice(self) -> None:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as file:
            file.writestr("U.npy", b"")
            file.writestr("U.npy", b"")
        with pytest.raises(InputError, match=r"holds 'U\.npy', expected one .npy file for each name"):
            parse_npz(buffer.getvalue())

    def test_bombs_are_refused_by_the_size_they_state(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(archives, "MAX_UNPACKED", 10_000)
        assert parse_npz(compressed({"1,1,1": np.ones((3, 1, 1))}))
        for arrays in ({"1,1,1": np.zeros(10_000)}, {"1,1,1": np.zeros(800), "2,2,2": np.zeros(800)}):
            with pytest.raises(InputError, match="unpacks to more than 10,000 bytes"):
                parse_npz(compressed(arrays))

    def test_bombs_that_lie_about_their_size_are_not_unpacked(self) -> None:
        content = bytearray(compressed({"1,1,1": np.zeros(2 * 10**6)}))
        # The size in the central directory is the one that counts.
        directory = content.index(b"PK\x01\x02")
        content[directory + 24 : directory + 28] = struct.pack("<I", 500)
        tracemalloc.start()
        try:
            with pytest.raises(InputError, match="is a damaged archive"):
                parse_npz(bytes(content))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < 10**6

    def test_many_members_are_refused(self) -> None:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as file:
            for number in range(archives.MAX_MEMBERS + 1):
                file.writestr(f"{number}.npy", b"")
        with pytest.raises(InputError, match="is an archive of more than 1,000 files"):
            parse_npz(buffer.getvalue())

    @pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
    def test_other_methods_are_refused(self, method: int) -> None:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", method) as file:
            file.writestr("U.npy", b"x" * 1000)
        with pytest.raises(InputError, match=f"'U' is compressed by method {method}"):
            parse_npz(buffer.getvalue())

    def test_encrypted_ones_are_refused(self) -> None:
        content = bytearray(archive(U=np.ones((4, 7))))
        for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
            content[content.index(signature) + offset] |= 1
        with pytest.raises(InputError, match=r"is a damaged archive .*encrypted"):
            parse_npz(bytes(content))


def compressed(arrays: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def npy(header: str, data: bytes = b"") -> bytes:
    text = header.encode("latin-1")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name in "UVW":
            file.writestr(f"{name}.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data)
    return buffer.getvalue()


def test_headers_of_old_versions() -> None:
    header = "{'descr': '<i8', 'fortran_order': False, 'shape': (1L, 1L), }   \n"
    assert parse_npz(npy(header, struct.pack("<q", 1)))[0].readings == (classical(Format(1, 1, 1)),)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("   ", "U has a header that is not read"),
        ("{'descr': __import__('os'), 'fortran_order': False, 'shape': (1, 1), }", "U has a header that is not read"),
        ("{'descr': [('x', '<i8')], 'fortran_order': False, 'shape': (1, 1), }", "U has a header that is not read"),
        ("(" * 9000, "U has a header that is not read"),
        ("{'descr': '<i8', 'fortran_order': False, 'shape': (1, 1), }", "U has 0 bytes for an array .*, expected 8"),
        ("{'descr': '<i8', 'fortran_order': False, 'shape': (1, 0), }", r"U is an array of shape \(1, 0\)"),
        (
            "{'descr': '<i8', 'fortran_order': False, 'shape': (" + "1, " * 2000 + "), }",
            r"U is an array of shape \(1, 1",
        ),
        ("{'descr': '<i8', 'fortran_order': False, 'shape': (999999999999, 999999999999), }", "at most 16,777,216 en"),
        ("{'descr': '<i3', 'fortran_order': False, 'shape': (1, 1), }", "U has entries of type '<i3'"),
        ("{'descr': '<U0', 'fortran_order': False, 'shape': (1, 1), }", "U has entries of type '<U0'"),
        ("{'descr': '<U999999999', 'fortran_order': False, 'shape': (1, 1), }", "U has entries of type '<U9"),
        ("{'descr': '<M8', 'fortran_order': False, 'shape': (1, 1), }", "U has entries of type '<M8'"),
    ],
    ids=lambda text: text[:60],
)
def test_headers_that_are_not_read(header: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        parse_npz(npy(header))
    assert len(str(caught.value)) < 200


def test_text_outside_unicode() -> None:
    header = "{'descr': '<U1', 'fortran_order': False, 'shape': (1, 1), }"
    with pytest.raises(InputError, match="holds text that is not ASCII"):
        parse_npz(npy(header, b"\xff\xff\xff\x7f"))
