"""Options that the commands for campaigns share, and campaigns as they are typed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from mmdiscover.cli.options import integer
from mmdiscover.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from results_db import Database
    from results_db.claims import CampaignRecord

LARGEST_FILE = 2**20

NameArgument: TypeAlias = Annotated[str, typer.Argument(metavar="NAME", help="Name of the campaign.")]
WorkersOption: TypeAlias = Annotated[
    int | None,
    typer.Option(parser=integer, metavar="K", help="Number of worker processes. Default: one per core."),
]
BackendOption: TypeAlias = Annotated[
    str, typer.Option("--backend", metavar="B", help="Where trials run: loky, on this machine, or dask.")
]
SchedulerOption: TypeAlias = Annotated[
    str | None, typer.Option("--scheduler", metavar="URL", help="Scheduler of the Dask cluster: tcp://HOST:8786.")
]


def read_text(file: Path) -> str:
    """The text of a campaign file.

    Raises
    ------
    InputError
        If it cannot be read or is too large to be one.
    """
    try:
        if not file.is_file():
            what = "is a folder or a device" if file.exists() else "there is no such file"
            raise InputError(f"campaign file {file}: {what}, expected a TOML file")
        if file.stat().st_size > LARGEST_FILE:
            raise InputError(
                f"campaign file {file}: has {file.stat().st_size:,} bytes, expected at most {LARGEST_FILE:,}"
            )
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"campaign file {file}: is not UTF-8: {error.reason} at byte {error.start}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"campaign file {str(file)!r} cannot be read: {reason}") from None


def find_campaign(database: Database, name: str | None) -> CampaignRecord:
    """The stored campaign of a name; the newest one without a name.

    Raises
    ------
    InputError
        If there is none.
    """
    from results_db import claims, queries

    if name is None:
        campaigns = queries.list_campaigns(database, "campaign")
        if not campaigns:
            raise InputError(f"database {database.name} holds no campaign: begin one by `mmdiscover campaign run FILE`")
        name = campaigns[0].name
    stored = claims.load_campaign(database, name)
    if stored is None:
        known = [row.name for row in queries.list_campaigns(database, "campaign")]
        shown = ", ".join(known[:5]) + (", …" if len(known) > 5 else "") if known else "none"
        raise InputError(f"campaign {name!r} is not in database {database.name}; campaigns there: {shown}")
    return stored
