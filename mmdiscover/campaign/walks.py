"""Trials that walk on the flip graph: their settings, and where they begin."""

from __future__ import annotations

import base64
import zlib
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from mmdiscover.core.ring import Ring
from mmdiscover.discrete.settings import WalkSettings
from mmdiscover.errors import InputError
from results_db import codec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mmdiscover.core.format import Format
    from mmdiscover.core.scheme import Scheme


class Objective(StrEnum):
    """What is looked for."""

    RANK = "rank"
    """A scheme of the rank."""
    ADDITIONS = "additions"
    """Among the ternary schemes of the rank the one with the fewest additions."""


class Begin(StrEnum):
    """What a walk begins at."""

    FRESH = "fresh"
    """A scheme grown from small formats, or the classical algorithm; for cyclic walks a random symmetric scheme."""
    KNOWN = "known"
    """What the database holds for the format, or what one move makes of schemes of other formats; fresh without any."""
    AT_RANK = "at rank"
    """A stored scheme of the rank asked for, preferably with few additions; now and then, and without any, as KNOWN."""


@dataclass(frozen=True)
class WalkChoice:
    """Settings of a trial that walks.

    Parameters
    ----------
    walk : WalkSettings
    begin : Begin
    """

    walk: WalkSettings
    begin: Begin = Begin.FRESH

    def begins_at(self, origin: Origin | None) -> str:
        """Where a trial with this origin begins, for people."""
        if origin is not None:
            return str(origin)
        if self.walk.cyclic:
            return "a random symmetric scheme"
        return "small formats" if self.walk.stage_flips else "the classical algorithm"


def walk_choice_from_mapping(mapping: Mapping[str, Any]) -> WalkChoice:
    """The settings written as a mapping by `dataclasses.asdict`.

    Raises
    ------
    TypeError, ValueError
        If they are not such settings.
    """
    known = dict(mapping["walk"])
    known["ring"] = Ring(known["ring"])
    return WalkChoice(WalkSettings(**known), Begin(mapping["begin"]))


@dataclass(frozen=True)
class Origin:
    """Where a trial begins that is not fresh.

    Parameters
    ----------
    start : Scheme
        Of the format of the target, in its order, with the modulus of the walk.
    parents : tuple of str
        Content hashes of the stored schemes that it was made of.
    move : str
        What was done to them: ``known``, where the start is the parent itself, or the move between formats.
    """

    start: Scheme
    parents: tuple[str, ...]
    move: str

    def __str__(self) -> str:
        parents = ", ".join(parent[:12] for parent in self.parents)
        return f"{self.start.name}, {self.move}" + (f" of {parents}" if parents else "")

    def as_json(self) -> dict[str, object]:
        """As it is stored with the trial; the start is packed, for there may be many trials."""
        packed = base64.b64encode(zlib.compress(codec.scheme_text(self.start).encode(), 9)).decode("ascii")
        head = {"parents": list(self.parents), "move": self.move}
        return head | {"rank": self.start.rank, "ring": str(self.start.ring), "start": packed}


def origin_from_json(fmt: Format, mapping: Mapping[str, Any] | None) -> Origin | None:
    """The inverse of `Origin.as_json`; None of None.

    Raises
    ------
    InputError
        If it is none.
    """
    if mapping is None:
        return None
    try:
        text = zlib.decompress(base64.b64decode(mapping["start"], validate=True)).decode()
        start = codec.scheme_from_text(fmt, int(mapping["rank"]), str(mapping["ring"]), text)
        return Origin(start, tuple(map(str, mapping["parents"])), str(mapping["move"]))
    except (InputError, TypeError, ValueError, LookupError, zlib.error) as error:
        raise InputError(f"the stored origin of a trial cannot be read: {type(error).__name__}: {error}") from None


def modulus(ring: Ring) -> int:
    """Of the schemes that a walk over a ring leads through."""
    return 2 if ring is Ring.Z2 else 0
