"""`mmdiscover report …`: tables from the database."""

from __future__ import annotations

import typer

from mmdiscover.cli.report import additions, ranks, settings

app = typer.Typer(help="Tables from the database.")
app.command("additions")(additions.additions)
app.command("ranks")(ranks.ranks)
app.command("settings")(settings.settings)
