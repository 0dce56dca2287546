"""``catalyst init``: a small project with an idea, a variant and a notebook."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

EPILOG = """
**Examples**

    catalyst init my-research           # a new folder
    catalyst init .                     # the current one; nothing in it is overwritten
    catalyst init my-research --json    # the files it wrote
"""


def command(
    folder: Annotated[Path, typer.Argument(help="Where to; made if it is not there.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print the files as JSON.")] = False,
) -> None:
    """Write a small research project: a score of your own, a variant that uses it, a notebook."""
    from catalyst.data.project import write_project

    written = write_project(folder)
    if as_json:
        typer.echo(json.dumps({"folder": str(folder), "files": [path.name for path in written]}))
        return
    typer.echo(f"wrote {', '.join(path.name for path in written)} into {folder}")
    typer.echo("\nNext:")
    if folder.resolve() != Path.cwd().resolve():
        typer.echo(f"    cd {folder}")
    if shutil.which("catalyst") is None:
        typer.echo(f'    export PATH="{Path(sys.executable).parent}:$PATH"')
    typer.echo("    catalyst backtest --variant my-variant.yaml --start 2023-11-01 --force")
    typer.echo("\nThen change near_high in ideas.py and do it again; README.md says what else.")
