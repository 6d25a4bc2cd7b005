"""`mmdiscover report settings`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mmdiscover.cli import output
from mmdiscover.cli.options import DEFAULT_DATABASE, DatabaseOption, JsonOption

if TYPE_CHECKING:
    from mmdiscover.campaign.learning import Settings
    from results_db.queries import Experience


def settings(
    scheme: Annotated[
        str | None, typer.Argument(metavar="SCHEME", help="Only 3x3x3, or only 3x3x3:23; any order of the format.")
    ] = None,
    db: DatabaseOption = DEFAULT_DATABASE,
    as_json: JsonOption = False,
) -> None:
    """Show what has been learnt about settings of the search.

    One line per scheme and settings, those with the most exact fits per second first: the squared radius c of the ball,
    c per product, the symmetry, the starts, how many became exact fits, and the seconds of search per exact fit. Walks
    have a ring, what they begin at and a number of flips instead.
    """
    from mmdiscover.core.format import parse_scheme_name
    from results_db import open_database, queries

    fmt, rank = (None, None) if scheme is None else parse_scheme_name(scheme)
    with open_database(db, create=False) as database:
        found = [
            known
            for known in queries.experience_of_all(database)
            if (fmt is None or known.sorted_format == str(fmt.sorted())) and rank in (None, known.rank)
        ]
    # Schemes stay in their order.
    order = {name: place for place, name in enumerate(dict.fromkeys(map(_name, found)))}
    found.sort(key=lambda known: (order[_name(known)], -(_per_second(known) or 0.0), known.starts))
    if as_json:
        output.document([_document(known) for known in found])
        return
    rows = [_row(known) for known in found]
    # The last column is seldom needed, and then it may be as wide as it is.
    shown = 9 if any(row[8] for row in rows) else 8
    headers = ("scheme", "c", "c/r", "symmetry", "starts", "fits", "share", "s/fit", "scale, limit")
    right = ("c", "c/r", "starts", "fits", "share", "s/fit")
    output.table(headers[:shown], [row[:shown] for row in rows], right)
    if not found:
        output.note("nothing has been learnt about it yet")


def _name(known: Experience) -> str:
    return f"{known.sorted_format}:{known.rank}"


def _per_second(known: Experience) -> float | None:
    """Exact fits; None where the time is unknown."""
    return known.fits / known.seconds if known.seconds else None


def _understood(known: Experience) -> Settings | None:
    """The settings, None where they are of another version."""
    from mmdiscover.campaign.learning import settings_from_mapping

    try:
        return settings_from_mapping(known.settings)
    except (TypeError, ValueError, LookupError):
        return None


def _document(known: Experience) -> dict[str, Any]:
    from mmdiscover.campaign.reduced import ReducedStart
    from mmdiscover.campaign.walks import WalkChoice
    from mmdiscover.search import symmetry_name

    understood = _understood(known)
    search = understood.search if isinstance(understood, ReducedStart) else understood
    search = None if isinstance(search, WalkChoice) else search
    bound = None if search is None else search.bound
    return {
        "scheme": _name(known),
        "format": known.sorted_format,
        "rank": known.rank,
        "method": understood and ("numeric" if search else "discrete"),
        "settings": known.settings,
        "bound": bound,
        "bound_per_product": bound and bound / known.rank,
        "symmetry": search and symmetry_name(search.symmetry),
        "starts": known.starts,
        "fits": known.fits,
        "share": known.fits / known.starts,
        "iterations": known.iterations,
        "seconds": known.seconds,
        "seconds_per_fit": known.seconds / known.fits if known.seconds and known.fits else None,
        "fits_per_second": _per_second(known),
    }


def _row(known: Experience) -> tuple[object, ...]:
    row = _document(known)
    per_fit = row["seconds_per_fit"]
    return (
        row["scheme"],
        row["bound"] and f"{row['bound']:.1f}",
        row["bound_per_product"] and f"{row['bound_per_product']:.2f}",
        row["symmetry"],
        f"{known.starts:,}",
        f"{known.fits:,}",
        f"{100 * row['share']:.3g}%",
        per_fit and (f"{per_fit:,.0f}" if per_fit >= 100 else f"{per_fit:.3g}"),
        _other(known),
    )


def _other(known: Experience) -> str:
    """Start scale and iteration limit, where they are not the usual ones; what a walk is told."""
    from mmdiscover.campaign.reduced import ReducedStart
    from mmdiscover.campaign.walks import WalkChoice
    from mmdiscover.search import SearchSettings

    search, usual = _understood(known), SearchSettings()
    if search is None:
        return "unknown settings"
    if isinstance(search, WalkChoice):
        cyclic = "cyclic " if search.walk.cyclic else ""
        return f"{cyclic}walk over {search.walk.ring}, {search.begin}, {search.walk.flips:,} flips"
    if isinstance(search, ReducedStart):
        return f"from a known scheme less a product, noise {search.noise:g}"
    if replace(usual, start_scale=search.start_scale, max_iterations=search.max_iterations) == usual:
        return ""
    return f"{search.start_scale:g}, {search.max_iterations:,}"
