"""Time live trading on loopback: the round trip of an order to a paper exchange.

The exchange is a process of its own on a small simulated market, its time stepped; orders go
through the adapter that trades at Alpaca.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter_ns

_ORDERS = 200
_TARGET_MS = 20.0
# The exchange bears 200 requests in a minute of its time.
_A_MINUTE = 150
_MINUTE_NS = 60 * 10**9


def main() -> None:
    """Print the figure beside its target."""
    with tempfile.TemporaryDirectory(prefix="catalyst-bench-") as folder:
        root = Path(folder)
        with exchange(root) as url:
            took_ms = order_round_trip(url, state=root)
    print(
        f"order round trip, {len(took_ms)} bracket orders: p50 {_percentile(took_ms, 50):.1f} ms, "
        f"p99 {_percentile(took_ms, 99):.1f} ms (target under {_TARGET_MS:.0f} ms)"
    )


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


def _percentile(ascending: list[float], percent: int) -> float:
    return ascending[min(len(ascending) * percent // 100, len(ascending) - 1)]


if __name__ == "__main__":
    main()
