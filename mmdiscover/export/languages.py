"""The languages, and the one way to get code out: emitted, checked, handed over."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from mmdiscover.errors import InputError
from mmdiscover.export import check, latex, numpy, python, text
from mmdiscover.export.program import Program, program_of
from mmdiscover.export.sharing import share_subexpressions
from mmdiscover.export.writing import Facts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mmdiscover.core.scheme import Scheme
    from mmdiscover.core.verified import VerifiedScheme


@dataclass(frozen=True, slots=True)
class Language:
    """One language: what it is for, the passes before it, the emitter and the check of its output."""

    description: str
    passes: tuple[Callable[[Program], Program], ...]
    emit: Callable[[Program, Facts], str]
    check: Callable[[str, Scheme], None]


LANGUAGES: Mapping[str, Language] = MappingProxyType(
    {
        "python": Language(
            "plain functions on entries or blocks that need not commute",
            (share_subexpressions,),
            python.emit,
            check.check_python,
        ),
        "numpy": Language("recursive, matrices of any sizes", (share_subexpressions,), numpy.emit, check.check_numpy),
        "text": Language("formulas as papers write them", (), text.emit, check.check_text),
        "latex": Language("the same formulas, typeset", (), latex.emit, check.check_latex),
    }
)
"""By the name that `export_code` takes."""


def export_code(verified: VerifiedScheme, language: str) -> str:
    """Code of a verified scheme, executed or read back before it is returned.

    Parameters
    ----------
    verified : VerifiedScheme
    language : str
        A key of `LANGUAGES`.

    Returns
    -------
    str
        The same for the same scheme and version of mmdiscover: no dates, no paths.

    Raises
    ------
    InputError
        If the language is unknown.
    ExportError
        If the code does not compute what the scheme does.
    """
    if language not in LANGUAGES:
        raise InputError(f"language {language!r}: expected one of {', '.join(LANGUAGES)}")
    chosen = LANGUAGES[language]
    program = program_of(verified.scheme)
    for run in chosen.passes:
        program = run(program)
    code = chosen.emit(program, Facts.of(verified))
    chosen.check(code, verified.scheme)
    return code
