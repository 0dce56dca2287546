"""``catalyst db``: bring the database's schema forward or back, and say where it stands."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import SecretStr

    from catalyst.live.schema import Migration

app = typer.Typer(
    name="db",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Make, change and undo the tables of live trading in PostgreSQL.",
    epilog="The database is that of **--database**, else of `$DATABASE_URL`, else the embedded one "
    "in `$CATALYST_HOME`, which is started if it does not run. What stands on a command line, "
    "everybody on this machine can read: a password belongs into `$DATABASE_URL` or `~/.pgpass`.",
)

MIGRATE_EPILOG = """
**Examples**

    catalyst db migrate                        # the embedded database, or $DATABASE_URL
    catalyst db migrate --database postgresql://me@localhost/catalyst
    catalyst db migrate --json
"""
ROLLBACK_EPILOG = """
**Examples**

    catalyst db rollback --to 209
    catalyst db rollback --to 0 --yes          # nothing is left, the journal included
"""
VERSION_EPILOG = """
**Examples**

    catalyst db version
    catalyst db version --json
"""

DatabaseOption = Annotated[
    str | None,
    typer.Option(
        "--database",
        metavar="URL",
        help="Address such as postgresql://user@host/name; default $DATABASE_URL, else embedded.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("migrate", epilog=MIGRATE_EPILOG)
def migrate(*, database: DatabaseOption = None, as_json: JsonOption = False) -> None:
    """Bring the schema to what this catalyst needs: all steps that are missing, or none."""
    from catalyst.live.schema import latest_version
    from catalyst.live.schema import migrate as apply

    with _address(database) as url:
        _tell(apply(url), latest_version(), "applied", as_json=as_json)


@app.command("rollback", epilog=ROLLBACK_EPILOG)
def rollback(
    *,
    to: Annotated[int, typer.Option("--to", help="Version to go back to; 0 leaves nothing.")],
    database: DatabaseOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Undo the steps after a version, newest first.

    **What their tables hold is lost**; on a terminal it asks before.
    """
    from catalyst.live.schema import rollback as undo

    with _address(database) as url:
        if not yes:
            _ask(url, to)
        _tell(undo(url, to), to, "undone", as_json=as_json)


@app.command("version", epilog=VERSION_EPILOG)
def version(*, database: DatabaseOption = None, as_json: JsonOption = False) -> None:
    """Say which version the schema is and which this catalyst needs; status 1 if they differ."""
    from catalyst.live.schema import latest_version, version_of

    with _address(database) as url:
        have, need = version_of(url), latest_version()
    if as_json:
        typer.echo(json.dumps({"version": have, "needed": need, "current": have == need}))
    else:
        typer.echo(f"the schema is version {have}; this catalyst needs {need}")
    if have != need:
        raise typer.Exit(1)


@contextmanager
def _address(told: str | None) -> Iterator[SecretStr]:
    from pydantic import SecretStr

    from catalyst.data.settings import settings
    from catalyst.live.services import open_services

    found = settings()
    if told is not None:
        found = found.model_copy(update={"database_url": SecretStr(told)})
    with open_services(found.catalyst_home, found, with_redis=False) as services:
        yield services.database_url


def _ask(url: SecretStr, to: int) -> None:
    import sys

    from catalyst.live.database import place_of

    if sys.stdin.isatty():
        question = f"Undo all after version {to} in {place_of(url)}, with all that its tables hold?"
        typer.confirm(question, abort=True, err=True)


def _tell(steps: Sequence[Migration], version_now: int, verb: str, *, as_json: bool) -> None:
    if as_json:
        told: dict[str, Any] = {
            "version": version_now,
            verb: [{"version": step.version, "name": step.name} for step in steps],
        }
        typer.echo(json.dumps(told))
        return
    for step in steps:
        typer.echo(f"{verb} {step.version} {step.name}")
    typer.echo(f"the schema is version {version_now}" + ("" if steps else "; nothing to do"))
