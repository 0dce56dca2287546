"""``catalyst audit``: hold components, a run's knowledge and its warm-up to their laws."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from catalyst.cli import audit_components, audit_lookahead, audit_recursion
from catalyst.errors import InputError

app = typer.Typer(
    help="Audit a run, or components of your own: purity, laws, look-ahead, warm-up.",
    epilog=audit_components.EPILOG,
    invoke_without_command=True,
    no_args_is_help=True,
    rich_markup_mode="markdown",
)
app.command("lookahead", epilog=audit_lookahead.EPILOG)(audit_lookahead.command)
app.command("recursion", epilog=audit_recursion.EPILOG)(audit_recursion.command)


@app.callback()
def _components(
    context: typer.Context,
    *,
    components: Annotated[
        str | None,
        typer.Option(help="Python files with components of your own, separated by commas."),
    ] = None,
    run: Annotated[
        Path | None, typer.Option("--run", help="Take variant and lake from this run.")
    ] = None,
    lake: Annotated[
        Path | None,
        typer.Option(
            "--lake", help="Lake folder; default $CATALYST_LAKE, else the bundled sample."
        ),
    ] = None,
    timeframe: Annotated[
        str | None, typer.Option(help="Base bars, such as 5m; default the finest.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON on stdout instead of tables.")
    ] = False,
) -> None:
    if context.invoked_subcommand is not None:
        if components is not None:
            raise InputError(
                "--components stands before a subcommand; give it to one of the two: catalyst "
                f"audit --components {components}, or catalyst audit {context.invoked_subcommand}"
            )
        return
    if components is None:
        raise InputError(
            "there is nothing to audit; name files with --components, or a subcommand: lookahead, "
            "recursion"
        )
    audit_components.command(components, run, lake, timeframe, as_json=as_json)
