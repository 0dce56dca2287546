"""A warm process that forks live traders: each costs no more than its work.

A job is a line of JSON on its input; when the trader has ended, a line of JSON tells how.
"""

from __future__ import annotations

import faulthandler
import importlib
import json
import os
import resource
import signal
import sys
import threading
import time
import traceback
from typing import Any
from unittest import mock

_WARM = ("live_trader", "catalyst.cli.parity", "catalyst.research.parity_courses")


def main() -> None:
    """Fork one process a job, one after another, until the input ends."""
    # Importing asks polars of a time zone, which starts its threads: a fork would have none of
    # them, and wait for them for ever.
    with mock.patch("catalyst.data.stamps.zone_checked", lambda tz: tz):
        for name in _WARM:
            importlib.import_module(name)
    importlib.import_module("live_trader").warm()
    _say("ready")
    while line := sys.stdin.readline():
        job = json.loads(line)
        pid = os.fork()
        if not pid:
            os._exit(_run(job))
        _say(json.dumps({"pid": pid}))
        _, status = os.waitpid(pid, 0)
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        ended = {"status": os.waitstatus_to_exitcode(status)}
        _say(json.dumps({**ended, "cpu_s": used.ru_utime + used.ru_stime}))


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)


def _run(job: dict[str, Any]) -> int:
    log = os.open(job["log"], os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    faulthandler.register(signal.SIGUSR1)
    # A launcher that is killed must leave nobody behind.
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    try:
        importlib.import_module("live_trader").TASKS[job["task"]](job)
    except BaseException:  # noqa: BLE001 - whatever it was, it is told
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


if __name__ == "__main__":
    main()
