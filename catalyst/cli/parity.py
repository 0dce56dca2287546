"""``catalyst parity``: prove that a live session did what the backtest does, in dollars."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from catalyst.cli.control import AccountOption

if TYPE_CHECKING:
    from catalyst.data.session_record import SessionRecord
    from catalyst.live.certificate import Activities
    from catalyst.live.database import Database
    from catalyst.live.reach import Reached

EPILOG = """
**Examples**

    catalyst parity                                  # the last session that has ended
    catalyst parity --session 2023-10-02 --json
    catalyst parity --session 2023-10-02 --vendor-lake my-lake
"""


def command(
    *,
    session: Annotated[
        str | None,
        typer.Option("--session", help="Date, such as 2023-10-02; default the last that ended."),
    ] = None,
    account: AccountOption = None,
    vendor_lake: Annotated[
        Path | None,
        typer.Option("--vendor-lake", help="History to backtest on; default what live began with."),
    ] = None,
    own_lake: Annotated[
        Path | None,
        typer.Option(
            "--own-lake", help="Another copy of what live saw; no certificate is written then."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the certificate.")] = False,
) -> None:
    """Replay a live session from its own inputs and fills, and say where it differs.

    Every view is rebuilt from lake files; decisions must be the same to the byte. What live made
    and the backtest would have made differ by own inputs, data, fills and missed instants: each in
    dollars. The certificate is written under state/parity. Exit status 1 if anything differs.
    """
    from catalyst.data.settings import settings
    from catalyst.errors import ServiceError
    from catalyst.live.certificate import page, write_certificate
    from catalyst.live.reach import reach

    day = _day(session)
    with reach(settings(), account) as reached:
        if reached.database is None:
            raise ServiceError(f"parity reads the journal: {reached.no_database}")
        told = _certify(reached, reached.database, day, vendor_lake, own_lake)
        # What was found on a lake of somebody's choice is no proof of the session.
        path = write_certificate(reached.state, told) if own_lake is None else None
    typer.echo(json.dumps(told, indent=2) if as_json else page(told), nl=as_json)
    typer.echo(f"written to {path}" if path else "not written: --own-lake was given", err=True)
    if told["verdict"] != "identical":
        raise typer.Exit(1)


def _certify(
    reached: Reached, database: Database, day: dt.date | None, vendor: Path | None, own: Path | None
) -> dict[str, Any]:
    from catalyst.data.lake import Lake
    from catalyst.data.settings import settings
    from catalyst.errors import InputError
    from catalyst.live.certificate import (
        broken_certificate,
        certificate,
        with_earlier_activities,
    )
    from catalyst.live.certificate import own_lake as own_root
    from catalyst.live.journal_reading import verify
    from catalyst.live.session_reader import closed_sessions, read_session
    from catalyst.research.parity_courses import judge

    database.check_version()
    account = reached.account
    if not account:
        raise InputError("nothing has traded here yet; name an account by --account")
    ended = closed_sessions(database, account)
    if day is None:
        if not ended:
            raise InputError(f"no session of account {account} has ended yet")
        day = dt.date.fromisoformat(ended[0])
    # Of a journal that can't be trusted not even the events can be read.
    broken = verify(database, account) if str(day) in ended else None
    if broken is not None:
        return broken_certificate(account, str(day), broken)
    record = read_session(database, account, day)
    base = vendor or (Path(record.lake) if Path(record.lake).is_dir() else None)
    found = judge(
        record,
        Lake(own or own_root(settings().catalyst_home, account)),
        None if base is None else Lake(base),
    )
    told = certificate(record, found, _activities(reached, record))
    return with_earlier_activities(told, reached.state)


def _activities(reached: Reached, record: SessionRecord) -> Activities:
    from catalyst.data.calendar import sessions
    from catalyst.data.settings import settings
    from catalyst.errors import BrokerError, InputError
    from catalyst.live.broker_reach import broker_of
    from catalyst.live.certificate import Activities, activities_of

    bounds = sessions(record.day, record.day)
    span_ns = int(bounds.pre_ns[0]), int(bounds.post_ns[0])
    try:
        broker = broker_of(settings(), reached.run, record.account)
        return activities_of(broker.executions(span_ns[0] - 1), span_ns)
    except (BrokerError, InputError) as error:
        return Activities(None, str(error))


def _day(text: str | None) -> dt.date | None:
    from catalyst.errors import InputError

    if text is None:
        return None
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise InputError(f"--session is {text!r}; expected a date such as 2023-10-02") from None
