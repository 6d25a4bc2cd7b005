"""`mmdiscover fits …`: exact float fits, and the attempts to make them exact."""

from __future__ import annotations

import typer

from mmdiscover.cli.fits import listing, show

app = typer.Typer(help="Query stored float fits and what became of them.")
app.command("list")(listing.list_fits)
app.command("show")(show.show)
