"""The command `mmdiscover`: all commands put together, and every error turned into one line."""

from __future__ import annotations

import gc
import os
import sys
from io import StringIO, TextIOWrapper
from typing import TYPE_CHECKING, Annotated

import typer

from mmdiscover import __version__
from mmdiscover.cli import bench, campaign, db, discover, export, fits, output, refine, report, schemes, verify
from mmdiscover.errors import DatabaseError, InputError, MMDiscoverError

if TYPE_CHECKING:
    from collections.abc import Sequence

_INTERRUPTED = 130
"""What Typer returns for an interrupt."""

# Plain help: Rich would take longer to load than everything else together.
app = typer.Typer(
    name=output.PROGRAM,
    help="Find, prove, keep and export fast matrix multiplication algorithms.",
    epilog="Begin with: mmdiscover discover 2x2x2:7",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("discover")(discover.discover)
app.add_typer(campaign.app, name="campaign")
app.command("refine")(refine.refine)
app.add_typer(fits.app, name="fits")
app.add_typer(schemes.app, name="schemes")
app.command("verify")(verify.verify)
app.command("export")(export.export)
app.add_typer(report.app, name="report")
app.add_typer(bench.app, name="bench")
app.add_typer(db.app, name="db")


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"{output.PROGRAM} {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Find, prove, keep and export fast matrix multiplication algorithms."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 not found or not verified, 2 wrong usage or bad input."""
    # Importing makes many objects and no garbage; collecting it before the exit took longer than some commands.
    gc.set_threshold(50_000)
    code = run(list(sys.argv[1:] if arguments is None else arguments))
    if code == _INTERRUPTED:
        output.note(f"{output.PROGRAM}: interrupted")
        code = 1
    gc.freeze()
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Run the command line.

    Returns
    -------
    int
        The exit code.
    """
    _prepare_streams()
    try:
        result = app(arguments or ["--help"], prog_name=output.PROGRAM, standalone_mode=False)
        print(end="", flush=True)
    except BrokenPipeError:
        # The reader has seen enough. What is still buffered must not raise at exit.
        for descriptor in (1, 2):
            os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
        return 1
    except (KeyboardInterrupt, typer.Abort):
        return _INTERRUPTED
    except (typer.TyperException, MMDiscoverError, OSError, MemoryError) as error:
        return _report(error)
    return result if isinstance(result, int) else 0


def _prepare_streams() -> None:
    # A stream that was closed by the caller is None.
    sys.stdout = sys.stdout or StringIO()
    sys.stderr = sys.stderr or StringIO()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # A terminal that knows ASCII only gets escapes instead of an error.
            stream.reconfigure(errors="backslashreplace")


def _report(error: Exception) -> int:
    """Print an error as one line; the exit code."""
    if isinstance(error, typer.TyperException):
        context = getattr(error, "ctx", None)
        output.error(f"{error.format_message()} (see {context.command_path if context else output.PROGRAM} --help)")
        return 2
    if isinstance(error, MMDiscoverError):
        output.error(str(error))
        return 2 if isinstance(error, InputError | DatabaseError) else 1
    if isinstance(error, OSError):
        output.error(f"{error.filename or 'standard output'}: {error.strerror or error}")
    else:
        output.error("out of memory")
    return 1
