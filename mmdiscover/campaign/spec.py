"""The campaign file: what a campaign is to do, read from TOML with messages that name line and key."""

from __future__ import annotations

import re
import tomllib
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from functools import partial
from typing import TYPE_CHECKING, Any

from mmdiscover.campaign.durations import parse_duration
from mmdiscover.campaign.learning import Pins, symmetry_from_mapping
from mmdiscover.campaign.plan import Budget, Method, Target, default_method, plan_target
from mmdiscover.campaign.traces import refine_settings_from_mapping, refine_settings_mapping
from mmdiscover.campaign.walks import Objective
from mmdiscover.core.format import parse_scheme_name, scheme_name
from mmdiscover.core.records import best_known_rank
from mmdiscover.core.ring import Ring
from mmdiscover.core.tensor import require_tensor_memory
from mmdiscover.errors import InputError
from mmdiscover.refine import RefineSettings, parse_preference
from mmdiscover.search import parse_symmetry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

TRIAL_SECONDS = 6 * 3600.0
"""Default for the time after which a trial counts as hanging."""
MAX_SEED = 2**63 - 1
MOST_TARGETS = 1000


@dataclass(frozen=True)
class Goal:
    """When a target is done: as soon as one of its limits is reached; never, where there is none.

    Parameters
    ----------
    starts : int or None
        So many trials are finished.
    seconds : float or None
        So much processor time was spent on them, by all processes together.
    distinct : int or None
        So many different schemes were found.
    """

    starts: int | None = None
    seconds: float | None = None
    distinct: int | None = None

    def reached(self, trials: int, cpu_seconds: float, distinct: int) -> bool:
        """Whether a limit is reached."""
        limits = ((self.starts, trials), (self.seconds, cpu_seconds), (self.distinct, distinct))
        return any(limit is not None and value >= limit for limit, value in limits)


@dataclass(frozen=True)
class TargetSpec:
    """A target, and how much is done for it.

    Parameters
    ----------
    target : Target
    goal : Goal
    share : float
        Of the processor time, relative to the other targets that are not done.
    """

    target: Target
    goal: Goal
    share: float = 1.0


@dataclass(frozen=True)
class CampaignSpec:
    """What a campaign file says.

    Parameters
    ----------
    name : str
    seed : int
    targets : tuple of TargetSpec
    trial_seconds : float
        A trial that takes longer is taken to hang, ended and recorded as failed.
    """

    name: str
    seed: int
    targets: tuple[TargetSpec, ...]
    trial_seconds: float = TRIAL_SECONDS


def parse_campaign(text: str) -> CampaignSpec:
    """Read a campaign file.

    Parameters
    ----------
    text : str
        TOML; docs/campaigns.md lists the keys.

    Raises
    ------
    InputError
        Naming line and key: the text is no TOML, a key is unknown or missing, a value has another type or is out of
        range, or a target cannot be searched for.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"is not TOML: {error}") from None
    except RecursionError:
        raise InputError("is nested too deeply") from None
    lines = _Lines(text)
    top = _Table(document, lines, None)
    name = top.take("name", _name)
    seed = top.take("seed", _integer(0, MAX_SEED))
    trial_seconds = top.take("trial_time", _duration, TRIAL_SECONDS)
    defaults = _refinement(top, {})
    tables = top.take("target", _list_of_tables)
    top.done()
    targets = (_target(_Table(table, lines, position), position, defaults) for position, table in enumerate(tables))
    return CampaignSpec(name, seed, tuple(targets), trial_seconds)


def target_settings(spec: TargetSpec) -> dict[str, object]:
    """A target's settings as JSON values; its format, rank and position are stored beside them."""
    return {
        "search": asdict(spec.target.pins),
        "refine": refine_settings_mapping(spec.target.refine),
        "goal": asdict(spec.goal),
        "share": spec.share,
        "method": spec.target.method,
        "ring": spec.target.ring,
    }


def target_from_settings(position: int, fmt: Any, rank: int, settings: Mapping[str, Any]) -> TargetSpec:
    """The inverse of `target_settings`.

    Raises
    ------
    InputError
        If they are not such settings, written by another version perhaps.
    """
    try:
        pins = dict(settings["search"])
        symmetries = pins.pop("symmetries")
        if symmetries is not None:
            pins["symmetries"] = tuple(None if one is None else symmetry_from_mapping(one) for one in symmetries)
        pins["objective"] = Objective(pins.get("objective", Objective.RANK))
        refine = refine_settings_from_mapping(settings["refine"])
        # Older versions knew one method.
        method = Method(settings.get("method", Method.NUMERIC))
        ring = None if settings.get("ring") is None else Ring(settings["ring"])
        target = plan_target(fmt, rank, Pins(**pins), position, refine, method, ring)
        return TargetSpec(target, Goal(**settings["goal"]), float(settings["share"]))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"the settings of target {position} cannot be read ({type(error).__name__}: {error}), "
            f"expected those of a campaign file"
        ) from None


_REQUIRED = object()


class _Table:
    """A table of the file, from which every key is taken once."""

    def __init__(self, values: Mapping[str, Any], lines: _Lines, target: int | None) -> None:
        self._values, self._lines, self._target = dict(values), lines, target
        self._known: list[str] = []

    def take(self, key: str, read: Callable[[Any], Any], default: Any = _REQUIRED) -> Any:
        """The value of a key, read."""
        self._known.append(key)
        if key not in self._values:
            if default is _REQUIRED:
                raise InputError(f"{self._place(None)}: key {self._name(key)} is missing")
            return default
        value = self._values.pop(key)
        try:
            return read(value)
        except InputError as error:
            raise InputError(f"{self._place(key)}: {self._name(key)}: {error}") from None

    def done(self) -> None:
        """Refuse keys that nobody has taken."""
        for key in self._values:
            near = get_close_matches(key, self._known, n=1)
            hint = f", did you mean {near[0]!r}?" if near else f", expected one of {', '.join(self._known)}"
            raise InputError(f"{self._place(key)}: unknown key {self._name(key)}{hint}")

    def wrap(self, error: InputError) -> InputError:
        """An error about the table as a whole."""
        which = "" if self._target is None else f"target {self._target + 1}: "
        return InputError(f"{self._place(None)}: {which}{error}")

    def _name(self, key: str) -> str:
        return repr(key) if self._target is None else f"{key!r} of target {self._target + 1}"

    def _place(self, key: str | None) -> str:
        return f"line {self._lines.find(self._target, key)}"


class _Lines:
    """Where keys stand; the TOML reader itself does not say."""

    _HEADER = re.compile(r"\s*\[\[?\s*([^\[\]]*?)\s*\]\]?\s*(?:#.*)?")
    _KEY = re.compile(r"""\s*(["']?)([A-Za-z0-9_ -]+?)\1\s*[.=]""")

    def __init__(self, text: str) -> None:
        self._places: dict[tuple[int | None, str | None], int] = {(None, None): 1}
        target, count = None, 0
        for number, line in enumerate(text.splitlines(), 1):
            header = self._HEADER.fullmatch(line)
            if header is not None:
                if header[1].strip("\"' ") == "target":
                    target, count = count, count + 1
                    self._places[target, None] = number
                    self._places.setdefault((None, "target"), number)
                else:
                    self._places.setdefault((None, header[1].partition(".")[0]), number)
                continue
            key = self._KEY.match(line)
            if key is not None:
                self._places.setdefault((target, key[2]), number)

    def find(self, target: int | None, key: str | None) -> int:
        """Number of the line, from 1; that of the table where a key is written in an unusual way."""
        return self._places.get((target, key), self._places.get((target, None), 1))


def _target(table: _Table, position: int, defaults: Mapping[str, Any]) -> TargetSpec:
    ring = table.take("ring", _ring, None)
    fmt, rank = table.take("scheme", partial(_scheme, ring=ring))
    goal = Goal(
        table.take("starts", _integer(1, 10**9), None),
        table.take("time", _duration, None),
        table.take("distinct", _integer(1, 10**9), None),
    )
    share = table.take("share", _number(1e-6, 1e6), 1.0)
    method = table.take("method", _method, None)
    pins = Pins(
        table.take("bound", _number(0, 1e12), None),
        table.take("start_scale", _number(0, 1e12), None),
        table.take("max_iterations", _integer(1, 10**9), None),
        table.take("symmetry", lambda value: (parse_symmetry(_text(value)),), None),
        table.take("flips", _integer(1, 10**15), None),
        table.take("cyclic", _boolean, None),
        table.take("objective", _objective, Objective.RANK),
    )
    refine = _refinement(table, defaults)
    table.done()
    try:
        Budget(goal.starts, goal.seconds)
        require_tensor_memory(fmt)
        chosen = method or default_method(pins, ring)
        target = plan_target(fmt, rank, pins, position, RefineSettings(**refine), chosen, ring)
        return TargetSpec(target, goal, share)
    except InputError as error:
        raise table.wrap(error) from None


def _refinement(table: _Table, defaults: Mapping[str, Any]) -> dict[str, Any]:
    """What a table says about the refinement; the rest from `defaults`."""
    default = RefineSettings(**defaults)
    preference = table.take("preference", lambda value: parse_preference(_text(value)), default.preference)
    schemes = table.take("schemes", _integer(1, 10_000), default.schemes)
    attempts = table.take("attempts", _integer(1, 10_000), max(default.attempts, schemes))
    if schemes > attempts:
        raise table.wrap(InputError(f"schemes is {schemes}, expected at most the number of attempts, {attempts}"))
    return {"preference": preference, "schemes": schemes, "attempts": attempts}


def _scheme(value: Any, ring: Ring | None) -> Any:
    fmt, rank = parse_scheme_name(_text(value))
    if rank is None:
        rank = best_known_rank(fmt, ring)
        if rank is None:
            raise InputError(f"no rank of {fmt} is on record, expected one such as {fmt}:R")
    return fmt, rank


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise InputError(f"is {_shown(value)}, expected a text in quotes")
    return value


def _name(value: Any) -> str:
    name = _text(value)
    if not 0 < len(name.strip()) <= 200 or not name.isprintable():
        raise InputError(f"is {_shown(value)}, expected 1 to 200 printable characters")
    return name


def _integer(least: int, most: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise InputError(f"is {_shown(value)}, expected an integer from {least} to {most}")
        return value

    return read


def _number(above: float, most: float) -> Callable[[Any], float]:
    def read(value: Any) -> float:
        if not isinstance(value, int | float) or isinstance(value, bool) or not above < value <= most:
            raise InputError(f"is {_shown(value)}, expected a number above {above:g}, at most {most:g}")
        return float(value)

    return read


def _duration(value: Any) -> float:
    return parse_duration(_text(value))


def _method(value: Any) -> Method:
    if _text(value) not in list(Method):
        raise InputError(f"is {_shown(value)}, expected {' or '.join(repr(str(one)) for one in Method)}")
    return Method(value)


def _objective(value: Any) -> Objective:
    if _text(value) not in list(Objective):
        raise InputError(f"is {_shown(value)}, expected {' or '.join(repr(str(one)) for one in Objective)}")
    return Objective(value)


def _ring(value: Any) -> Ring:
    if _text(value) != Ring.Z2:
        raise InputError(f"is {_shown(value)}, expected 'Z2', or no such key for characteristic zero")
    return Ring.Z2


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise InputError(f"is {_shown(value)}, expected true or false")
    return value


def _list_of_tables(value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not value or not all(isinstance(item, dict) for item in value):
        raise InputError(f"is {_shown(value)}, expected at least one table headed [[target]]")
    if len(value) > MOST_TARGETS:
        raise InputError(f"has {len(value)} tables, expected at most {MOST_TARGETS}")
    return value


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:59] + "…"


def spec_differences(stored: CampaignSpec, wanted: CampaignSpec) -> list[str]:
    """What two campaigns of the same name differ in beside limits and shares, which may change."""
    found = []
    if stored.seed != wanted.seed:
        found.append(f"seed {stored.seed} instead of {wanted.seed}")
    if len(stored.targets) > len(wanted.targets):
        found.append(f"{len(stored.targets)} targets instead of {len(wanted.targets)}")
    for number, (old, new) in enumerate(zip(stored.targets, wanted.targets, strict=False), 1):
        if (old.target.format, old.target.rank) != (new.target.format, new.target.rank):
            found.append(f"target {number} is {_named(old)} instead of {_named(new)}")
        elif old.target != new.target:
            found.append(f"target {number} ({_named(old)}) has other settings of search or refinement")
    return found


def _named(spec: TargetSpec) -> str:
    return scheme_name(spec.target.format, spec.target.rank)
