"""What a feed missed, asked for over REST with alpaca-py: bars and articles of a span."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# Two threads that import it at the same moment find half of it, so it is imported here.
import alpaca.data.historical  # noqa: F401

from catalyst.data.vendors.alpaca import LIMITS, NAME, Alpaca
from catalyst.data.vendors.patience import Patience
from catalyst.data.vendors.protocol import Chunk, Limits, Request, Span
from catalyst.data.vendors.rate_limit import Bucket, fingerprint
from catalyst.errors import VendorError
from catalyst.live.bar_slots import Values
from catalyst.live.market_source import MarketSource

_SYMBOLS_A_REQUEST = 200
# A paper exchange counts requests by its own time, and says no itself.
_HERE = Limits(per_minute=600_000, burst=100_000)


@dataclass(frozen=True)
class _Retries:
    # A question that has to be asked again is a failing source before it is given up.
    failing: Callable[[str], None]

    def requested(self) -> None:
        pass

    def retried(self, why: str) -> None:
        self.failing(why)

    def waiting(self, seconds: float, why: str) -> None:
        pass


@dataclass
class Backfill:
    """Ask Alpaca's data API, or a paper exchange's, for what was missed. Every call blocks.

    Parameters
    ----------
    source
        Where it is, with the account's keys.
    state
        Folder of the rate limit that all processes with one key share.
    failing
        Told why a request has to be sent again, from another thread; may be set later.
    """

    source: MarketSource
    state: Path
    failing: Callable[[str], None] = field(default=lambda _: None, repr=False)
    _vendor: Alpaca = field(init=False, repr=False)

    name = NAME

    def __post_init__(self) -> None:
        key = self.source.key
        limits = _HERE if self.source.is_here else LIMITS
        bucket = Bucket(self.state / f"rate-{NAME}-{fingerprint(key)}.json", limits)
        patience = Patience("alpaca", bucket, _Retries(self._retried))
        self._vendor = Alpaca(key, self.source.secret, self.source.rest_url, patience)

    def _retried(self, why: str) -> None:
        self.failing(why)

    def bars(
        self, symbols: Sequence[str], span: Span, *, timeframe: str
    ) -> Iterator[tuple[str, int, Values]]:
        """Yield symbol, start (ns UTC) and values of the bars that start in a span.

        Raises
        ------
        VendorError, InputError
            If Alpaca doesn't answer, or refuses.
        """
        names = tuple(sorted(symbols))
        for start in range(0, len(names), _SYMBOLS_A_REQUEST):
            some = names[start : start + _SYMBOLS_A_REQUEST]
            request = Request(("bars",), some, span, timeframe, self.source.feed)
            for page in self._vendor.fetch(request, Chunk("bars", some, span)):
                frame = page.frame
                if not frame.height:
                    continue
                if not frame["ts"].dtype.is_temporal():
                    raise VendorError("alpaca's bars have times of an unknown form")
                starts = frame["ts"].dt.timestamp("ns").to_list()
                values = frame.select("open", "high", "low", "close", "volume").rows()
                yield from zip(frame["symbol"].to_list(), starts, values, strict=True)

    def articles(self, span: Span) -> Iterator[Mapping[str, Any]]:
        """Yield the articles of a span, whatever their symbols, as Alpaca's REST tells them.

        Raises
        ------
        VendorError, InputError
            If Alpaca doesn't answer, or refuses.
        """
        request = Request(("news",), (), span, "1m", self.source.feed)
        for page in self._vendor.fetch(request, Chunk("news", (), span)):
            if page.raw is not None:
                for text in page.raw:
                    yield json.loads(text)
