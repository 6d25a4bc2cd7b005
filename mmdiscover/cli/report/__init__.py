"""`mmdiscover report …`: tables and pictures from the database."""

from __future__ import annotations

import typer

from mmdiscover.cli.report import additions, ranks, settings, walks

app = typer.Typer(help="Tables and pictures from the database.")
app.command("additions")(additions.additions)
app.command("ranks")(ranks.ranks)
app.command("settings")(settings.settings)
app.command("walks")(walks.walks)
