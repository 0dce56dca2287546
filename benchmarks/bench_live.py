"""Time live trading on loopback: from a bar's arrival to an order, a scan, a round trip, an append.

Everything is real: PostgreSQL, a paper exchange in a process of its own on a small simulated
market, its time stepped, and the adapter that trades at Alpaca.
"""

from __future__ import annotations

import asyncio
import functools
import json
import logging
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import polars as pl

if TYPE_CHECKING:
    from catalyst.data.lake import Lake

_ORDERS = 200
_TARGET_MS = 20.0
_SENT_TARGET_MS, _SCAN_TARGET_MS = 50.0, 150.0
# The exchange bears 200 requests in a minute of its time.
_A_MINUTE = 150
_MINUTE_NS = 60 * 10**9
_HISTORY, _SESSIONS = 10, 2
_READ = 200
_ARTICLES = 1000
_BESIDE = ("projections", "heartbeat", "requests")
#: The whole funnel at every scan, and hardly a scan that trades nothing.
_BUSY: dict[str, object] = {
    "catalyst_required": False,
    "catalyst_min": 0,
    "rvol_history": False,
    "rvol_min": 0,
    "volume_min": 0,
    "price_max": 1e6,
    "sessions_min": 1,
    "news_hours": 72,
    "tau_hours": 48,
    "quarter_from": 0,
    "direction_from_catalyst": True,
    "entries_a_day": 100_000,
    "positions_max": 12,
    "cap_frac": 0.02,
    "cap_frac_pre_market": 0.02,
    "daily_loss_frac": 1,
    "time_stop_hours": 0.05,
    "scan_minutes_after_hours": 5,
}


def main() -> None:
    """Print the figures beside their targets."""
    with tempfile.TemporaryDirectory(prefix="catalyst-bench-") as folder:
        root = Path(folder)
        # The database server may be another user, as whom root starts it.
        root.chmod(0o711)
        with exchange(root) as url:
            took_ms = order_round_trip(url, state=root)
        _tell(f"order round trip, {len(took_ms)} bracket orders", took_ms, _TARGET_MS)
        found = trading(root)
    _tell(
        f"bar arrival to first order sent, {found.candidates} candidates, {len(found.sent_ms)} "
        "decisions",
        found.sent_ms,
        _SENT_TARGET_MS,
    )
    _tell(
        f"scan of {found.symbols} symbols and {found.articles} articles or more, "
        f"{len(found.scan_ms)} scans",
        found.scan_ms,
        _SCAN_TARGET_MS,
    )
    _tell(f"journal append, {len(found.append_ms)} transactions", found.append_ms, None)
    _tell(f"article read, {len(found.read_ms)} articles", found.read_ms, None)
    print(f"  {found.cpu_ms:.0f} ms of processor time a scan, projections and cache included")


@dataclass
class Trading:
    """Hold what was measured while two sessions were traded.

    Attributes
    ----------
    sent_ms
        From the last bar that a decision waits for to its first order leaving, of each decision
        that sends one. The grace that late bars are given is not part of it.
    scan_ms
        From the facts, read, to the decision made, of each scan.
    append_ms
        Of each transaction of the journal.
    read_ms
        Of each article, from a message to rows; it is read as it comes, before a bar ends.
    cpu_ms
        Processor time of the whole process, a scan.
    symbols, candidates, articles
        How many were looked at; of the last two, the fewest of any scan.
    """

    sent_ms: list[float] = field(default_factory=list)
    scan_ms: list[float] = field(default_factory=list)
    append_ms: list[float] = field(default_factory=list)
    read_ms: list[float] = field(default_factory=list)
    cpu_ms: float = 0.0
    symbols: int = 0
    candidates: int = 1 << 30
    articles: int = 1 << 30
    _heard: int = 0
    _begun: int = 0
    _deciding: bool = False
    _cpu: list[float] = field(default_factory=list)

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Measure all live trading of this process in the block."""
        from catalyst.live.alpaca_rest import AlpacaRest
        from catalyst.live.bar_stream import BarFeed
        from catalyst.live.journal import Journal
        from catalyst.live.trading_desk import TradingDesk

        take, known, decided = BarFeed.take, TradingDesk._known, TradingDesk.decided  # noqa: SLF001
        append, send = Journal.append, AlpacaRest.send

        @functools.wraps(take)
        def taken(feed: BarFeed, messages: Any) -> None:  # noqa: ANN401
            self._heard = perf_counter_ns()
            take(feed, messages)

        @functools.wraps(known)
        async def was_known(desk: TradingDesk, asof_ns: int) -> Any:  # noqa: ANN401
            self._begun = perf_counter_ns()
            return await known(desk, asof_ns)

        @functools.wraps(decided)
        async def has_decided(desk: TradingDesk, decision: Any, *rest: Any) -> None:  # noqa: ANN401
            if decision.scan:
                self.scan_ms.append((perf_counter_ns() - self._begun) / 1e6)
                self._cpu.append(time.process_time())
                view = desk.view
                assert view is not None  # noqa: S101 - it was just decided on
                self.symbols = len(view.names)
                self.candidates = min(self.candidates, int((decision.screen.stage == 20).sum()))
                self.articles = min(self.articles, len(set(view.survey.news.news_id.tolist())))
            self._deciding = True
            await decided(desk, decision, *rest)
            self._deciding = False
            # Minutes lie between two bars, and what a scan leaves to do is done long before.
            while any(  # noqa: ASYNC110 - threads are no events
                one.name in _BESIDE for one in threading.enumerate()
            ):
                await asyncio.sleep(0.002)

        @functools.wraps(append)
        def appended(journal: Journal, *told: Any, **rest: Any) -> Any:  # noqa: ANN401
            begun = perf_counter_ns()
            out = append(journal, *told, **rest)
            self.append_ms.append((perf_counter_ns() - begun) / 1e6)
            return out

        @functools.wraps(send)
        def sent(rest: AlpacaRest, method: str, path: str, body: dict[str, Any]) -> Any:  # noqa: ANN401
            if self._deciding and method == "POST":
                self._deciding = False
                self.sent_ms.append((perf_counter_ns() - self._heard) / 1e6)
            return send(rest, method, path, body)

        with (
            patch.object(BarFeed, "take", taken),
            patch.object(TradingDesk, "_known", was_known),
            patch.object(TradingDesk, "decided", has_decided),
            patch.object(Journal, "append", appended),
            patch.object(AlpacaRest, "send", sent),
        ):
            yield
        self.cpu_ms = 1000 * (self._cpu[-1] - self._cpu[0]) / max(len(self._cpu) - 1, 1)
        for values in (self.sent_ms, self.scan_ms, self.append_ms):
            values.sort()


def trading(root: Path) -> Trading:
    """Trade two sessions of a market of 100 symbols, and measure it.

    Parameters
    ----------
    root
        Folder for everything; the database's user must be able to pass through it.
    """
    from catalyst import Params
    from catalyst.data.sample import simulate
    from catalyst.data.sample_lake import write_sample
    from catalyst.data.settings import Settings
    from catalyst.live.preparation import session_of
    from catalyst.live.stack import Live, run_live

    sample = simulate(n_symbols=100, n_sessions=_HISTORY + _SESSIONS, bar_minutes=5)
    days = sorted(sample.bars["ts"].dt.date().unique())
    symbols = sorted(sample.bars["symbol"].unique())
    first = session_of(days[-_SESSIONS])
    assert first is not None  # noqa: S101 - it has bars
    is_known = pl.col("collected_at").dt.timestamp("ns") < first.pre_ns
    known, later = sample.news.filter(is_known), sample.news.filter(~is_known)
    lake = write_sample(replace(sample, news=known), root / "many", bar_minutes=5)
    lake.add_news(_articles(symbols, first.pre_ns))
    params = Params.load("spec").replace(**_BUSY)
    # Whatever the environment says: nothing here may reach a real account or another database.
    settings = Settings(
        catalyst_home=root / "home",
        database_url=None,
        redis_url=None,
        alpaca_api_key=None,
        alpaca_secret_key=None,
    )
    live = Live(params, lake, "5m", None, days[-_SESSIONS], _SESSIONS, 0.0, "bench", "iex")
    found = Trading()
    (root / "home").mkdir(mode=0o711)
    logging.disable(logging.WARNING)
    with found.measured():
        run_live(live, settings, tell=_nothing)
    logging.disable(logging.NOTSET)
    found.read_ms = _read(lake, later, first.pre_ns)
    return found


def _articles(symbols: list[str], until_ns: int) -> pl.DataFrame:
    """Publish articles in the night before an instant, one every half minute."""
    published = [until_ns - 10**9 * (5 + 30 * k) for k in range(_ARTICLES)]
    rows = {
        "headline": [f"earnings beat estimates, profit surges: no. {k}" for k in range(_ARTICLES)],
        "symbol": [symbols[k % len(symbols)] for k in range(_ARTICLES)],
        "source": ["Reuters"] * _ARTICLES,
        "published_at": published,
        "collected_at": published,
    }
    instant = pl.Datetime("ns", "UTC")
    return pl.DataFrame(rows).with_columns(pl.col("published_at", "collected_at").cast(instant))


def _read(lake: Lake, news: pl.DataFrame, begin_ns: int) -> list[float]:
    """Read articles one by one, as a stream brings them."""
    from catalyst.live.news_reader import NewsReader, Report

    reader, took = NewsReader(lake, begin_ns), []
    reader.warm()
    for row in news.sort("collected_at").head(_READ).iter_rows(named=True):
        known_ns = max(int(row["collected_at"].timestamp() * 1e9), reader.latest_ns + 1)
        article = {name: row[name] for name in ("headline", "source", "author", "url", "symbols")}
        article["created_at"] = row["published_at"].isoformat()
        begun = perf_counter_ns()
        reader.read([Report(known_ns, 0, "synthetic", article)])
        took.append((perf_counter_ns() - begun) / 1e6)
    return sorted(took)


def _nothing(_: str) -> None:
    pass


def order_round_trip(url: str, *, state: Path, orders: int = _ORDERS) -> list[float]:
    """Return milliseconds from the call to the broker's answer, ascending.

    Parameters
    ----------
    url
        Of a paper exchange whose time is stepped.
    state
        Folder for the adapter's own files.
    """
    import requests

    from catalyst.data.settings import Settings
    from catalyst.live.alpaca_broker import opened
    from catalyst.live.endpoint import Keys, parse_endpoint
    from catalyst.strategy.tickets import OrderRequest

    keys = Keys("round-trip", "any")
    headers = {"APCA-API-KEY-ID": keys.key, "APCA-API-SECRET-KEY": keys.secret}

    def step(to_ns: int) -> None:
        body = {"to_ns": to_ns}
        requests.post(f"{url}/catalyst/clock", json=body, headers=headers, timeout=30)

    now_ns = requests.get(f"{url}/catalyst/clock", headers=headers, timeout=30).json()["open_ns"]
    step(now_ns)
    symbol = requests.get(f"{url}/v2/assets", headers=headers, timeout=30).json()[0]["symbol"]
    broker = opened(
        Settings(catalyst_home=state), endpoint=parse_endpoint(url), keys=keys, speed=0.0
    )
    took = []
    for number in range(orders):
        if number % _A_MINUTE == 0:
            now_ns += _MINUTE_NS
            step(now_ns)
        request = OrderRequest(
            f"round-trip-{number}",
            symbol,
            "buy",
            "1",
            "limit",
            "day",
            limit_price="1.00",
            order_class="bracket",
            take_profit_limit="2.00",
            stop_loss_stop="0.50",
        )
        begun = perf_counter_ns()
        broker.submit(request)
        took.append((perf_counter_ns() - begun) / 1e6)
    return sorted(took)


@contextmanager
def exchange(root: Path) -> Iterator[str]:
    """Start a stepped paper exchange on a small simulated market; give its address."""
    from catalyst.data.sample import simulate
    from catalyst.data.sample_lake import write_sample

    lake = root / "lake"
    write_sample(simulate(n_symbols=20, n_sessions=10, bar_minutes=5), lake, bar_minutes=5)
    words = ["exchange", "--lake", str(lake), "--port", "0", "--speed", "0", "--json"]
    started = subprocess.Popen(  # noqa: S603 - our own command line
        [sys.executable, "-m", "catalyst", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert started.stdout is not None  # noqa: S101 - it was asked for
        yield str(json.loads(started.stdout.readline())["url"])
    finally:
        started.send_signal(signal.SIGTERM)
        started.wait(timeout=30)


def _tell(what: str, ascending: list[float], target_ms: float | None) -> None:
    p50, p99 = (_percentile(ascending, percent) for percent in (50, 99))
    target = "" if target_ms is None else f" (target: p99 under {target_ms:.0f} ms)"
    print(f"{what}: p50 {p50:.1f} ms, p99 {p99:.1f} ms{target}", flush=True)


def _percentile(ascending: list[float], percent: int) -> float:
    return ascending[min(len(ascending) * percent // 100, len(ascending) - 1)]


if __name__ == "__main__":
    main()
