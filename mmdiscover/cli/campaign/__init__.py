"""`mmdiscover campaign …`: many formats, many starts, for as long as it takes."""

from __future__ import annotations

import typer

from mmdiscover.cli.campaign import listing, run, status, stop

app = typer.Typer(help="Search for many schemes, for days if need be; whatever is interrupted can be resumed.")
app.command("run")(run.run)
app.command("resume")(run.resume)
app.command("status")(status.status)
app.command("list")(listing.list_all)
app.command("stop")(stop.stop)
