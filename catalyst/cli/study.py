"""``catalyst study``: what news, scores, patterns and sources were worth."""

from __future__ import annotations

import typer

from catalyst.cli import study_events, study_pays, study_scores

app = typer.Typer(
    help="Study what news, scores, patterns and sources were worth, and how sure that is.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)
app.command("events", epilog=study_events.EPILOG)(study_events.command)
app.command("scores", epilog=study_scores.EPILOG)(study_scores.command)
app.command("pays", epilog=study_pays.EPILOG)(study_pays.command)
