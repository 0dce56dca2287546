"""Tasks on a Dask scheduler, whose workers may be on other machines."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from catalyst.errors import CatalystError, InputError

T = TypeVar("T")
R = TypeVar("R")

_CONNECT_S = 10
_POLL_S = 5
#: Polls without any worker after which the cluster is given up.
_PATIENCE = 12
# numba's threads die under concurrent calls, and a worker of Dask may have several threads.
_ONE_AT_A_TIME = threading.Lock()


def run_on_cluster(
    task: Callable[[T], R],
    items: Sequence[T],
    *,
    done: Callable[[int, R], None],
    address: str,
) -> None:
    """Run a task for each item on the workers of a Dask scheduler.

    Parameters
    ----------
    task, items, done
        As `catalyst.research.tasks.run_tasks` takes them.
    address
        The scheduler's, such as ``tcp://10.0.0.5:8786``.

    Raises
    ------
    InputError
        If Dask is not installed, or there is no such scheduler, or it has no workers.
    CatalystError
        If workers were lost each time, or all are gone.
    """
    try:
        import distributed
    except ImportError:
        raise InputError(
            f"the cluster {address} needs Dask, which is not installed; install "
            "catalyst-trading[cluster]"
        ) from None
    # What the client logs about a lost scheduler is said in one sentence here.
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    with _connected(distributed, address) as client:
        futures = {client.submit(_alone, task, item, pure=False): k for k, item in enumerate(items)}
        try:
            _collect(client, futures, done, address)
        except distributed.KilledWorker:
            raise CatalystError(
                f"a task on {address} lost its worker again and again, as one does that the system "
                "kills for want of memory; give the workers more, or take a shorter span"
            ) from None
        except CancelledError:
            raise CatalystError(
                f"the Dask scheduler at {address} was lost; start it again, and resume"
            ) from None
        finally:
            client.cancel(list(futures), force=True)


def _connected(distributed: Any, address: str) -> Any:  # noqa: ANN401 - untyped, imported when asked for
    try:
        client = distributed.Client(address, timeout=_CONNECT_S, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        raise InputError(
            f"there is no Dask scheduler at {address} ({reason}); expected an address such as "
            "tcp://10.0.0.5:8786, as `dask scheduler` prints it"
        ) from None
    try:
        client.wait_for_workers(1, timeout=_CONNECT_S)
    except TimeoutError:
        client.close()
        raise InputError(
            f"the Dask scheduler at {address} has no workers; start some with "
            f"`dask worker {address} --nthreads 1`"
        ) from None
    return client


def _collect(
    client: Any,  # noqa: ANN401 - see `_connected`
    futures: dict[Any, int],
    done: Callable[[int, R], None],
    address: str,
) -> None:
    ended: SimpleQueue[Any] = SimpleQueue()
    for future in futures:
        future.add_done_callback(ended.put)
    without, left = 0, len(futures)
    while left:
        try:
            future = ended.get(timeout=_POLL_S)
        except Empty:
            without = 0 if client.nthreads() else without + 1
            if without >= _PATIENCE:
                raise CatalystError(
                    f"the Dask scheduler at {address} has lost all its workers; start some with "
                    f"`dask worker {address} --nthreads 1`, and resume"
                ) from None
            continue
        done(futures[future], future.result())
        left -= 1


def _alone(task: Callable[[T], R], item: T) -> R:
    with _ONE_AT_A_TIME:
        return task(item)
