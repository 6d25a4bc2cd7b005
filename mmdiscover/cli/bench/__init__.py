"""`mmdiscover bench …`: own speed, beside a reference measured in the same run."""

from __future__ import annotations

import typer

from mmdiscover.cli.bench import export, flips, lm, verify

app = typer.Typer(help="Measure own speed, beside a reference measured in the same run.")
app.command("export")(export.export)
app.command("flips")(flips.flips)
app.command("lm")(lm.lm)
app.command("verify")(verify.verify)
