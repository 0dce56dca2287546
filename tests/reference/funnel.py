"""The funnel 50 -> 20 -> 5, with a row for each who is in and each who is not (section 4)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from reference import technical
from reference.bars import Bar
from reference.market import Market
from reference.news import Article, Catalyst, Newsroom, catalyst_of
from reference.presets import Numbers

NAN = math.nan
Row = dict[str, Any]


@dataclass
class Facts:
    """What a scan knows of one symbol."""

    symbol: str
    catalyst: Catalyst
    catalyst_sign: int
    price: float
    mean_volume: float
    mean_dollars: float
    sessions: int
    change: float
    five_days: float
    rvol: float
    rvol_sessions: int
    n_bars: int
    window: list[Bar] = field(repr=False)

    @property
    def side(self) -> int:
        """Return the catalyst's side, a neutral one being long."""
        return -1 if self.catalyst_sign < 0 else 1


class Desk:
    """The market and the news, asked together at one instant."""

    def __init__(self, market: Market, newsroom: Newsroom, numbers: Numbers) -> None:
        self.market = market
        self.newsroom = newsroom
        self.numbers = numbers
        self._asof = -1
        self._facts: dict[str, Facts] = {}

    def articles(self, symbol: str, asof: int) -> list[Article]:
        """Return the articles in the window of section 3."""
        return self.newsroom.window(
            symbol,
            asof=asof,
            calendar=self.market.calendar,
            numbers=self.numbers,
            daily=self.market.daily,
        )

    def facts(self, symbol: str, asof: int) -> Facts:
        """Return the facts of a symbol at `asof`, worked out once a scan."""
        if asof != self._asof:
            self._asof, self._facts = asof, {}
        if symbol not in self._facts:
            self._facts[symbol] = self._work_out(symbol, asof)
        return self._facts[symbol]

    def _work_out(self, symbol: str, asof: int) -> Facts:
        market, numbers = self.market, self.numbers
        catalyst = catalyst_of(self.articles(symbol, asof), asof=asof, numbers=numbers)
        days = market.days_before(symbol, asof)
        window = market.last_bars(symbol, asof, numbers["technical"]["window"])
        price = window[-1].close if window else NAN
        rvol, rvol_sessions = market.relative_volume(symbol, asof)
        return Facts(
            symbol,
            catalyst,
            catalyst.sign(numbers["news"]["neutral_band"]),
            price,
            sum(day.volume for day in days) / len(days) if days else NAN,
            sum(day.dollars for day in days) / len(days) if days else NAN,
            len(days),
            price / days[-1].close - 1.0 if days else NAN,
            price / days[-5].close - 1.0 if len(days) >= 5 else NAN,
            rvol,
            rvol_sessions,
            len(window),
            window,
        )

    def technical(self, facts: Facts, side: int) -> float:
        """Return the technical score for a side; 50 without a full window."""
        if facts.n_bars < self.numbers["technical"]["window_min"]:
            return 50.0
        return technical.technical_score(
            facts.window, five_days=facts.five_days, side=side, numbers=self.numbers
        )


def _row(
    facts: Facts, *, asof: int, stage: int, reason: str, value: float, threshold: float
) -> Row:
    return {
        "decided_at": asof,
        "symbol": facts.symbol,
        "stage": stage,
        "passed": not reason,
        "reason": reason,
        "value": value,
        "threshold": threshold,
        "catalyst_score": facts.catalyst.score,
        "direction": facts.catalyst.direction,
        "price": facts.price,
        "volume": facts.mean_volume,
        "change_frac": facts.change,
        "rvol": facts.rvol,
    }


def _ranked(
    scored: list[tuple[float, Facts]], *, keep: int, asof: int, stage: int, rows: list[Row]
) -> list[str]:
    order = sorted(scored, key=lambda pair: (-pair[0], pair[1].symbol))
    last_admitted = order[keep - 1][0] if len(order) > keep else NAN
    for rank, (score, facts) in enumerate(order):
        kept = rank < keep
        rows.append(
            _row(
                facts,
                asof=asof,
                stage=stage,
                reason="" if kept else "rank",
                value=score,
                threshold=NAN if kept else last_admitted,
            )
        )
    return [facts.symbol for _, facts in order[:keep]]


def choose_active(desk: Desk, asof: int, rows: list[Row]) -> list[str]:
    """Return the 50: the most active tradable symbols with news in the window, best first."""
    screen = desk.numbers["screen"]
    day = desk.market.calendar.sessions[desk.market.calendar.latest(asof)].day
    tradable: list[tuple[float, Facts]] = []
    for symbol in desk.market.symbols:
        facts = desk.facts(symbol, asof)
        if not desk.articles(symbol, asof) and (
            screen["ask_for_catalyst"]
            or not desk.market.is_member(symbol, asof, day)
            or facts.sessions < screen["history_sessions_min"]
        ):
            continue
        if not desk.market.is_member(symbol, asof, day):
            rows.append(
                _row(facts, asof=asof, stage=50, reason="universe", value=0.0, threshold=1.0)
            )
        elif facts.sessions < screen["history_sessions_min"]:
            rows.append(
                _row(
                    facts,
                    asof=asof,
                    stage=50,
                    reason="no_history",
                    value=float(facts.sessions),
                    threshold=float(screen["history_sessions_min"]),
                )
            )
        else:
            tradable.append((facts.mean_dollars, facts))
    return _ranked(tradable, keep=screen["active"], asof=asof, stage=50, rows=rows)


def choose_by_catalyst(desk: Desk, active: list[str], asof: int, rows: list[Row]) -> list[str]:
    """Return the 20: of the active, the highest catalyst scores from the least one on."""
    screen = desk.numbers["screen"]
    scored: list[tuple[float, Facts]] = []
    for symbol in active:
        facts = desk.facts(symbol, asof)
        score = facts.catalyst.score
        if screen["ask_for_catalyst"] and not score >= screen["catalyst_min"]:
            rows.append(
                _row(
                    facts,
                    asof=asof,
                    stage=20,
                    reason="catalyst_score",
                    value=score,
                    threshold=screen["catalyst_min"],
                )
            )
        else:
            scored.append((score, facts))
    return _ranked(scored, keep=screen["catalyst_active"], asof=asof, stage=20, rows=rows)


def _technical_failure(facts: Facts, screen: dict[str, Any]) -> tuple[str, float, float] | None:
    if not facts.price >= screen["price_min"]:
        return "price_min", facts.price, screen["price_min"]
    if facts.price > screen["price_max"]:
        return "price_max", facts.price, screen["price_max"]
    if not facts.mean_volume >= screen["mean_volume_min"]:
        return "mean_volume", facts.mean_volume, screen["mean_volume_min"]
    if facts.rvol_sessions < screen["rvol_sessions_min"]:
        if screen["rvol_history"]:
            return "rvol_history", float(facts.rvol_sessions), float(screen["rvol_sessions_min"])
    elif not facts.rvol >= screen["rvol_min"]:
        return "rvol", facts.rvol, screen["rvol_min"]
    if facts.n_bars < screen["window_min"]:
        return "window", float(facts.n_bars), float(screen["window_min"])
    return None


def choose_candidates(desk: Desk, symbols: list[str], asof: int, rows: list[Row]) -> list[str]:
    """Return the 5: of those that pass technical validation, the highest combined scores."""
    screen = desk.numbers["screen"]
    scored: list[tuple[float, Facts]] = []
    for symbol in symbols:
        facts = desk.facts(symbol, asof)
        failure = _technical_failure(facts, screen)
        if failure is not None:
            reason, value, threshold = failure
            rows.append(
                _row(facts, asof=asof, stage=5, reason=reason, value=value, threshold=threshold)
            )
            continue
        shares = screen["combined"]
        combined = (
            shares["catalyst"] * facts.catalyst.score
            + shares["technical"] * desk.technical(facts, facts.side)
            + shares["volume"] * technical.volume_score(facts.rvol)
        )
        scored.append((combined, facts))
    return _ranked(scored, keep=screen["candidates"], asof=asof, stage=5, rows=rows)
