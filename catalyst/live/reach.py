"""How a person's command finds the live process, its database and its cache."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from catalyst.data.settings import Settings
from catalyst.errors import InputError, ServiceError
from catalyst.live.database import Database
from catalyst.live.run_file import Run, runs
from catalyst.live.services import open_services


@dataclass(frozen=True)
class Reached:
    """Hold what was found.

    Attributes
    ----------
    state
        The folder with the files of live processes.
    account
        As asked for, else the one that runs, else the one that ran last; empty where none ever did.
    run
        What its process says of itself, None if none ever ran on this machine.
    database
        None where there is none, or it can't be used.
    no_database
        Why there is none, one sentence; empty if there is.
    redis_url
        None where there is none.
    """

    state: Path
    account: str
    run: Run | None
    database: Database | None
    no_database: str
    redis_url: SecretStr | None


@contextmanager
def reach(settings: Settings, account: str | None = None) -> Iterator[Reached]:
    """Find what there is of an account; an embedded database that exists is started to be read.

    Raises
    ------
    InputError
        If several accounts are traded here and none was named.
    """
    state = settings.catalyst_home / "state"
    run = _run_of(runs(state), account)
    named = account or (run.account if run else "")
    with ExitStack() as held:
        database, why, redis_url = None, "", settings.redis_url
        if settings.database_url is None and not (state / "postgres").is_dir():
            why = "no database was ever made here"
        else:
            try:
                services = held.enter_context(open_services(settings.catalyst_home, settings))
                redis_url = services.redis_url
                database = held.enter_context(Database(services.database_url, smallest=1))
            except ServiceError as error:
                why = str(error)
        yield Reached(state, named, run, database, why, redis_url)


def _run_of(found: tuple[Run, ...], account: str | None) -> Run | None:
    if account is not None:
        return next((run for run in found if run.account == account), None)
    alive = [run.account for run in found if run.alive]
    if len(alive) > 1:
        raise InputError(
            f"several accounts are traded here ({', '.join(alive)}); say which one by --account"
        )
    return next(iter(found), None)
