"""Vendors opened on the local server, and pulls of them in one call."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from pathlib import Path

from vendor_server import KEY, SECRET, VendorServer

from catalyst.data.calendar import SECOND_NS
from catalyst.data.vendors.alpaca import Alpaca
from catalyst.data.vendors.chunks import midnight_ns, span_of
from catalyst.data.vendors.patience import Patience
from catalyst.data.vendors.protocol import Chunk, Limits, Request, Vendor
from catalyst.data.vendors.pull import PullReport, pull
from catalyst.data.vendors.rate_limit import Bucket
from catalyst.data.vendors.yahoo import Yahoo

#: Wide enough not to be felt.
WIDE = Limits(per_minute=100_000, burst=50_000)
TODAY = dt.date(2024, 6, 10)
NOON_NS = midnight_ns(TODAY) + 12 * 3_600 * SECOND_NS


@dataclass
class Watch:
    """Keep what a vendor told of its requests, and what a pull showed."""

    requests: int = 0
    whys: list[str] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)
    chunks: list[Chunk] = field(default_factory=list)

    def requested(self) -> None:
        self.requests += 1

    def retried(self, why: str) -> None:
        self.whys.append(why)

    def waiting(self, seconds: float, why: str) -> None:
        pass

    def planned(self, chunks: int) -> None:
        pass

    def began(self, chunk: Chunk) -> None:
        self.chunks.append(chunk)

    def paged(self, rows: int) -> None:
        pass

    def ended(self, chunk: Chunk) -> None:
        pass


def patient(vendor: str, watch: Watch, folder: Path, *, now_s: float = 1.8e9) -> Patience:
    """Wait in no time, and write down for how long it would have been."""
    bucket = Bucket(folder / f"rate-{vendor}.json", WIDE, sleep=lambda _: None)
    return Patience(vendor, bucket, watch, clock=lambda: now_s, sleep=watch.slept.append)


def alpaca(server: VendorServer, watch: Watch, folder: Path, *, secret: str = SECRET) -> Alpaca:
    return Alpaca(KEY, secret, server.url, patient("alpaca", watch, folder), lambda: NOON_NS)


def yahoo(server: VendorServer, watch: Watch, folder: Path, *, now_ns: int = NOON_NS) -> Yahoo:
    patience = patient("yfinance", watch, folder)
    return Yahoo(patience, folder / "yfinance", server.url, lambda: now_ns)


def asked(
    *tables: str,
    symbols: tuple[str, ...] = ("AAA", "BBB"),
    first: dt.date = dt.date(2024, 4, 22),
    last: dt.date = dt.date(2024, 5, 10),
    timeframe: str = "1m",
    feed: str = "sip",
) -> Request:
    return Request(tables, symbols, span_of(first, last), timeframe, feed)


def pulled(
    lake: Path,
    vendor: Vendor,
    request: Request,
    watch: Watch,
    *,
    now_ns: int = NOON_NS,
    refresh: bool = False,
) -> PullReport:
    return pull(lake, vendor, request, now_ns=lambda: now_ns, screen=watch, refresh=refresh)


def bytes_of(lake: Path) -> dict[str, bytes]:
    """Read every file of a lake's tables and quarantine; what was pulled apart."""
    return {
        str(path.relative_to(lake)): path.read_bytes()
        for path in sorted(lake.rglob("*.parquet"))
        if not path.relative_to(lake).parts[0].startswith(".")
    }
