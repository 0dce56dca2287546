"""MLflow's own pages over the runs that were logged, on this machine alone."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from catalyst.errors import CatalystError, InputError
from catalyst.research.tracking import COMPARISON, KIND, PARENT, QUIET, client_of, home, store_uri

HOST = "127.0.0.1"
PORT = 5000
_PORTS_TRIED = 50
_LOG = "server.log"
_START_S = 180.0
_STOP_S = 5.0
_LOOK_S = 0.2


def free_port(wanted: int | None = None) -> int:
    """Return a port that nothing listens on: the one that is wanted, else the first from 5000 on.

    Raises
    ------
    InputError
        If it is taken.
    """
    for port in range(PORT, PORT + _PORTS_TRIED) if wanted is None else (wanted,):
        with socket.socket() as probe:
            # As servers do: a port whose last connections are only fading is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with suppress(OSError):
                probe.bind((HOST, port))
                return port
    told = "ports 5000 to 5049 are" if wanted is None else f"port {wanted} is"
    raise InputError(f"{told} taken on this machine; choose another with --port")


def page_of(experiment: str) -> str:
    """Return where MLflow's pages show an experiment's newest comparison, a path below them.

    That of its list of runs if there is none; empty if there is no such experiment.
    """
    with client_of(store_uri(), lambda _: None) as client:
        found = client.get_experiment_by_name(experiment)
        if found is None:
            return ""
        number = str(found.experiment_id)
        newest = client.search_runs(
            [number],
            f"tags.`{KIND}` = '{COMPARISON}' and attributes.status = 'FINISHED'",
            max_results=1,
            order_by=["attributes.start_time DESC"],
        )
        nested = [
            run.info.run_id
            for parent in newest
            for run in client.search_runs(
                [number],
                f"tags.`{PARENT}` = '{parent.info.run_id}'",
                order_by=["attributes.start_time ASC"],
            )
        ]
    if not nested:
        return f"#/experiments/{number}/runs"
    told = urlencode({"runs": json.dumps(nested), "experiments": json.dumps([number])})
    return f"#/compare-runs?{told}"


@contextmanager
def server(uri: str, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run MLflow's server over a store until the end of the block, and wait until it answers.

    Parameters
    ----------
    uri
        From `catalyst.research.tracking.store_uri`; a store that is no server itself.
    port
        From `free_port`; on this machine's own address only.

    Raises
    ------
    CatalystError
        If it ends, or does not answer within three minutes.
    """
    log = home() / _LOG
    log.parent.mkdir(parents=True, exist_ok=True)
    # It may write its store's address down; one with a password is not to be.
    kept = Path(os.devnull) if "@" in urlsplit(uri).netloc else log
    words = ["--host", HOST, "--port", str(port), "--workers", "1"]
    with kept.open("wb") as said:
        running = subprocess.Popen(  # noqa: S603 - our own words
            [sys.executable, "-m", "mlflow", "server", *words],
            # In the environment, for a command line is seen by all users of the machine.
            env=os.environ | QUIET | {"MLFLOW_BACKEND_STORE_URI": uri, **_ALONE},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            # Its workers are of its group, and end with it.
            start_new_session=True,
        )
    try:
        _await(running, port, kept)
        yield running
    finally:
        _stop(running)


_ALONE = {
    # It would start workers for language models.
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
}


def _await(running: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + _START_S
    while time.monotonic() < until:
        if running.poll() is not None:
            raise CatalystError(
                f"MLflow's server ended with status {running.returncode} before it answered; "
                f"{log} says why"
            )
        with (
            suppress(OSError),
            urllib.request.urlopen(f"http://{HOST}:{port}/health", timeout=1.0) as answer,
        ):
            if answer.status == 200:
                return
        time.sleep(_LOOK_S)
    raise CatalystError(
        f"MLflow's server did not answer on port {port} within {_START_S:.0f} s; {log} says why"
    )


def _stop(running: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(running.pid, number)
        with suppress(subprocess.TimeoutExpired):
            running.wait(timeout=_STOP_S)
            return
