"""`mmdiscover discover`: the whole chain, from random numbers to a stored proof."""

from __future__ import annotations

import time
from dataclasses import asdict
from math import isfinite
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mmdiscover.campaign.durations import parse_duration
from mmdiscover.cli import output
from mmdiscover.cli.options import (
    DEFAULT_DATABASE,
    DatabaseOption,
    JsonOption,
    integer,
    number,
)
from mmdiscover.cli.running import (
    PreferenceOption,
    SchemesOption,
    chosen_seed,
    compile_search,
    database_option,
    refine_settings,
    warnings,
)
from mmdiscover.errors import InputError

if TYPE_CHECKING:
    from mmdiscover.campaign.interrupts import Interrupts
    from mmdiscover.campaign.learning import Pins
    from mmdiscover.campaign.plan import Target
    from mmdiscover.campaign.runner import Discovery, Found, Plan
    from mmdiscover.campaign.walks import Objective
    from mmdiscover.refine import RefineSettings


def discover(
    scheme: Annotated[
        str, typer.Argument(metavar="SCHEME", help="Such as 3x3x3:23; 3x3x3 alone asks for the best known rank.")
    ],
    starts: Annotated[
        int | None, typer.Option(parser=integer, metavar="N", help="Give up after N random starts.")
    ] = None,
    time_limit: Annotated[
        str | None, typer.Option("--time", metavar="T", help="Give up after this time: 60s, 10m, 1.5h.")
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            parser=integer,
            metavar="S",
            help="The same seed finds the same again if the same has been learnt before. Default: random.",
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            parser=integer,
            metavar="K",
            help="Number of processes, or of threads for walks. Default: one per core; 1 for the smallest.",
        ),
    ] = None,
    method: Annotated[
        str | None,
        typer.Option(
            metavar="M",
            help="numeric: floating-point search, finds fractions too; discrete: walks on the flip graph, with entries "
            "-1, 0, 1 and modulo 2; both: whichever brings more for its time. Default: both, or that of the other "
            "options that are given.",
        ),
    ] = None,
    ring: Annotated[
        str | None,
        typer.Option(metavar="R", help="Z2: a scheme modulo 2 will do. Default: one of characteristic zero."),
    ] = None,
    objective: Annotated[
        str | None,
        typer.Option(
            metavar="O",
            help="rank: any scheme of this rank; additions: of the ternary ones the one with the fewest additions, by "
            "walks modulo 2, until the budget is used up (without --starts and --time one start). Default: rank.",
        ),
    ] = None,
    flips: Annotated[
        int | None,
        typer.Option(parser=integer, metavar="N", help="Flips of one walk. Default: by the format, a second or more."),
    ] = None,
    bound: Annotated[
        float | None,
        typer.Option(
            parser=number, metavar="C", help="Search within the ball of this squared radius. Default: learnt."
        ),
    ] = None,
    start_scale: Annotated[
        float | None,
        typer.Option(parser=number, metavar="X", help="Standard deviation of the random starts. Default: 0.5."),
    ] = None,
    max_iterations: Annotated[
        int | None, typer.Option(parser=integer, metavar="N", help="Iterations of one start at most. Default: 1000.")
    ] = None,
    symmetry: Annotated[
        str | None,
        typer.Option(
            metavar="S",
            help="Only schemes with this symmetry: a transposition, alternating:F or diagonal-K:F, a form with K "
            "entries -1 and F fixed products; or sandwich:A,B,C, forms for the dimensions in ascending order with A, B "
            "and C entries -1, or a for alternating; or none. Default: learnt.",
        ),
    ] = None,
    preference: PreferenceOption = None,
    schemes: SchemesOption = None,
    db: DatabaseOption = DEFAULT_DATABASE,
    as_json: JsonOption = False,
) -> None:
    """Search until one verified scheme is stored.

    By numbers, by walks on the flip graph, or by both: by what the format and rank are known to need, and then by what
    brings more. Without --starts and --time there is no end to it but Ctrl-C. All finished starts are kept, and fits
    that could not be made exact can be taken up again by `mmdiscover refine`. With --objective additions all schemes
    are stored, and later starts begin at those with few additions. Exit code 1 if nothing was found.
    """
    begun = time.monotonic()
    from mmdiscover.campaign.interrupts import Interrupts

    # From here on, not only in the search: an interrupt in the middle of an import can be lost.
    with Interrupts().installed() as interrupts:
        from mmdiscover.campaign.learning import Pins
        from mmdiscover.campaign.plan import Budget
        from mmdiscover.campaign.pool import worker_count
        from mmdiscover.campaign.runner import Plan
        from mmdiscover.campaign.walks import Objective
        from mmdiscover.search import parse_symmetry

        wanted = _objective(objective)
        if wanted is Objective.ADDITIONS and starts is None and time_limit is None:
            starts = 1
        budget = Budget(starts, None if time_limit is None else parse_duration(time_limit))
        symmetries = None if symmetry is None else (parse_symmetry(symmetry),)
        pins = Pins(bound, start_scale, max_iterations, symmetries, flips, objective=wanted)
        target = _target(scheme, pins, refine_settings(preference, schemes), method, ring)
        plan = Plan(target, chosen_seed(seed), worker_count(workers, target.entries), budget)
        discovery = _search(plan, db, interrupts)
    seconds = time.monotonic() - begun
    if as_json:
        output.document(_document(discovery, plan, seconds))
    elif discovery.found is not None:
        _celebrate(discovery, discovery.found, plan, seconds, db)
    if discovery.found is None:
        output.note(_nothing_found(discovery, plan, seconds))
        if discovery.open_fits:
            count = output.counted(len(discovery.open_fits), "exact fit")
            output.note(f"take up the {count} again: {_take_up_again(discovery, plan, db)}")
        raise typer.Exit(1)


def _objective(text: str | None) -> Objective:
    from mmdiscover.campaign.walks import Objective

    if text not in (None, *Objective):
        raise InputError(f"objective is {text!r}, expected {', '.join(Objective)}")
    return Objective(text or Objective.RANK)


def _target(scheme: str, pins: Pins, refine: RefineSettings, method: str | None, ring: str | None) -> Target:
    from mmdiscover.campaign.plan import Method, default_method, plan_target
    from mmdiscover.core.format import parse_scheme_name
    from mmdiscover.core.records import best_known_rank
    from mmdiscover.core.ring import Ring
    from mmdiscover.core.tensor import require_tensor_memory

    fmt, rank = parse_scheme_name(scheme)
    if ring not in (None, Ring.Z2):
        raise InputError(f"ring is {ring!r}, expected Z2, or no --ring for characteristic zero")
    if method is not None and method not in list(Method):
        raise InputError(f"method is {method!r}, expected {', '.join(Method)}")
    modulo = None if ring is None else Ring.Z2
    chosen = default_method(pins, modulo) if method is None else Method(method)
    require_tensor_memory(fmt)
    if rank is None:
        rank = best_known_rank(fmt, modulo)
        if rank is None:
            raise InputError(f"scheme {scheme!r}: no rank of {fmt} is on record, expected one such as {fmt}:R")
    return plan_target(fmt, rank, pins, refine=refine, method=chosen, ring=modulo)


def _search(plan: Plan, db: str, interrupts: Interrupts) -> Discovery:
    from mmdiscover.campaign.plan import Method
    from mmdiscover.campaign.runner import discover
    from mmdiscover.cli.progress import progress
    from results_db import open_database

    if interrupts.by_user:
        raise KeyboardInterrupt
    with open_database(db) as database:
        output.note(
            f"{plan.target.name}: seed {plan.seed}, {output.counted(plan.workers, 'worker')}, database {database.url}"
        )
        for line in warnings(plan.target):
            output.note(line)
        if plan.target.method is not Method.DISCRETE:
            compile_search(interrupts)
        with progress(plan) as observer:
            return discover(database, plan, observer, interrupts=interrupts)


def _document(discovery: Discovery, plan: Plan, seconds: float) -> dict[str, Any]:
    found, tally = discovery.found, discovery.tally
    return {
        "found": found is not None,
        "scheme_id": found and found.scheme_id,
        "scheme_ids": [found.scheme_id, *found.others] if found else [],
        "scheme": found.verified.scheme.name if found else plan.target.name,
        "ring": found and str(found.verified.ring),
        "hash": found and found.verified.hash,
        "new": found and found.new,
        "settings": found and asdict(found.settings),
        "method": found and ("discrete" if found.walked else "numeric"),
        "starts": tally.trials,
        "fits": tally.fits,
        "open_fits": list(discovery.open_fits),
        "best_residual": tally.best_residual if isfinite(tally.best_residual) else None,
        "walks": tally.walks,
        "flips": tally.flips,
        "best_rank": tally.best_rank,
        "seconds": round(seconds, 3),
        "cpu_seconds": round(tally.cpu_seconds, 3),
        "seed": plan.seed,
        "workers": plan.workers,
        "campaign_id": discovery.campaign_id,
        "interrupted": discovery.interrupted,
    }


def _effort(discovery: Discovery, plan: Plan, seconds: float) -> str:
    tally = discovery.tally
    flips = f", {tally.flips:,} flips" if tally.walks else ""
    return (
        f"{output.counted(tally.trials, 'start')}, {output.counted(tally.fits, 'exact fit')}{flips}, {seconds:.1f} s "
        f"({tally.cpu_seconds:.1f} s of processor time), seed {plan.seed}"
    )


def _nothing_found(discovery: Discovery, plan: Plan, seconds: float) -> str:
    from mmdiscover.campaign.plan import Method

    reason = "interrupted" if discovery.interrupted else "the budget is used up"
    more = (
        ": give it more time" if plan.target.method is Method.NUMERIC else ": give it more time, or walks fewer --flips"
    )
    kept = (
        f"all finished starts are kept as campaign {discovery.campaign_id}"
        if discovery.tally.trials
        else "no start was finished" + ("" if discovery.interrupted else more)
    )
    return f"{output.PROGRAM}: {plan.target.name} not found, {reason}: {_effort(discovery, plan, seconds)}; {kept}"


def _celebrate(discovery: Discovery, found: Found, plan: Plan, seconds: float, db: str) -> None:
    from mmdiscover.campaign.walks import Objective
    from mmdiscover.cli.formulas import formulas
    from mmdiscover.core.metrics import additions
    from mmdiscover.export import shared_additions

    verified = found.verified
    scheme = verified.scheme
    classical = scheme.format.classical_rank
    checks = ", ".join(name for name, passed in verified.certificate.checks.items() if passed)
    where = database_option(db)
    file_name = f"multiply_{scheme.name.replace(':', '_')}.py"
    asked = "" if scheme.rank == plan.target.rank else f", asked for {plan.target.rank}"
    # What later starts found depends on how fast the workers happened to be; only the first success is the answer.
    late = discovery.tally.candidates - 1
    kept = "made exact after it, not stored" if plan.target.objective is Objective.RANK else "ternary, stored"
    lines = [
        f"{scheme.name}: {output.counted(scheme.rank, 'product')} instead of {classical}{asked}",
        f"  ring       {verified.ring}",
        f"  additions  {additions(scheme)}, with shared subexpressions {shared_additions(scheme)}",
        f"  proved by  {checks}",
        f"  scheme     {found.scheme_id}, hash {verified.hash[:12]}, {'new' if found.new else 'known before'}",
        f"  effort     {_effort(discovery, plan, seconds)}",
        *([f"  also       {output.listed(found.others, 'scheme')} of the same fit"] if found.others else []),
        *([f"  also       {late} more {kept}"] if late else []),
        formulas(verified),
        "",
        "Next:",
        f"  {output.PROGRAM} schemes show {found.scheme_id}{where}",
        f"  {output.PROGRAM} export {found.scheme_id} --to numpy -o {file_name}{where}",
    ]
    if discovery.open_fits:
        count = output.counted(len(discovery.open_fits), "exact fit")
        lines.append(f"  {_take_up_again(discovery, plan, db)}  # {count} without a scheme")
    print("\n".join(lines))


def _take_up_again(discovery: Discovery, plan: Plan, db: str) -> str:
    """The command that refines what was left."""
    target, fits = plan.target, discovery.open_fits
    which = f"--all-unrefined --format {target.format} --rank {target.rank}" if len(fits) > 1 else str(fits[0])
    return f"{output.PROGRAM} refine {which}{database_option(db)}"
