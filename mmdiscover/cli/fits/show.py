"""`mmdiscover fits show`."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mmdiscover.cli import output
from mmdiscover.cli.options import DEFAULT_DATABASE, DatabaseOption, JsonOption, integer
from mmdiscover.cli.stored import reading

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from results_db.queries import AttemptRow


def show(
    fit: Annotated[int, typer.Argument(parser=integer, metavar="ID", help="Number of a stored fit.")],
    db: DatabaseOption = DEFAULT_DATABASE,
    as_json: JsonOption = False,
) -> None:
    """Show a stored fit.

    With every attempt to make it exact: what each of its stages fixed, and why it ended.
    """
    from results_db import open_database, queries

    with open_database(db, create=False) as database, reading():
        row = queries.fit_row(database, fit)
        factors = queries.load_fit(database, fit)
        attempts = queries.attempts_of_fit(database, fit)
    measured = {"residual": factors.residual(), "squared_norm": factors.squared_norm()}
    if as_json:
        output.document(row.as_json() | measured | {"trace": [attempt.as_json() for attempt in attempts]})
        return
    facts = {
        "fit": f"{row.id} ({row.scheme})",
        "state": row.state,
        "residual": f"{measured['residual']:.3g}",
        "norm²": f"{measured['squared_norm']:.6g}",
        "found": f"{row.found_at} by trial {row.trial_id}",
        "schemes": ", ".join(map(str, row.scheme_ids)) or "none",
    }
    for name, value in facts.items():
        print(f"{name:<10} {value}")
    if not attempts:
        print(f"no attempt is on record; its trial says: {row.status or 'not refined'}: {row.reason or 'no reason'}")
    for line in _lines(attempts):
        print(line)


def _lines(attempts: Iterable[AttemptRow]) -> Iterator[str]:
    for run, group in groupby(attempts, key=lambda attempt: attempt.run):
        first, *others = group
        settings: Any = first.settings
        seed: Any = first.seed
        where = "in its trial" if run == 0 else f"taken up again {first.made_at[:16].replace('T', ' ')}"
        seconds = "" if first.cpu_seconds is None else f", {first.cpu_seconds:.2f} s of processor time"
        key = ".".join(map(str, seed.get("spawn_key", ())))
        yield f"run {run}, {where}: preference {settings.get('preference')}, seed {seed.get('entropy')}/{key}{seconds}"
        for attempt in (first, *others):
            yield f"  {_ending(attempt)}"
            for stage in attempt.stages:
                residual = "–" if stage.residual is None else f"{stage.residual:.2g}"
                yield (
                    f"    {stage.name:<16} {stage.zeros:>6} zeros {stage.fixed:>6} fixed {stage.free:>6} free   "
                    f"residual {residual}"
                )


def _ending(attempt: AttemptRow) -> str:
    ring = "" if attempt.ring is None else f" over {attempt.ring}"
    scheme = "" if attempt.scheme_id is None else f", scheme {attempt.scheme_id}"
    reason = f": {attempt.reason}" if attempt.reason else ""
    solved = output.counted(attempt.resolves, "resolve")
    return f"attempt {attempt.number}: {attempt.status}{ring}{scheme} after {solved}{reason}"
