"""Rows as a long campaign would leave them, except that the factors are no schemes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import combinations_with_replacement, islice
from typing import TYPE_CHECKING, Any

import numpy as np
from sqlalchemy import insert

from mmdiscover.core.format import Format
from mmdiscover.core.records import best_known_rank
from results_db import models

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from results_db import Database

CAMPAIGN = "large"
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
_TOGETHER = 20_000
_TARGETS = 10


def fill(db: Database, settings: dict[str, Any]) -> None:
    """Insert all rows.

    Parameters
    ----------
    db : Database
        Empty.
    settings : dict
        ``seed``, ``schemes``, ``trials`` and ``factor_bytes``.
    """
    random = np.random.default_rng(settings["seed"])
    _set_cache(db, 500)
    _insert(db, models.Scheme, _schemes(random, settings))
    _insert(db, models.Campaign, [{"name": CAMPAIGN, "kind": "campaign", "seed": "1", "settings": {}}])
    _insert(db, models.Target, _targets())
    _insert(db, models.Trial, _trials(random, settings["trials"]))
    _insert(db, models.Fit, _fits(settings["trials"]))
    _insert(db, models.Discovery, _discoveries(random, settings))
    _set_cache(db, 2)  # as it is by default


def _set_cache(db: Database, megabytes: int) -> None:
    """Of SQLite: new rows go to random places of the indices."""
    if db.is_sqlite:
        with db.write() as connection:
            connection.exec_driver_sql(f"PRAGMA cache_size = -{1000 * megabytes}")


def _insert(db: Database, model: type[models.Base], rows: Iterable[dict[str, Any]]) -> None:
    rows = iter(rows)
    while some := list(islice(rows, _TOGETHER)):
        with db.write() as connection:
            connection.execute(insert(model), some)


def formats() -> list[Format]:
    """All sorted formats of 2 to 6."""
    return [Format(*sizes) for sizes in combinations_with_replacement(range(2, 7), 3)]


def _schemes(random: np.random.Generator, settings: dict[str, Any]) -> Iterator[dict[str, Any]]:
    known = [(fmt, best_known_rank(fmt) or fmt.classical_rank) for fmt in formats()]
    # A few formats have most of the schemes.
    share = 1 / np.arange(1, len(known) + 1)
    count = settings["schemes"]
    chosen = random.choice(len(known), count, p=share / share.sum())
    above = np.minimum(random.geometric(0.6, count) - 1, 5)
    rings = random.choice(["ZT", "Z", "Q", "Z2", "C"], count, p=[0.6, 0.2, 0.1, 0.08, 0.02])
    additions = random.normal(0, 0.08, count)
    classes = random.integers(0, 2000, count)
    seconds = np.sort(random.integers(0, 300 * 86400, count))
    factors = "0" * settings["factor_bytes"]
    for number in range(count):
        fmt, rank = known[chosen[number]]
        rank += int(above[number])
        entries = 3 * rank * fmt.n * fmt.m // 2
        label = f"{(fmt.n * 49 + fmt.m * 7 + fmt.p) * 200 + rank:06x}{int(classes[number]):06x}"
        yield {
            "hash": random.bytes(32).hex(),
            "n": fmt.n,
            "m": fmt.m,
            "p": fmt.p,
            "sorted_format": str(fmt),
            "rank": rank,
            "ring": str(rings[number]),
            "nonzeros": entries,
            "additions": int(entries * (0.8 + additions[number])),
            "growth_factor": 12.0,
            "orbit_class": label,
            "null_space": 23,
            "orbit_dimension": 23,
            "factors": factors,
            "found_at": BEGIN + timedelta(seconds=int(seconds[number])),
        }


def _targets() -> Iterator[dict[str, Any]]:
    for position, fmt in enumerate(formats()[:_TARGETS]):
        sizes = {"n": fmt.n, "m": fmt.m, "p": fmt.p, "sorted_format": str(fmt), "rank": best_known_rank(fmt) or 99}
        yield {"campaign_id": 1, "position": position, "settings": {}} | sizes


def _trials(random: np.random.Generator, count: int) -> Iterator[dict[str, Any]]:
    seconds = random.exponential(1.0, count)
    for number in range(count):
        yield {
            "target_id": 1 + number % _TARGETS,
            "trial_index": number // _TARGETS,
            "state": "finished",
            "finished_at": BEGIN,
            "seed": {"entropy": "1", "spawn_key": [number % _TARGETS, number // _TARGETS]},
            "settings": {"bound": 150.0, "start_scale": 0.5, "max_iterations": 1000},
            "status": "plateau" if number % 4 else "exact",
            "residual": 1e-28,
            "squared_norm": 150.0,
            "iterations": 300,
            "search_seconds": float(seconds[number]),
            "cpu_seconds": float(seconds[number]),
        }


def _fits(trials: int) -> Iterator[dict[str, Any]]:
    """Every fourth trial has one, without factors."""
    columns = {"n": 2, "m": 2, "p": 2, "sorted_format": "2x2x2", "rank": 7, "state": "refined", "found_at": BEGIN}
    for number in range(0, trials, 4):
        yield columns | {"trial_id": number + 1, "u": b"", "v": b"", "w": b""}


def _discoveries(random: np.random.Generator, settings: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """One per scheme; the last ones come from trials, every twelfth has led to one."""
    count, found = settings["schemes"], settings["trials"] // 12
    kinds = random.choice(["flips", "import"], count, p=[0.95, 0.05])
    for number in range(count):
        by_trial = number >= count - found
        yield {
            "scheme_id": number + 1,
            "kind": "trial" if by_trial else str(kinds[number]),
            "trial_id": 12 * (count - number) - 11 if by_trial else None,
            "detail": None if by_trial else "walk",
            "found_at": BEGIN,
        }
