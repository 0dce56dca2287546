"""Blocking calls in threads that no exit waits for."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def in_thread(work: Callable[[], T], *, name: str) -> T:
    """Do something that blocks, in a thread of its own.

    A call that hangs in a dead connection must not keep a process from ending, as the threads of
    asyncio's own executor do: they are joined at exit.

    Parameters
    ----------
    work
        Called once; what it raises is raised here.
    name
        Of the thread.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if done.done():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        result: T | None = None
        error: BaseException | None = None
        try:
            result = work()
        except BaseException as caught:  # noqa: BLE001 - raised where it is awaited
            error = caught
        try:
            loop.call_soon_threadsafe(settle, result, error)
        except RuntimeError:
            # The loop has ended; nobody waits any more.
            return

    threading.Thread(target=run, name=name, daemon=True).start()
    return await done
