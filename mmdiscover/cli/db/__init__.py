"""`mmdiscover db …`: schema and integrity of the database."""

from __future__ import annotations

import typer

from mmdiscover.cli.db import check, exporting, merge, stats, upgrade

app = typer.Typer(help="Look after the results database.")
app.command("upgrade")(upgrade.upgrade)
app.command("check")(check.check)
app.command("stats")(stats.stats)
app.command("merge")(merge.merge)
app.command("export")(exporting.export_folder)
app.command("import")(exporting.import_folder)
