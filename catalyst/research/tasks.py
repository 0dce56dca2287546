"""Independent tasks: in this process, on processes beside it, or on a cluster of machines.

Where and in which order tasks run is nobody's business but this module's: a task is a function of
its item, so its result is the same anywhere.
"""

from __future__ import annotations

import os
import signal
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import TYPE_CHECKING, TypeVar

from catalyst.errors import CatalystError, InputError

if TYPE_CHECKING:
    from joblib.externals.loky.process_executor import ProcessPoolExecutor

T = TypeVar("T")
R = TypeVar("R")

#: How often a task is run again after the worker that ran it was lost.
RETRIES = 3
_WATCH_S = 0.5
# Each pool that a worker may bring along; two workers with a thread a core each would only wait for
# each other.
_THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMBA_NUM_THREADS",
    "POLARS_MAX_THREADS",
    "RAYON_NUM_THREADS",
)


def run_tasks(
    task: Callable[[T], R],
    items: Sequence[T],
    *,
    done: Callable[[int, R], None],
    processes: int | None = None,
    cluster: str | None = None,
) -> None:
    """Run a task for each item.

    Workers start afresh (nothing is forked) and take few threads each. A task whose worker is lost
    is run again, up to `RETRIES` times. When an error or an interrupt ends the run, workers are
    stopped at once; none outlives the caller, whatever ends it.

    Parameters
    ----------
    task
        A function that another process can import, of one item; or one that a notebook's cell
        defines.
    items
        What each task is given; must be picklable.
    done
        Called in the caller's process with the item's place in `items` and the result, as each
        comes back, in any order.
    processes
        How many; None for one a core, and not more than there are items. 1 runs all in this
        process, in order.
    cluster
        Address of a Dask scheduler, such as ``tcp://10.0.0.5:8786``, in place of processes.

    Raises
    ------
    InputError
        If `processes` is below 1, or the cluster can't be used.
    CatalystError
        If a task's worker was lost each time.
    Exception
        What a task raised, as it raised it.
    """
    if processes is not None and processes < 1:
        raise InputError(f"{processes} worker processes were asked for; expected 1 or more")
    if not items:
        return
    if cluster is not None:
        from catalyst.research.cluster import run_on_cluster

        run_on_cluster(task, items, done=done, address=cluster)
        return
    count = min(processes or cores(), len(items))
    if count == 1:
        for place, item in enumerate(items):
            done(place, task(item))
        return
    # What a killed worker leaves behind goes with the folder.
    with tempfile.TemporaryDirectory(
        prefix="catalyst-tasks-", ignore_cleanup_errors=True
    ) as scratch:
        _run_beside(task, items, done, count, scratch)


def _run_beside(
    task: Callable[[T], R],
    items: Sequence[T],
    done: Callable[[int, R], None],
    count: int,
    scratch: str,
) -> None:
    waiting = list(reversed(range(len(items))))
    lost: Counter[int] = Counter()
    while waiting:
        broken = _run_until_broken(task, items, done, _pool(count, scratch), count, waiting)
        # Which of the tasks cost a worker its life is not known: each that was on one is counted.
        lost.update(broken)
        worst = max(broken, key=lambda place: lost[place], default=None)
        if worst is not None and lost[worst] > RETRIES:
            raise CatalystError(
                f"task {worst + 1} of {len(items)} lost its worker process {lost[worst]} times, "
                "as one does that the system kills for want of memory; use fewer workers, or a "
                "shorter span"
            )
        waiting += sorted(broken, reverse=True)


def _run_until_broken(
    task: Callable[[T], R],
    items: Sequence[T],
    done: Callable[[int, R], None],
    pool: ProcessPoolExecutor,
    count: int,
    waiting: list[int],
) -> list[int]:
    """Run what waits; return the places of those that were running when a worker was lost."""
    from joblib.externals.loky.process_executor import BrokenProcessPool, ShutdownExecutorError

    running: dict[Future[R], int] = {}
    broken: list[int] = []
    try:
        while (waiting and not broken) or running:
            try:
                while waiting and not broken and len(running) < count:
                    running[pool.submit(task, items[waiting[-1]])] = waiting[-1]
                    waiting.pop()
            except (BrokenProcessPool, ShutdownExecutorError):
                broken += running.values()
                return broken
            ended, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in ended:
                place = running.pop(future)
                if isinstance(future.exception(), BrokenProcessPool):
                    broken.append(place)
                else:
                    done(place, future.result())
    finally:
        pool.shutdown(wait=True, kill_workers=True)
    return broken


def _pool(count: int, scratch: str) -> ProcessPoolExecutor:
    from joblib.externals.loky.backend import get_context
    from joblib.externals.loky.process_executor import ProcessPoolExecutor

    threads = str(max(1, cores() // count))
    environment = dict.fromkeys(_THREADS, threads) | {"TMPDIR": scratch}
    return ProcessPoolExecutor(
        max_workers=count,
        context=get_context("loky"),
        initializer=_begin_worker,
        initargs=(os.getpid(),),
        env=environment,
    )


def _begin_worker(parent: int) -> None:
    # A terminal's Ctrl-C reaches the workers, too; it is their parent that ends them.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    """End this process when its parent is gone: killed, it could not say so."""
    while os.getppid() == parent:
        time.sleep(_WATCH_S)
    os._exit(1)


def cores() -> int:
    """Return how many cores this process may use."""
    from joblib import cpu_count

    return int(cpu_count())
