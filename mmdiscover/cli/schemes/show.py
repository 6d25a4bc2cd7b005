"""`mmdiscover schemes show`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mmdiscover.cli import output
from mmdiscover.cli.options import DEFAULT_DATABASE, DatabaseOption, JsonOption, SchemeIdArgument
from mmdiscover.cli.stored import discoveries, load_verified

if TYPE_CHECKING:
    from mmdiscover.core.scheme import Scheme


def show(scheme_id: SchemeIdArgument, db: DatabaseOption = DEFAULT_DATABASE, as_json: JsonOption = False) -> None:
    """Show a stored scheme: what is known about it, and its formulas."""
    from results_db.codec import scheme_metrics

    stored, verified = load_verified(db, scheme_id)
    # What can be computed is taken from the scheme that was just proved, not from what the database says of it.
    row = replace(stored.row, **scheme_metrics(verified.scheme))
    sources = discoveries(db, row.id)
    if as_json:
        found = [source.as_json() for source in sources]
        output.document(row.as_json() | {"checks": dict(verified.certificate.checks), "discoveries": found})
        return
    from mmdiscover.cli.formulas import formulas
    from mmdiscover.export import shared_additions

    growth = "beyond floating point" if row.growth_factor is None else f"{row.growth_factor:g}"
    family = "not computed"
    if row.null_space is not None:
        family = f"null space of {row.null_space} dimensions, {row.orbit_dimension} of them of symmetry"
    facts = {
        "scheme": f"{row.scheme} (id {row.id})",
        "hash": row.hash,
        "ring": row.ring,
        "nonzeros": row.nonzeros,
        "additions": f"{row.additions}, with shared subexpressions {shared_additions(verified.scheme)}",
        "growth": growth,
        "error": _errors(verified.scheme),
        "class": row.orbit_class or "not computed",
        "family": family,
        "source": row.source if not sources or sources[0].detail is None else f"{row.source}: {sources[0].detail}",
        "found": row.found_at,
        "proved by": ", ".join(verified.certificate.checks),
    }
    for name, value in facts.items():
        print(f"{name:<10} {value}")
    print(formulas(verified))


def _errors(scheme: Scheme) -> str:
    """What one level does to rounding errors."""
    from mmdiscover.core.metrics import growth_factor
    from mmdiscover.runtime.accuracy import measured_error_factor

    bound = growth_factor(scheme) / scheme.format.m**2
    measured = measured_error_factor(scheme)
    if measured is None:
        return "none, the scheme holds modulo 2 only"
    return f"{measured:.2g} times that of the classical product, measured on blocks of 32; bound {bound:.3g} times"
