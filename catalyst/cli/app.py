"""The command ``catalyst``: subcommands import what they need when they run; help is instant."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from catalyst.cli import (
    audit,
    backtest,
    calibrate,
    compare,
    completion,
    control,
    data,
    db,
    edge,
    exchange,
    explain,
    init,
    learn,
    ledger,
    live,
    mlflow,
    news,
    params,
    parity,
    process,
    report,
    status,
    study,
    sweep,
    walk_forward,
)
from catalyst.errors import CatalystError, InputError

_LONGEST_MESSAGE = 2_000
_INTERRUPTED = 130
#: What the libraries raise for a Parquet file that is none, or no longer whole.
_DAMAGE = {("polars", "ComputeError"), ("pyarrow", "ArrowInvalid")}

app = typer.Typer(
    name="catalyst",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Research and trade the news: what you tested is what trades, and the test did not lie.",
    epilog="Start with **catalyst backtest**: it makes a synthetic sample on first use and replays "
    "the strategy over it.",
)
app.command("backtest", epilog=backtest.EPILOG)(backtest.command)
app.command("calibrate", epilog=calibrate.EPILOG)(calibrate.command)
app.command("compare", epilog=compare.EPILOG)(compare.command)
app.command("edge", epilog=edge.EPILOG)(edge.command)
app.command("exchange", epilog=exchange.EPILOG)(exchange.command)
app.command("explain", epilog=explain.EPILOG)(explain.command)
app.command("flatten", epilog=control.FLATTEN_EPILOG)(control.flatten)
app.command("init", epilog=init.EPILOG)(init.command)
app.command("learn", epilog=learn.EPILOG)(learn.command)
app.command("ledger", epilog=ledger.EPILOG)(ledger.command)
app.command("live", epilog=live.EPILOG)(live.command)
app.command("mlflow", epilog=mlflow.EPILOG)(mlflow.command)
app.command("params", epilog=params.EPILOG)(params.command)
app.command("parity", epilog=parity.EPILOG)(parity.command)
app.command("pause", epilog=control.PAUSE_EPILOG)(control.pause)
app.command("report", epilog=report.EPILOG)(report.command)
app.command("resume", epilog=control.RESUME_EPILOG)(control.resume)
app.command("status", epilog=status.EPILOG)(status.command)
app.command("sweep", epilog=sweep.EPILOG)(sweep.command)
app.command("walk-forward", epilog=walk_forward.EPILOG)(walk_forward.command)
app.add_typer(audit.app, name="audit")
app.add_typer(data.app, name="data")
app.add_typer(db.app, name="db")
app.add_typer(news.app, name="news")
app.add_typer(study.app, name="study")


def _print_version(asked: bool) -> None:
    if asked:
        from catalyst.data.version import code_version

        typer.echo(code_version())
        raise typer.Exit


@app.callback()
def _root(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_print_version,
            is_eager=True,
            help="Print version and source hash and stop.",
        ),
    ] = False,
) -> None:
    del version


def main() -> None:
    """Run the command line and end the process.

    A foreseen error is one sentence on stderr and exit status 2, or 1 where the input was right. A
    signal to stop is one line and 128 plus its number; a reader that has gone, silence and 141.
    """
    process.open_streams()
    with process.stoppable() as stopped:
        status = _status(stopped)
    sys.exit(status)


def _status(stopped: process.Stopped) -> int:
    try:
        status = _run(stopped)
        return status if process.flush_streams() else process.PIPE_CLOSED
    except BaseException as error:
        if process.is_closed_pipe(error):
            process.close_stdout()
            return process.PIPE_CLOSED
        # Whatever a library makes of the interrupt in its midst, it was the signal that ended it.
        if stopped.number or isinstance(error, KeyboardInterrupt):
            _say("interrupted; nothing was left half done")
            return stopped.status if stopped.number else _INTERRUPTED
        raise


def _run(stopped: process.Stopped) -> int:
    command = typer.main.get_command(app)
    if completion.VARIABLE in os.environ:
        completion.answer(command)
    try:
        with command.make_context("catalyst", sys.argv[1:]) as context:
            command.invoke(context)
    except typer.Exit as ended:
        return stopped.status if stopped.number else ended.exit_code
    except typer.TyperException as error:
        return _refuse(error)
    except CatalystError as error:
        _say(str(error))
        return 2 if isinstance(error, InputError) else 1
    except Exception as error:
        if stopped.number or not _is_damage(error) or process.is_closed_pipe(error):
            raise
        reason = str(error).partition("\n")[0]
        hint = "make room or give the rights it needs, then repeat the command"
        if not isinstance(error, OSError) or error.errno is None:
            hint = (
                "a file of the lake is damaged: restore it, or import its sources into a new lake"
            )
        _say(f"a file can't be read or written: {reason}; {hint}")
        return 2
    return 0


def _refuse(error: typer.TyperException) -> int:
    # Told by name: typer keeps the classes of wrong use to itself.
    if type(error).__name__ != "NoArgsIsHelpError":
        told = " ".join(error.format_message().split()).rstrip(".")
        context = getattr(error, "ctx", None)
        path = "catalyst" if context is None else context.command_path
        _say(f"{told[:1].lower()}{told[1:]}; see `{path} --help`")
    return 2


def _say(message: str) -> None:
    from catalyst.data.messages import shown

    # A message may quote what a file, a vendor or a name says.
    typer.echo(f"catalyst: {shown(message, longest=_LONGEST_MESSAGE)}", err=True)


def _is_damage(error: Exception) -> bool:
    # By name: neither library is imported for a command that does without.
    kind = type(error)
    library = kind.__module__.partition(".")[0]
    return isinstance(error, OSError) or (library, kind.__name__) in _DAMAGE


if __name__ == "__main__":
    main()
