"""`mmdiscover schemes …`: what is stored."""

from __future__ import annotations

import typer

from mmdiscover.cli.schemes import export, importing, listing, show

app = typer.Typer(help="Query and exchange stored schemes.")
app.command("list")(listing.list_schemes)
app.command("show")(show.show)
app.command("export")(export.export)
app.command("import")(importing.import_schemes)
