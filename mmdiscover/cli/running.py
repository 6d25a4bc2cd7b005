"""What commands that search or refine have in common."""

from __future__ import annotations

import secrets
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from mmdiscover.cli import output
from mmdiscover.cli.options import DEFAULT_DATABASE, integer
from mmdiscover.errors import InputError

if TYPE_CHECKING:
    from mmdiscover.campaign.interrupts import Interrupts
    from mmdiscover.campaign.plan import Target
    from mmdiscover.refine import RefineSettings

MAX_SEED = 2**63 - 1
MAX_ATTEMPTS = 10_000
"""More are a slip of the finger."""

PreferenceOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="ORDER",
        help="What makes a scheme better, the most important first: ternary, nonzeros, additions, denominators. "
        "Default: ternary,additions.",
    ),
]
SchemesOption: TypeAlias = Annotated[
    int | None,
    typer.Option(parser=integer, metavar="N", help="Look for N different schemes of one fit. Default: 1."),
]


def refine_settings(
    preference: str | None = None, schemes: int | None = None, attempts: int | None = None
) -> RefineSettings:
    """Settings of the refinement, from what was typed.

    Raises
    ------
    InputError
        If the preference is none, a number is out of range, or more schemes are wanted than attempts.
    """
    from mmdiscover.refine import RefineSettings, parse_preference

    default = RefineSettings()
    schemes = default.schemes if schemes is None else schemes
    if schemes > MAX_ATTEMPTS:
        raise InputError(f"number of schemes is {schemes}, expected at most {MAX_ATTEMPTS}")
    attempts = max(default.attempts, schemes) if attempts is None else attempts
    if attempts > MAX_ATTEMPTS:
        raise InputError(f"number of attempts is {attempts}, expected at most {MAX_ATTEMPTS}")
    order = default.preference if preference is None else parse_preference(preference)
    return RefineSettings(attempts=attempts, preference=order, schemes=schemes)


def chosen_seed(seed: int | None) -> int:
    """The seed that was typed, or a random one.

    Raises
    ------
    InputError
        If it is out of range.
    """
    if seed is None:
        # Short enough to be typed again.
        return secrets.randbelow(2**32)
    if not 0 <= seed <= MAX_SEED:
        raise InputError(f"seed is {seed}, expected an integer from 0 to {MAX_SEED}")
    return seed


def warnings(target: Target) -> list[str]:
    """What is known about a target that makes it unlikely to be found."""
    from mmdiscover.campaign.chances import lower_bound
    from mmdiscover.core.records import best_known_rank

    bound, source = lower_bound(target.format)
    if target.rank < bound:
        return [
            f"{target.name}: no scheme of {target.format} has fewer than {bound} products ({source}); running as asked"
        ]
    best = best_known_rank(target.format, target.ring)
    if best is not None and target.rank < best:
        modulo = " modulo 2" if target.ring else ""
        return [f"{target.name}: the best rank on record for {target.format}{modulo} is {best}"]
    return []


def compile_search(interrupts: Interrupts) -> None:
    """Compile the search, unless it is compiled: once, before worker processes would all do it."""
    from mmdiscover.search import kernels_compiled

    if kernels_compiled():
        return
    output.note("compiling the search; this takes about 20 s, once")
    # In a process of its own, which can be ended at any moment: compilers swallow interrupts.
    program = "from mmdiscover.search import compile_kernels; compile_kernels()"
    with subprocess.Popen([sys.executable, "-c", program], start_new_session=True) as compiler:
        if interrupts.guard(compiler.wait) is None:
            compiler.kill()


def database_option(db: str) -> str:
    """The option that names the same database in a command to be typed next; empty for the default one."""
    # An address of a server may hold a password.
    return "" if db == DEFAULT_DATABASE or "@" in db else f" --db {shlex.quote(db)}"
