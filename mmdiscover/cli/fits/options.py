"""Options that choose among fits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from mmdiscover.cli.options import integer
from mmdiscover.errors import InputError

if TYPE_CHECKING:
    from mmdiscover.core.format import Format

FormatOption: TypeAlias = Annotated[
    str | None,
    typer.Option("--format", metavar="FORMAT", help="Only this format, such as 2x3x4; any order finds all six."),
]
RankOption: TypeAlias = Annotated[
    int | None,
    typer.Option("--rank", parser=integer, metavar="R", help="Only exactly this number of products."),
]


def parsed_format(text: str | None) -> Format | None:
    """The format, where one was typed.

    Raises
    ------
    InputError
        If it is none.
    """
    from mmdiscover.core.format import Format

    return None if text is None else Format.parse(text)


def checked_rank(rank: int | None) -> int | None:
    """The rank, where one was typed.

    Raises
    ------
    InputError
        If no fit can have it.
    """
    if rank is not None and not 1 <= rank < 2**31:
        raise InputError(f"rank is {rank}, expected an integer >= 1")
    return rank
