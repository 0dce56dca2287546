"""The schema's version: which migrations there are, which are applied, and how to change that."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
from pydantic import SecretStr

from catalyst.errors import InputError, ServiceError

_UP, _DOWN = ".up.sql", ".down.sql"
_UPGRADE = "catalyst db migrate"


@dataclass(frozen=True)
class Migration:
    """Hold one step of the schema: a number, a name, and plain SQL there and back."""

    version: int
    name: str
    up: Path
    down: Path


def migrations_folder() -> Path:
    """Return where the migrations lie: beside the package, under another name in a wheel."""
    place = Path(__file__).parents[2]
    installed = place / "catalyst_migrations"
    return installed if installed.is_dir() else place / "migrations"


@cache
def migrations() -> tuple[Migration, ...]:
    """List all steps, ascending by version; their files are ``<version>_<name>.up.sql``.

    Raises
    ------
    ServiceError
        If there are none: catalyst is not wholly installed.
    """
    folder = migrations_folder()
    found = []
    for up in folder.glob(f"*{_UP}"):
        number, _, name = up.name.removesuffix(_UP).partition("_")
        found.append(Migration(int(number), name, up, up.with_name(f"{number}_{name}{_DOWN}")))
    if not found:
        raise ServiceError(f"{folder} holds no migrations; install catalyst again")
    return tuple(sorted(found, key=lambda one: one.version))


def latest_version() -> int:
    """Return the version that this code was written for."""
    return migrations()[-1].version


def applied_version(connection: psycopg.Connection[Any]) -> int:
    """Return the version of a database's schema, 0 for none."""
    there = connection.execute("SELECT to_regclass('public.schema_migrations')").fetchone()
    if there is None or there[0] is None:
        return 0
    row = connection.execute("SELECT max(version) FROM public.schema_migrations").fetchone()
    return int(row[0]) if row is not None and row[0] is not None else 0


def check_version(connection: psycopg.Connection[Any]) -> None:
    """Refuse a schema that this code was not written for.

    Raises
    ------
    ServiceError
        If it is older or newer, with both versions and what to do.
    """
    have, want = applied_version(connection), latest_version()
    if have < want:
        raise ServiceError(
            f"the database's schema is version {have}, and this catalyst needs {want}; "
            f"run `{_UPGRADE}`"
        )
    if have > want:
        raise ServiceError(
            f"the database's schema is version {have}, newer than the {want} of this catalyst; "
            f"install the catalyst that made it, or run `catalyst db rollback --to {want}` with "
            "that one"
        )


def migrate(url: SecretStr) -> list[Migration]:
    """Apply what is not yet applied, all or nothing; return it in order.

    Raises
    ------
    ServiceError
        If the database can't be reached, or a statement fails.
    """
    from alembic import command  # noqa: PLC0415 - it takes half a second, trading never needs it

    before = version_of(url)
    _run(command.upgrade, url, "head")
    return [one for one in migrations() if one.version > before]


def rollback(url: SecretStr, to: int) -> list[Migration]:
    """Undo all migrations after one, all or nothing; return them in the order of undoing.

    Parameters
    ----------
    url
        Of the database.
    to
        The version to go back to; 0 leaves nothing.

    Raises
    ------
    InputError
        If there is no such version, or it is not behind the database's.
    ServiceError
        If the database can't be reached, or a statement fails.
    """
    from alembic import command  # noqa: PLC0415 - it takes half a second, trading never needs it

    known = [0, *(one.version for one in migrations())]
    if to not in known:
        raise InputError(
            f"--to is {to}; expected one of {', '.join(map(str, known))}, the schema's versions"
        )
    before = version_of(url)
    if to > before:
        raise InputError(
            f"--to is {to}, and the schema is version {before}; expected an older one: "
            f"`{_UPGRADE}` goes forward"
        )
    _run(command.downgrade, url, str(to) if to else "base")
    return [one for one in reversed(migrations()) if to < one.version <= before]


def version_of(url: SecretStr) -> int:
    """Return the version of the schema of the database at an address, 0 for none.

    Raises
    ------
    ServiceError
        If the database can't be reached.
    """
    with _connected(url) as connection:
        return applied_version(connection)


def _connected(url: SecretStr) -> psycopg.Connection[Any]:
    try:
        return psycopg.connect(url.get_secret_value(), connect_timeout=5)
    except psycopg.Error as error:
        raise ServiceError(
            f"the database can't be reached: {str(error).strip().splitlines()[0]}; start it, or "
            "say another with --database or DATABASE_URL"
        ) from None


def _run(act: Any, url: SecretStr, target: str) -> None:  # noqa: ANN401 - alembic's commands differ
    from alembic.config import Config  # noqa: PLC0415 - see above
    from sqlalchemy.exc import DBAPIError  # noqa: PLC0415 - the same

    config = Config()
    config.set_main_option("script_location", str(migrations_folder()).replace("%", "%%"))
    # A function, not an address: alembic's own settings are printed in errors.
    config.attributes["connect"] = lambda: _connected(url)
    try:
        act(config, target)
    except DBAPIError as error:
        raise ServiceError(_failed(error.orig)) from error
    except psycopg.Error as error:
        raise ServiceError(_failed(error)) from error


def _failed(error: BaseException | None) -> str:
    lines = str(error).strip().splitlines()
    return (
        f"the schema could not be changed, and is as it was: {lines[0] if lines else error}; "
        "look at what else uses the database, then try again"
    )
