"""Redis as a cache that may be lost at any moment: a miss is the worst it can answer.

Calls run on a thread of the cache's own: the client waits five seconds for a mute server, a trading
cycle doesn't. Writes return at once; reads wait for their answer for `patience_s` at most. After a
failure the server is left alone for a pause that grows, and what is asked meanwhile is a miss.

Invalidations that came while it was away are lost with it. So its owner, the process that writes,
clears every key of ours before it uses a server that it finds again: what is stale is never served.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeVar

from pydantic import SecretStr
from redis import Redis
from redis.exceptions import AuthenticationError, RedisError, ResponseError

from catalyst.errors import ServiceError
from catalyst.live import cache_keys as keys
from catalyst.live.valkey import redis_client

_LOG = logging.getLogger(__name__)
_PATIENCE_S = 0.03
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 30.0
# Writes that wait; of more, the server is too slow to be of use.
_MOST_WAITING = 1_000
_SCAN_COUNT = 500
_FAILURES = (RedisError, OSError, ServiceError)

T = TypeVar("T")
Client = Redis
Job = Callable[[Client], Any]


@dataclass(frozen=True)
class CacheStats:
    """Hold how the cache does.

    Attributes
    ----------
    hits, misses
        Of this process's reads.
    hit_rate
        Fraction, None before the first read.
    memory_bytes, keys
        Of the server; None while it doesn't answer.
    """

    healthy: bool
    trouble: str
    hits: int
    misses: int
    hit_rate: float | None
    memory_bytes: int | None
    keys: int | None


class Cache:
    """Hold one server's cache; nothing here raises for a server that is dead, mute or hostile.

    Parameters
    ----------
    url
        Of the server; without one every read is a miss.
    owner
        Whether this is the process that writes; see the module's text.
    patience_s
        How long a read may take, s.
    absent
        Why there is no address, where that is known.
    """

    def __init__(
        self,
        url: SecretStr | None,
        *,
        owner: bool = False,
        patience_s: float = _PATIENCE_S,
        absent: str = "",
    ) -> None:
        self._client: Client | None = None if url is None else redis_client(url)
        self._owner = owner
        self._patience_s = patience_s
        self._jobs: queue.Queue[_Asked | None] = queue.Queue(_MOST_WAITING)
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._late: _Asked | None = None
        self._ready = False
        self._trouble = "" if url is not None else absent or "no Redis is configured"
        self._rest_until = 0.0
        self._pause_s = _FIRST_PAUSE_S
        self._hits = self._misses = 0

    @property
    def healthy(self) -> bool:
        """Tell whether the last thing asked of the server was done."""
        return not self._trouble

    @property
    def trouble(self) -> str:
        """Say why the server is not used, empty if it is; never with its address or password."""
        return self._trouble

    def get(self, key: str) -> Any | None:  # noqa: ANN401 - whatever JSON was put there
        """Give the value of a key; None for a miss."""
        return self._counted(self._read(lambda client: _loaded(client, key)))

    def members(self, key: str) -> frozenset[str]:
        """Give the members of a set; none for a miss."""
        found = self._read(lambda client: frozenset(map(str, client.smembers(key))))
        return self._counted(found or None) or frozenset()

    def put(self, key: str, value: Any, *, lifetime_s: int) -> None:  # noqa: ANN401 - JSON
        """Keep a JSON value for some seconds."""
        text = dumped(value)
        self._write(lambda client: client.set(key, text, ex=lifetime_s))

    def add(self, key: str, members: Iterable[str], *, lifetime_s: int) -> None:
        """Add to a set, and keep the whole of it for some seconds more."""
        added = tuple(members)

        def job(client: Client) -> None:
            together = client.pipeline()
            together.sadd(key, *added)
            together.expire(key, lifetime_s)
            together.execute()

        if added:
            self._write(job)

    def forget(self, *names: str) -> None:
        """Delete keys by name."""
        if names:
            self._write(lambda client: client.unlink(*names))

    def forget_symbol(self, symbol: str) -> None:
        """Delete exactly the keys of a symbol."""
        single = (keys.sentiment_key(symbol), keys.news_of_symbol_key(symbol))
        self._write(lambda client: _forget_detections(client, symbol, *single))

    def forget_trade(self, symbol: str) -> None:
        """Delete what a trade in a symbol makes old: its indicators, patterns, who is untraded."""
        self._write(lambda client: _forget_detections(client, symbol, keys.ACTIVE_CANDIDATES))

    def forget_matching(self, pattern: str) -> None:
        """Delete the keys that match a pattern of SCAN."""
        self._write(lambda client: _forget_found(client, pattern, lambda _: True))

    def stats(self) -> CacheStats:
        """Count reads of this process, and memory and keys of the server."""
        asked = self._read(
            lambda client: (int(client.info("memory")["used_memory"]), int(client.dbsize()))
        )
        memory, n_keys = asked or (None, None)
        reads = self._hits + self._misses
        rate = self._hits / reads if reads else None
        return CacheStats(
            self.healthy, self.trouble, self._hits, self._misses, rate, memory, n_keys
        )

    def check(self, timeout_s: float) -> bool:
        """Ask the server for a sign of life, and wait for it; the writes before it are done."""
        if self._client is None:
            return False
        asked = _Asked(lambda client: client.ping())
        return self._enqueue(asked) and asked.done.wait(timeout_s) and asked.answer is not None

    def close(self) -> None:
        """Do the writes that wait, if that is quick, and let go of the server."""
        if self._thread is not None:
            self.check(self._patience_s)
            try:
                self._jobs.put_nowait(None)
            except queue.Full:
                return
            self._thread.join(self._patience_s)

    # --- the caller's side -------------------------------------------------------------------

    def _counted(self, found: T | None) -> T | None:
        if found is None:
            self._misses += 1
        else:
            self._hits += 1
        return found

    def _read(self, job: Callable[[Client], T | None]) -> T | None:
        # Behind an answer that is overdue nobody waits a second time.
        if self._late is not None and not self._late.done.is_set():
            return None
        asked = _Asked(job)
        if not self._enqueue(asked):
            return None
        if not asked.done.wait(self._patience_s):
            self._late = asked
            return None
        answer: T | None = asked.answer
        return answer

    def _write(self, job: Job) -> None:
        self._enqueue(_Asked(job))

    def _enqueue(self, asked: _Asked) -> bool:
        if self._client is None:
            return False
        if time.monotonic() < self._rest_until:
            return False
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="cache", daemon=True)
                self._thread.start()
        try:
            self._jobs.put_nowait(asked)
        except queue.Full:
            self._fail("it is too slow")
            return False
        return True

    # --- the thread's side -------------------------------------------------------------------

    def _work(self) -> None:
        client = self._client
        if client is None:
            return
        try:
            while (asked := self._jobs.get()) is not None:
                self._do(client, asked)
        finally:
            client.close()
            self._rest_until = float("inf")

    def _do(self, client: Client, asked: _Asked) -> None:
        # What queued up behind a failure shares it, or a mute server would be waited for each time.
        if time.monotonic() < self._rest_until:
            asked.done.set()
            return
        try:
            if not self._ready:
                client.ping()
                if self._owner:
                    for family in keys.FAMILIES:
                        _forget_found(client, family, lambda _: True)
                self._ready = True
            asked.answer = asked.job(client)
        except _FAILURES as error:
            self._fail(_reason(error))
        else:
            if self._trouble:
                self._trouble = ""
                _LOG.warning("cache_returned")
            self._pause_s = _FIRST_PAUSE_S
        finally:
            asked.done.set()

    def _fail(self, why: str) -> None:
        self._ready = False
        self._rest_until = time.monotonic() + self._pause_s
        self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)
        if not self._trouble:
            _LOG.warning("cache_lost why=%r", why)
        self._trouble = why


class _Asked:
    __slots__ = ("answer", "done", "job")

    def __init__(self, job: Job) -> None:
        self.job = job
        self.done = threading.Event()
        self.answer: Any = None


def dumped(value: object) -> str:
    """Write a value as it lies in the cache: decimals and instants as text."""
    return json.dumps(value, default=_plain, allow_nan=False, sort_keys=True)


def _plain(value: object) -> str:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, dt.date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} can't be kept in the cache")


def _loaded(client: Client, key: str) -> object | None:
    try:
        text = client.get(key)
        return None if text is None else json.loads(str(text))
    except ValueError:
        client.unlink(key)
    except ResponseError as error:
        if not str(error).startswith("WRONGTYPE"):
            raise
        client.unlink(key)
    return None


def _forget_detections(client: Client, symbol: str, *names: str) -> None:
    client.unlink(*names)
    for pattern in keys.symbol_patterns(symbol):
        _forget_found(client, pattern, lambda key: keys.is_of_symbol(key, symbol))


def _forget_found(client: Client, pattern: str, wanted: Callable[[str], bool]) -> None:
    found = [key for key in client.scan_iter(match=pattern, count=_SCAN_COUNT) if wanted(str(key))]
    for at in range(0, len(found), _SCAN_COUNT):
        client.unlink(*found[at : at + _SCAN_COUNT])


def _reason(error: Exception) -> str:
    # In our words: an error of the client may quote the address it was given.
    if isinstance(error, AuthenticationError):
        return "Redis refused the password of REDIS_URL"
    if isinstance(error, ResponseError):
        return f"Redis refused a command ({str(error).partition(' ')[0]})"
    return f"Redis doesn't answer ({type(error).__name__})"
