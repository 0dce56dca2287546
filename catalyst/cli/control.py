"""``catalyst pause``, ``resume``, ``flatten``: tell a live process what to do, or do it alone."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from catalyst.live.hand_acts import HandAct
    from catalyst.live.reach import Reached

PAUSE_EPILOG = """
**Examples**

    catalyst pause                       # no new entries; exits and protection go on
    catalyst pause --account PA3F81BB09 --wait 5 --json
"""
RESUME_EPILOG = """
**Examples**

    catalyst resume                      # entries again
    catalyst resume --json
"""
FLATTEN_EPILOG = """
**Examples**

    catalyst flatten                     # asks first, then closes everything
    catalyst flatten --yes --wait 120 --json
    catalyst flatten --alone --yes       # past a live process that hangs
"""
AccountOption = Annotated[
    str | None,
    typer.Option("--account", help="The broker's account number; default the one that runs."),
]
WaitOption = Annotated[float, typer.Option("--wait", min=0, help="Seconds to wait for it.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def pause(
    *, account: AccountOption = None, wait: WaitOption = 10, as_json: JsonOption = False
) -> None:
    """Stop new entries; exits and protection go on, and a restart changes nothing about it."""
    _switch("pause", account, wait, as_json=as_json)


def resume(
    *, account: AccountOption = None, wait: WaitOption = 10, as_json: JsonOption = False
) -> None:
    """Take new entries again after a pause."""
    _switch("resume", account, wait, as_json=as_json)


def flatten(
    *,
    account: AccountOption = None,
    wait: WaitOption = 60,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask first.")] = False,
    alone: Annotated[
        bool,
        typer.Option("--alone", help="Work with the broker alone even where a process is live."),
    ] = False,
    beyond: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=0.5,
            help="Outside regular hours: how far beyond the last price a limit lies; "
            "default the strategy's 0.01.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Cancel every order of the account and close every position, now.

    A live process does it and pauses. Without one, or without a database, this command does it
    with the broker alone; the next start takes what was done into the journal, and begins paused.
    """
    from catalyst.data.settings import settings
    from catalyst.errors import InputError
    from catalyst.live.control import is_live
    from catalyst.live.reach import reach

    with reach(settings(), account) as reached:
        if not yes:
            if as_json or not sys.stdin.isatty():
                raise InputError(
                    "flatten closes every position of the account; say --yes where nobody can be "
                    "asked"
                )
            named = reached.account or "whose keys are set"
            typer.confirm(f"Close every position of account {named}?", abort=True, err=True)
        database = reached.database
        if not alone and database is not None and is_live(database, reached.account):
            _tell(_asked(reached, "flatten", wait), as_json=as_json)
            return
        _flatten_alone(reached, wait, beyond, as_json=as_json)


def _switch(command: str, account: str | None, wait: float, *, as_json: bool) -> None:
    from catalyst.data.settings import settings
    from catalyst.errors import InputError, ServiceError
    from catalyst.live.reach import reach

    with reach(settings(), account) as reached:
        if not reached.account:
            raise InputError(
                f"nothing has traded here yet, so there is nothing to {command}; start it by "
                "`catalyst live`, or name an account by --account"
            )
        if reached.database is None:
            raise ServiceError(
                f"{command} needs the database: {reached.no_database}; without it, stopping the "
                "process leaves its protective orders at the broker, and `catalyst flatten` works"
            )
        _tell(_asked(reached, command, wait), as_json=as_json)


def _asked(reached: Reached, command: str, wait: float) -> dict[str, Any]:
    from catalyst.live.control import answer_of, ask, is_live

    database = reached.database
    assert database is not None  # noqa: S101 - the callers looked
    request_id = ask(database, reached.account, command, by=asker())
    told: dict[str, Any] = {"command": command, "account": reached.account, "alone": False}
    if not is_live(database, reached.account):
        return told | {
            "done": True,
            "answer": f"{command} is written down: no live process runs, the next one begins so",
        }
    answer = answer_of(database, request_id, wait)
    if answer is None:
        return told | {
            "done": False,
            "answer": f"the live process has not answered in {wait:g} s; {command} stays asked "
            "for; look at it by `catalyst status`",
        }
    return told | {"done": True, "answer": answer}


def _flatten_alone(reached: Reached, wait: float, beyond: float | None, *, as_json: bool) -> None:
    from catalyst.data.settings import settings
    from catalyst.live.broker_reach import broker_of
    from catalyst.live.control import ask, close_requests
    from catalyst.live.flattening import Flattening
    from catalyst.live.hand_acts import hand_file, write_act
    from catalyst.strategy.params import Params

    broker = broker_of(settings(), reached.run, reached.account)
    number = broker.account().number
    path = hand_file(reached.state, number)

    def record(act: HandAct) -> None:
        write_act(path, act)
        if not as_json:
            typer.echo(act.text)

    flattening = Flattening(
        broker,
        now_ns=broker.clock_ns,
        record=record,
        beyond_frac=Params().execution.watch_frac if beyond is None else beyond,
    )
    result = flattening.run(wait)
    if reached.database is not None:
        close_requests(reached.database, number, answer="flattened with the broker alone")
        ask(reached.database, number, "pause", by=asker())
    if as_json:
        told = {
            "command": "flatten",
            "account": number,
            "alone": True,
            "done": result.flat,
            "answer": result.acts[-1].text,
            "acts": [
                {"at_ns": act.at_ns, "what": act.what, "text": act.text} for act in result.acts
            ],
        }
        typer.echo(json.dumps(told, indent=2))
    if not result.flat:
        raise typer.Exit(1)


def asker() -> str:
    """Name who asks, such as ``ann@desk``."""
    import getpass
    import socket

    return f"{getpass.getuser()}@{socket.gethostname()}"


def _tell(told: dict[str, Any], *, as_json: bool) -> None:
    typer.echo(json.dumps(told, indent=2) if as_json else told["answer"])
    if not told["done"]:
        raise typer.Exit(1)
