"""What a database holds, read by its own driver and no line of mmdiscover."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit, urlunsplit

TRIALS = """
SELECT t.position, r.trial_index, r.status, r.residual, r.squared_norm, r.iterations, r.settings, r.seed,
       r.refine_status, r.refine_detail, f.u, f.v, f.w, f.state
FROM trials r JOIN targets t ON t.id = r.target_id LEFT JOIN fits f ON f.trial_id = r.id
WHERE r.state = 'finished' ORDER BY t.position, r.trial_index
"""
ATTEMPTS = """
SELECT t.position, r.trial_index, a.run, a.number, a.status, a.ring, a.reason, a.trace, a.resolves, a.settings, s.hash
FROM attempts a JOIN fits f ON f.id = a.fit_id JOIN trials r ON r.id = f.trial_id JOIN targets t ON t.id = r.target_id
LEFT JOIN schemes s ON s.id = a.scheme_id ORDER BY t.position, r.trial_index, a.run, a.number
"""
DISCOVERIES = """
SELECT t.position, r.trial_index, d.kind, s.hash, s.factors, s.additions
FROM discoveries d JOIN schemes s ON s.id = d.scheme_id JOIN trials r ON r.id = d.trial_id
JOIN targets t ON t.id = r.target_id ORDER BY t.position, r.trial_index, s.hash
"""
EXPERIENCE = "SELECT sorted_format, rank, settings, starts, fits, iterations FROM experience"
DUPLICATES = {
    "trials": "SELECT count(*) FROM (SELECT 1 FROM trials GROUP BY target_id, trial_index HAVING count(*) > 1) x",
    "fits": "SELECT count(*) FROM (SELECT 1 FROM fits GROUP BY trial_id HAVING count(*) > 1) x",
    "schemes": "SELECT count(*) FROM (SELECT 1 FROM schemes GROUP BY hash HAVING count(*) > 1) x",
    "discoveries": "SELECT count(*) FROM (SELECT 1 FROM discoveries GROUP BY trial_id, scheme_id "
    "HAVING count(*) > 1) x",
}
CLAIMED = "SELECT count(*) FROM trials WHERE state = 'claimed'"

Key = tuple[Any, ...]


def connect(url: str) -> Any:
    """A connection of the database's own driver; a path is an SQLite file."""
    if not url.startswith("postgresql"):
        return sqlite3.connect(url)
    import psycopg

    return psycopg.connect(urlunsplit(urlsplit(url)._replace(scheme="postgresql")))


def rows(url: str, query: str) -> list[Key]:
    """The rows of a query, in values that compare: JSON in one form, long values by their digest."""
    with closing(connect(url)) as connection, closing(connection.cursor()) as cursor:
        cursor.execute(query)
        return [tuple(map(_plain, row)) for row in cursor.fetchall()]


def number(url: str, query: str) -> int:
    """The one number of a query."""
    return int(rows(url, query)[0][0])


def finished(url: str) -> dict[tuple[int, int], Key]:
    """Everything that is stored about each finished trial, times aside, by target and index."""
    found: dict[tuple[int, int], list[Key]] = {}
    for query in (TRIALS, ATTEMPTS, DISCOVERIES):
        for place, index, *values in rows(url, query):
            found.setdefault((place, index), []).append(tuple(values))
    return {trial: tuple(parts) for trial, parts in found.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, bytes | memoryview):
        return hashlib.sha256(bytes(value)).hexdigest()
    if isinstance(value, dict | list):
        return json.dumps(value, sort_keys=True)
    if isinstance(value, str) and value[:1] in "{[":
        return json.dumps(json.loads(value), sort_keys=True)
    return value
