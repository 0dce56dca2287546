"""The risk gate and the size of an entry (section 8)."""

from __future__ import annotations

import math
from typing import Any

from reference.account import Account
from reference.look import flatten_at
from reference.prices import on_tick
from reference.sessions import MINUTE_NS, Session
from reference.signals import Signal

Refusal = tuple[str, float, float]


def entry_limit(signal: Signal, bps: float) -> float:
    """Return the limit of an entry: down to the tick when buying, up when selling."""
    return on_tick(signal.entry * (1.0 + signal.side * bps / 10_000.0), up=signal.side < 0)


def no_entry_time(account: Account, asof: int, session: Session) -> Refusal | None:
    """Refuse an entry in the minutes before the flatten and after it."""
    rules = account.numbers["orders"]
    if account.market.daily or not rules["flatten_at_close"]:
        return None
    at = flatten_at(session, account.market.base_ns, rules["flatten_before_close_min"])
    before_min = account.numbers["risk"]["no_entry_before_flatten_min"]
    minutes_left = (at - asof) / MINUTE_NS
    if minutes_left <= before_min:
        return "no_entry_time", minutes_left, float(before_min)
    return None


def refusal(account: Account, signal: Signal, *, asof: int, session: Session) -> Refusal | None:
    """Return the first rule that refuses an entry, with value and threshold, or None."""
    risk = account.numbers["risk"]
    if signal.side < 0 and not risk["allow_short"]:
        return "allow_short", 0.0, 1.0
    n_open = len(account.open)
    if n_open >= risk["max_positions"]:
        return "max_positions", float(n_open), float(risk["max_positions"])
    if signal.symbol in account.open:
        return "one_per_symbol", 1.0, 1.0
    if account.entries_today >= risk["max_entries"]:
        return "max_entries", float(account.entries_today), float(risk["max_entries"])
    if account.loss_seen:
        return "daily_loss", account.loss_value, -risk["daily_loss_frac"]
    if signal.pattern_key is not None and signal.pattern_key in account.used:
        return "pattern_used", 1.0, 1.0
    if signal.symbol in account.stopped_today:
        return "stopped_out", 1.0, 1.0
    return no_entry_time(account, asof, session)


def size(
    account: Account, signal: Signal, *, limit: float, equity_usd: float, cap: float, asof: int
) -> int:
    """Return how many shares an entry may have; 0 is a refusal."""
    risk: dict[str, Any] = account.numbers["risk"]
    free_usd = equity_usd - account.exposure_usd(asof) - account.working_usd()
    quantity = math.floor(min(cap * signal.band * equity_usd, free_usd) / limit)
    bars = account.market.last_bars(signal.symbol, asof, risk["participation_bars"])
    usual = sum(bar.volume for bar in bars) / len(bars)
    most = math.floor(risk["participation"] * usual)
    return int(max(0, min(quantity, most)))
