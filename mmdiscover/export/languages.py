"""The languages, and the one way to get code out: emitted, checked, handed over."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from mmdiscover.errors import ExportError, InputError
from mmdiscover.export import c, check, compiled, cpp, graphviz, julia, latex, markdown, numba, numpy, python, svg, text
from mmdiscover.export.program import Program, program_of
from mmdiscover.export.reduction import EFFORTS, Effort, fewest_additions
from mmdiscover.export.scheduling import schedule
from mmdiscover.export.sharing import share_subexpressions
from mmdiscover.export.writing import Facts
from mmdiscover.verify import verify

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mmdiscover.core.scheme import Scheme
    from mmdiscover.core.verified import VerifiedScheme


@dataclass(frozen=True, slots=True)
class Language:
    """One language: the passes before it, the emitter and the check of its output.

    The check raises `ExportError` if the code is wrong, and returns what it could not do, if anything.
    """

    passes: tuple[Callable[[Program], Program], ...]
    emit: Callable[[Program, Facts], str]
    check: Callable[[str, Scheme], str | None]


@dataclass(frozen=True, slots=True)
class Emitted:
    """Code that passed its check, and a note: empty, or what part of the check could not be done here."""

    code: str
    note: str


def schedule_quickly(program: Program) -> Program:
    """An order with few temporaries, by a search that is the narrower the longer the program, within a second or so."""
    return schedule(program, width=max(1, _BEAM // len(program.statements)))


_BEAM = 1000
_SHARED = (share_subexpressions,)
# For languages whose temporaries lie in a workspace.
_SCHEDULED = (share_subexpressions, schedule_quickly)
LANGUAGES: Mapping[str, Language] = MappingProxyType(
    {
        "python": Language(_SHARED, python.emit, check.check_python),
        "numpy": Language(_SHARED, numpy.emit, check.check_numpy),
        "numba": Language(_SHARED, numba.emit, check.check_numba),
        "c": Language(_SCHEDULED, c.emit, compiled.check_c),
        "cpp": Language(_SCHEDULED, cpp.emit, compiled.check_cpp),
        "julia": Language(_SHARED, julia.emit, compiled.check_julia),
        "text": Language((), text.emit, check.check_text),
        "latex": Language((), latex.emit, check.check_latex),
        "markdown": Language((), markdown.emit, markdown.check),
        "graphviz": Language(_SHARED, graphviz.emit, graphviz.check),
        "svg": Language(_SHARED, svg.emit, svg.check),
    }
)
"""By the name that `export_code` takes; what each is for is in the catalogue."""


def export_code(verified: VerifiedScheme, language: str) -> str:
    """Code of a verified scheme, executed or read back before it is returned; see `emit_checked`.

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
    return emit_checked(verified, language).code


def emit_checked(verified: VerifiedScheme, language: str, effort: Effort = EFFORTS["quick"]) -> Emitted:
    """As `export_code`, with what the check could not do here: where there is no compiler, C is read back, not run.

    Parameters
    ----------
    verified : VerifiedScheme
    language : str
    effort : Effort
        How long to look for a scheme with fewer additions first. What is emitted is then that scheme, another member
        of the orbit or, by flips, another scheme, which is verified as every scheme is.
    """
    if language not in LANGUAGES:
        raise InputError(f"language {language!r}: expected one of {', '.join(LANGUAGES)}")
    chosen = LANGUAGES[language]
    scheme, program = verified.scheme, program_of(verified.scheme)
    passes = chosen.passes
    if effort.walks:
        fewest = fewest_additions(scheme, effort)
        proved = verify(fewest.scheme).verified
        if proved is None:
            raise ExportError(
                f"the search for fewer additions of {scheme.name} broke it; this is a bug, please report it"
            )
        verified, scheme = proved, fewest.scheme
        shared = share_subexpressions in passes
        program = fewest.program if shared else program_of(scheme)
        passes = tuple(run for run in passes if run is not share_subexpressions)
    for run in passes:
        program = run(program)
    code = chosen.emit(program, Facts.of(verified))
    return Emitted(code, chosen.check(code, scheme) or "")
