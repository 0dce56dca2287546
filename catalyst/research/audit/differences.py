"""What differs between two things seen at one instant, to the bit, and where first."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from catalyst.data.codec import digest
from catalyst.strategy.clock import MINUTE_NS
from catalyst.strategy.decisions import Decision, Fill
from catalyst.strategy.values import BarPanel, Indices, MarketView, Survey

_NEW_YORK = ZoneInfo("America/New_York")
_PANEL = tuple(f.name for f in fields(BarPanel) if f.name not in {"count", "ts_ns"})
_OF_SURVEY = (
    "member", "price", "previous_close", "rvol", "rvol_sessions", "n_sessions", "n_bars",
    "mean_volume", "mean_dollars", "session_close",
)  # fmt: skip


@dataclass(frozen=True)
class Difference:
    """Name the first difference: the symbol (empty for none), what it is of, and both values."""

    symbol: str
    what: str
    was: str
    became: str


def of_survey(
    was: Survey, became: Survey, names: Sequence[str], *, tolerance: float = 0.0
) -> Difference | None:
    """Compare two surveys; None if they are equal, to the bit or to a relative tolerance."""
    for name in _OF_SURVEY:
        a, b = getattr(was, name), getattr(became, name)
        if (at := _first(a, b, tolerance)) is not None:
            return Difference(_name(names, at[:1]), name, _value(a, at), _value(b, at))
    if (was.asof_ns, was.news_after_ns) != (became.asof_ns, became.news_after_ns):
        return Difference("", "asof", clock(was.asof_ns), clock(became.asof_ns))
    for column in fields(was.news):
        a, b = getattr(was.news, column.name), getattr(became.news, column.name)
        if (at := _first(a, b, tolerance)) is not None:
            rows = was.news if at[0] < len(was.news.symbol) else became.news
            symbol = int(rows.symbol[at[0]]) if at[0] < len(rows.symbol) else -1
            what = f"news of article {int(rows.news_id[at[0]]):016x}: {column.name}"
            if len(a) != len(b):
                what = f"number of articles, from {what.removeprefix('news of ')} on"
                return Difference(_name(names, (symbol,)), what, str(len(a)), str(len(b)))
            return Difference(_name(names, (symbol,)), what, _value(a, at), _value(b, at))
    return None


def of_view(was: MarketView, became: MarketView, *, tolerance: float = 0.0) -> Difference | None:
    """Compare two views but for their surveys; None if they are equal, as in `of_survey`."""
    names = was.names
    if (at := _first(was.symbols, became.symbols)) is not None:
        return Difference(
            _name(names, (int(was.symbols[at[0]]),) if at[0] < len(was.symbols) else ()),
            "symbols that are looked at",
            str([names[i] for i in was.symbols.tolist()]),
            str([names[i] for i in became.symbols.tolist()]),
        )
    found = _of_panel(was.base, became.base, (names, was.symbols), "bars", tolerance)
    for k, (a, b) in enumerate(zip(was.frames, became.frames, strict=False)):
        label = f"{was.frame_ns[k] // MINUTE_NS}-minute bars"
        found = found or _of_panel(a, b, (names, was.symbols), label, tolerance)
    for name in ("frame_ns", "frame_slot_ns", "state", "scan", "choose", "asof_ns", "names"):
        a, b = getattr(was, name), getattr(became, name)
        if found is None and a != b:
            found = Difference("", name, str(a), str(b))
    return found


def _of_panel(
    was: BarPanel,
    became: BarPanel,
    of: tuple[Sequence[str], Indices],
    label: str,
    tolerance: float,
) -> Difference | None:
    names, symbols = of
    if was.count.tobytes() == became.count.tobytes() and was.ts_ns.shape == became.ts_ns.shape:
        # What lies behind the count is undefined.
        there = np.arange(was.ts_ns.shape[1]) < was.count[:, None]
    else:
        at = _first(was.count, became.count) or (0,)
        what = f"number of {label}"
        return Difference(
            _name(names, symbols[at[0] : at[0] + 1]),
            what,
            _value(was.count, at),
            _value(became.count, at),
        )
    stamps = _first(np.where(there, was.ts_ns, 0), np.where(there, became.ts_ns, 0))
    if stamps is not None:
        return Difference(
            _name(names, symbols[stamps[0] : stamps[0] + 1]),
            f"start of one of the {label}",
            clock(int(was.ts_ns[stamps])),
            clock(int(became.ts_ns[stamps])),
        )
    for name in _PANEL:
        a, b = getattr(was, name), getattr(became, name)
        at_ = _first(np.where(there, a, 0.0), np.where(there, b, 0.0), tolerance)
        if at_ is not None:
            row = symbols[at_[0] : at_[0] + 1]
            what = f"{name} of the {label} at {clock(int(was.ts_ns[at_]))}"
            return Difference(_name(names, row), what, _value(a, at_), _value(b, at_))
    return None


def of_fills(
    was: Sequence[Fill], became: Sequence[Fill], names: Sequence[str]
) -> Difference | None:
    """Compare fills; None if they are equal to the bit."""
    for k in range(max(len(was), len(became))):
        a = was[k] if k < len(was) else None
        b = became[k] if k < len(became) else None
        if repr(a) != repr(b):
            one = a or b
            symbol = names[one.symbol] if one else ""
            return Difference(symbol, "fill", fill_text(a), fill_text(b))
    return None


def fill_text(fill: Fill | None) -> str:
    """Describe a fill in a few words."""
    if fill is None:
        return "none"
    side = "bought" if fill.side > 0 else "sold"
    return f"{side} {fill.quantity} at {fill.price:.4f}, {clock(fill.filled_ns)}"


def of_decision(was: Decision, became: Decision, names: Sequence[str]) -> Difference | None:
    """Compare decisions by their digests; None if they are equal."""
    if digest(was, names) == digest(became, names):
        return None
    if was.screen is not None and became.screen is not None:
        for column in fields(was.screen):
            a, b = getattr(was.screen, column.name), getattr(became.screen, column.name)
            if (at := _first(a, b)) is not None:
                rows = was.screen.symbol if at[0] < len(was.screen.symbol) else became.screen.symbol
                symbol = _name(names, rows[at[0] : at[0] + 1])
                return Difference(symbol, f"funnel: {column.name}", _value(a, at), _value(b, at))
    for kind in ("signals", "patterns", "orders", "cancels"):
        a, b = getattr(was, kind), getattr(became, kind)
        if repr(a) != repr(b):
            return _of_rows(a, b, names, kind.removesuffix("s"))
    return Difference("", "decision", digest(was, names)[:12], digest(became, names)[:12])


def _of_rows(was: Any, became: Any, names: Sequence[str], what: str) -> Difference:  # noqa: ANN401 - tuples of signals, patterns, orders or ids
    if len(was) != len(became):
        return Difference("", f"number of {what}s", str(len(was)), str(len(became)))
    a, b = next((a, b) for a, b in zip(was, became, strict=True) if repr(a) != repr(b))
    if isinstance(a, str):
        return Difference("", what, a, str(b))
    columns = getattr(a, "_fields", None) or [f.name for f in fields(a)]
    name = next(n for n in columns if repr(getattr(a, n)) != repr(getattr(b, n)))
    symbol = names[a.symbol]
    return Difference(symbol, f"{what}: {name}", str(getattr(a, name)), str(getattr(b, name)))


def clock(ns: int) -> str:
    """Write an instant for people: New York time."""
    local = dt.datetime.fromtimestamp(ns / 1e9, _NEW_YORK)
    return f"{local:%Y-%m-%d %H:%M:%S}" if local.second else f"{local:%Y-%m-%d %H:%M}"


def _first(
    was: NDArray[Any], became: NDArray[Any], tolerance: float = 0.0
) -> tuple[int, ...] | None:
    was, became = np.asarray(was), np.asarray(became)
    if was.shape != became.shape:
        if was.ndim == became.ndim == 1:
            n = min(len(was), len(became))
            inner = _first(was[:n], became[:n], tolerance)
            return inner if inner is not None else (n,)
        return (0,)
    if was.dtype == became.dtype and was.tobytes() == became.tobytes():
        return None
    unlike = ~((was == became) | ((was != was) & (became != became)))  # noqa: PLR0124 - NaN
    if tolerance and was.dtype.kind == "f" == became.dtype.kind:
        with np.errstate(invalid="ignore"):
            near = np.abs(was - became) <= tolerance * np.maximum(np.abs(was), np.abs(became))
        unlike &= ~near
    if not unlike.any():
        return None if was.dtype == became.dtype else (0,) * was.ndim
    return tuple(int(axis[0]) for axis in np.nonzero(unlike))


def _name(names: Sequence[str], rows: Any) -> str:  # noqa: ANN401 - a tuple or a short array
    first = int(rows[0]) if len(rows) else -1
    return names[first] if 0 <= first < len(names) else ""


def _value(array: NDArray[Any], at: tuple[int, ...]) -> str:
    array = np.asarray(array)
    if len(at) != array.ndim:
        at = at[: array.ndim] + (0,) * (array.ndim - len(at))
    if any(k >= n for k, n in zip(at, array.shape, strict=True)):
        return "none"
    value = array[at].item()
    return f"{value:.10g}" if isinstance(value, float) else str(value)
