"""What the tests of all text formats share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import strategies as st

from mmdiscover.core.format import Format
from mmdiscover.errors import InputError
from mmdiscover.verify import verify
from tests.schemes import classical, laderman, strassen, winograd
from tests.strategies import arbitrary_schemes, rationals

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mmdiscover.core.scheme import Scheme
    from mmdiscover.interop.parsed import Parsed

    Parse = Callable[[str], list[Parsed]]

CLASSICAL = classical(Format(2, 1, 2))
"""The smallest scheme that shows which way around the third factor is."""

LARGE = classical(Format(6, 6, 6))

exact_schemes = st.one_of(
    st.sampled_from([CLASSICAL, strassen(), winograd(), laderman(), classical(Format(2, 3, 4))]), arbitrary_schemes()
)
rational_schemes = st.one_of(st.just(laderman()), arbitrary_schemes(rationals), arbitrary_schemes(st.integers(-1, 1)))
binary_schemes = arbitrary_schemes(st.integers(0, 1), modulus=2)


def only(parsed: list[Parsed]) -> tuple[Scheme, ...]:
    """The readings of a text with one scheme."""
    assert len(parsed) == 1
    assert parsed[0].reason is None
    return parsed[0].readings


def refusal(parse: Parse, text: str) -> str:
    """What is said about a text that is not of the format, on one short line."""
    with pytest.raises(InputError) as caught:
        parse(text)
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) < 300
    return message


def read_anything(parse: Parse, text: str) -> None:
    """Whatever a text holds, it is read or refused."""
    try:
        parsed = parse(text)
    except InputError:
        return
    assert parsed
    assert all(bool(entry.readings) != bool(entry.reason) for entry in parsed)


@st.composite
def damaged(draw: st.DrawFn, text: str) -> str:
    """A text with a piece replaced by something else of the same alphabet, or by anything."""
    start, end = sorted(draw(st.tuples(*[st.integers(0, len(text))] * 2)))
    end = min(end, start + draw(st.integers(0, 20)))
    piece = draw(st.one_of(st.text(st.sampled_from(sorted(set(text))), max_size=8), st.text(max_size=3)))
    return text[:start] + piece + text[end:]


def check_published(published: Path, pattern: str, parse: Parse) -> None:
    """All worked examples of a format verify, and of its wrong files none does."""
    files = sorted((published / "worked_examples").glob(pattern))
    assert files
    for file in files:
        for entry in parse(file.read_text()):
            assert any(verify(scheme).ok for scheme in entry.readings), file
    for file in (published / "must_fail").glob(pattern):
        try:
            entries = parse(file.read_text())
        except InputError:
            continue
        assert not any(verify(scheme).ok for entry in entries for scheme in entry.readings), file
