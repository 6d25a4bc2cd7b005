"""`mmdiscover refine`: stored float fits, taken up again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mmdiscover.cli import output
from mmdiscover.cli.fits.options import FormatOption, RankOption, checked_rank, parsed_format
from mmdiscover.cli.options import DEFAULT_DATABASE, DatabaseOption, JsonOption, integer
from mmdiscover.cli.running import PreferenceOption, SchemesOption, chosen_seed, compile_search, refine_settings
from mmdiscover.cli.stored import reading
from mmdiscover.errors import InputError

if TYPE_CHECKING:
    from mmdiscover.campaign.refining import FitResult, Refinements, RefinePlan
    from mmdiscover.core.format import Format
    from results_db import Database
    from results_db.queries import FitRow


def refine(
    fit: Annotated[int | None, typer.Argument(parser=integer, metavar="ID", help="Number of a stored fit.")] = None,
    all_unrefined: Annotated[
        bool, typer.Option("--all-unrefined", help="All stored fits that have led to no scheme.")
    ] = False,
    fmt: FormatOption = None,
    rank: RankOption = None,
    preference: PreferenceOption = None,
    attempts: Annotated[
        int | None,
        typer.Option(parser=integer, metavar="N", help="Attempts in the family of a fit, before others. Default: 8."),
    ] = None,
    schemes: SchemesOption = None,
    seed: Annotated[
        int | None,
        typer.Option(
            parser=integer,
            metavar="S",
            help="With it, the fit and how often that was taken up before decide what is tried. Default: random.",
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            parser=integer, metavar="K", help="Number of processes. Default: one per core; 1 for the smallest fits."
        ),
    ] = None,
    db: DatabaseOption = DEFAULT_DATABASE,
    as_json: JsonOption = False,
) -> None:
    """Take up stored float fits again, to make them exact.

    Either one fit, or with --all-unrefined all that have led to no scheme, narrowed down by --format and --rank. A fit
    that has led to a scheme can lead to more. Every attempt is kept, see `mmdiscover fits show`. Exit code 1 if a fit
    did not become exact.
    """
    from mmdiscover.campaign.interrupts import Interrupts

    with Interrupts().installed() as interrupts:
        from mmdiscover.campaign.refining import plan_refinement, refine_fits
        from mmdiscover.cli.progress import refining_progress
        from results_db import open_database

        if (fit is None) != all_unrefined:
            raise InputError("expected either the number of a fit or --all-unrefined")
        if fit is not None and (fmt is not None or rank is not None):
            raise InputError("--format and --rank choose among all fits, expected --all-unrefined with them")
        settings, seed = refine_settings(preference, schemes, attempts), chosen_seed(seed)
        wanted = parsed_format(fmt), checked_rank(rank)
        with open_database(db, create=False) as database:
            plan = plan_refinement(_fits(database, fit, *wanted), settings, seed, workers)
            if plan.fits:
                output.note(
                    f"{output.counted(len(plan.fits), 'fit')}: seed {seed}, {output.counted(plan.workers, 'worker')}, "
                    f"preference {settings.preference}, database {database.url}"
                )
                compile_search(interrupts)
            with refining_progress(plan) as observer:
                done = refine_fits(database, plan, observer, interrupts=interrupts)
    _tell(done, plan, as_json)
    if len(done.results) < len(plan.fits) or not all(result.exact for result in done.results):
        raise typer.Exit(1)


def _fits(database: Database, number: int | None, fmt: Format | None, rank: int | None) -> list[FitRow]:
    from results_db import queries

    with reading():
        if number is not None:
            return [queries.fit_row(database, number)]
        return queries.list_fits(database, fmt=fmt, rank=rank, state="open")


def _tell(done: Refinements, plan: RefinePlan, as_json: bool) -> None:
    if as_json:
        output.document([_document(result) for result in done.results])
    elif done.results:
        headers = ("fit", "scheme", "outcome", "ring", "additions", "attempts", "scheme ids")
        output.table(headers, [_row(result) for result in done.results], right=("fit", "additions", "attempts"))
        for result in done.results:
            if not result.exact:
                print(f"fit {result.fit.id}: {result.reason}")
    exact = sum(result.exact for result in done.results)
    if not plan.fits:
        output.note("there is no such fit that waits to be made exact")
    elif done.interrupted:
        left = len(plan.fits) - len(done.results)
        output.note(f"{output.PROGRAM}: interrupted: {exact} of {len(plan.fits)} made exact, {left} not finished")
    else:
        output.note(f"{exact} of {output.counted(len(plan.fits), 'fit')} made exact")


def _document(result: FitResult) -> dict[str, Any]:
    from mmdiscover.core.metrics import additions

    best = result.verified[0] if result.verified else None
    return {
        "fit": result.fit.id,
        "scheme": best.scheme.name if best else result.fit.scheme,
        "status": result.status,
        "ring": best and str(best.ring),
        "additions": best and additions(best.scheme),
        "scheme_ids": [stored.scheme_id for stored in result.stored],
        "new_scheme_ids": [stored.scheme_id for stored in result.stored if stored.new],
        "attempts": len(result.attempts),
        "reason": result.reason,
        "cpu_seconds": round(result.cpu_seconds, 3),
    }


def _row(result: FitResult) -> tuple[object, ...]:
    document = _document(result)
    names = ("fit", "scheme", "status", "ring", "additions", "attempts")
    return (*(document[name] for name in names), ", ".join(map(str, document["scheme_ids"])) or None)
