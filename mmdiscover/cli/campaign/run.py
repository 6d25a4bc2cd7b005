"""`mmdiscover campaign run` and `resume`."""

from __future__ import annotations

import shlex
from pathlib import Path  # noqa: TC003 - Typer needs it
from typing import TYPE_CHECKING, Annotated

import typer

from mmdiscover.cli import output
from mmdiscover.cli.campaign import table
from mmdiscover.cli.campaign.options import (
    BackendOption,
    NameArgument,
    SchedulerOption,
    WorkersOption,
    find_campaign,
    read_text,
)
from mmdiscover.cli.options import DEFAULT_DATABASE, DatabaseOption, JsonOption
from mmdiscover.cli.running import compile_search, database_option, warnings
from mmdiscover.errors import InputError

if TYPE_CHECKING:
    from mmdiscover.campaign.campaign import CampaignEnd
    from mmdiscover.campaign.interrupts import Interrupts
    from mmdiscover.campaign.pool import Workers
    from mmdiscover.campaign.spec import CampaignSpec
    from results_db import Database
    from results_db.claims import CampaignRecord


def run(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The campaign, a TOML file.")],
    workers: WorkersOption = None,
    backend: BackendOption = "loky",
    scheduler: SchedulerOption = None,
    db: DatabaseOption = DEFAULT_DATABASE,
    as_json: JsonOption = False,
) -> None:
    """Work on the campaign of a file until all its targets are done.

    A campaign of that name that is stored already goes on where it stopped, also beside other processes that work on
    it; limits and shares may have changed in the file, and targets may have been added at its end. Exit code 1 if it
    was stopped before it was done.
    """
    from mmdiscover.campaign.interrupts import Interrupts

    with Interrupts().installed() as interrupts:
        from mmdiscover.campaign.spec import parse_campaign
        from mmdiscover.campaign.stored import open_campaign
        from results_db import open_database

        text = read_text(file)
        try:
            spec = parse_campaign(text)
        except InputError as error:
            raise InputError(f"campaign file {file}: {error}") from None
        pool = _workers(workers, backend, scheduler)
        with open_database(db) as database:
            stored, new = open_campaign(database, spec)
            if not new:
                output.note(f"campaign {stored.name!r} is stored: going on where it stopped")
            end, spec = _run(database, stored, pool, interrupts)
            _document(database, end, as_json)
    _tell(end, spec, db, as_json)


def resume(
    name: NameArgument,
    workers: WorkersOption = None,
    backend: BackendOption = "loky",
    scheduler: SchedulerOption = None,
    db: DatabaseOption = DEFAULT_DATABASE,
    as_json: JsonOption = False,
) -> None:
    """Go on with a stored campaign.

    No finished trial is repeated; those that were interrupted are begun again and end as they would have ended. Exit
    code 1 if it was stopped before it was done.
    """
    from mmdiscover.campaign.interrupts import Interrupts

    with Interrupts().installed() as interrupts:
        from results_db import open_database

        pool = _workers(workers, backend, scheduler)
        with open_database(db, create=False) as database:
            end, spec = _run(database, find_campaign(database, name), pool, interrupts)
            _document(database, end, as_json)
    _tell(end, spec, db, as_json)


def _workers(workers: int | None, backend: str, scheduler: str | None) -> Workers:
    from mmdiscover.campaign.pool import LocalWorkers, worker_count

    if backend == "loky":
        if scheduler is not None:
            raise InputError("--scheduler names a Dask cluster, expected --backend dask with it")
        return LocalWorkers(worker_count(workers, None))
    if backend != "dask":
        raise InputError(f"backend is {backend!r}, expected loky or dask")
    if scheduler is None:
        raise InputError("--backend dask needs --scheduler, the address of a cluster such as tcp://HOST:8786")
    if workers is not None:
        raise InputError("--workers is for this machine: a Dask cluster brings its own workers")
    from mmdiscover.campaign.cluster import DaskWorkers

    return DaskWorkers(scheduler)


def _run(
    database: Database, stored: CampaignRecord, pool: Workers, interrupts: Interrupts
) -> tuple[CampaignEnd, CampaignSpec]:
    from mmdiscover.campaign.campaign import run_campaign
    from mmdiscover.campaign.plan import Method
    from mmdiscover.campaign.stored import load_spec
    from mmdiscover.cli.campaign.progress import campaign_progress

    spec = load_spec(stored)
    output.note(
        f"campaign {spec.name!r}: {output.counted(len(spec.targets), 'target')}, seed {spec.seed}, {pool.shown}, "
        f"database {database.url}"
    )
    for one in spec.targets:
        for line in warnings(one.target):
            output.note(line)
    if any(one.target.method is not Method.DISCRETE for one in spec.targets):
        compile_search(interrupts)
    with campaign_progress(spec) as observer:
        return run_campaign(database, stored, observer, pool, interrupts=interrupts), spec


def _document(database: Database, end: CampaignEnd, as_json: bool) -> None:
    if as_json:
        output.document(table.document(database, end.summary))


def _tell(end: CampaignEnd, spec: CampaignSpec, db: str, as_json: bool) -> None:
    if not as_json:
        output.table(table.HEADERS, table.rows(spec, end.summary.targets), right=table.NUMBERS)
    where = database_option(db)
    if end.state == "finished":
        show = f"{output.PROGRAM} schemes list --campaign {shlex.quote(spec.name)}{where}"
        output.note(f"campaign {spec.name!r} is finished; its schemes: {show}")
        return
    reason = "interrupted" if end.interrupted else "stopped"
    going_on = f"to go on: {output.PROGRAM} campaign resume {shlex.quote(spec.name)}{where}"
    if end.state == "running":
        going_on = "other processes go on with it"
    output.note(f"campaign {spec.name!r} is {reason}, all finished trials are kept; {going_on}")
    raise typer.Exit(1)
