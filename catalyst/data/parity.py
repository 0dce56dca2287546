"""What parity found: whether live decided what replay decides, and each gap in micro-dollars.

The profit of a session is equity at its end minus equity before it, both at the strategy's marks.
One course of the session changes one thing after another, so that the gaps sum exactly:

==================  ==================  ====================================  ==================
course              inputs              fills                                 instants
==================  ==================  ====================================  ==================
live                as they arrived     the broker's                          those not missed
own                 what live saw       the journal's                         those not missed
vendor              the vendor's lake   the journal's where orders are equal  those not missed
modelled            the vendor's lake   the fill model's                      those not missed
backtest            the vendor's lake   the fill model's                      all
==================  ==================  ====================================  ==================
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from catalyst.errors import ConservationError
from catalyst.strategy.decisions import Fill
from catalyst.strategy.money import notional_micro
from catalyst.strategy.portfolio import PortfolioState

CAUSES = ("own_inputs", "data", "fills", "missed")
"""What makes live and the backtest differ, in the order of the courses."""

REST = ""
"""The symbol of cash that no fill and no corporate action explains."""


@dataclass(frozen=True)
class Course:
    """Hold what one course of a session made, by symbol.

    Attributes
    ----------
    by_symbol
        Micro-dollars of profit; symbols that made none are left out.
    trades
        Shares bought and sold by symbol.
    """

    by_symbol: Mapping[str, int] = field(default_factory=dict)
    trades: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def micro(self) -> int:
        """Return the profit of the session, micro-dollars."""
        return sum(self.by_symbol.values())


@dataclass(frozen=True)
class Parity:
    """Hold what parity found of one session.

    Attributes
    ----------
    identical
        Whether every decision and every state after it is the same to the bit.
    decisions
        How many were compared.
    first_difference
        In words; empty if there is none.
    decision_digest, replayed_digest
        64 hexadecimal digits over the journal's decisions, and over the replay's.
    courses
        By name: ``live``, ``own`` and, as far as they could be run, ``vendor``, ``modelled``,
        ``backtest``.
    own_digest, vendor_digest
        Of the two lakes, 64 hexadecimal digits; empty where there is none.
    unjudged
        Why ``data`` has no gap; empty if it has.
    n_fills
        Fills that live's decisions were given.
    missed
        Instants at which live decided nothing, and the backtest does.
    """

    identical: bool
    decisions: int
    first_difference: str
    decision_digest: str
    replayed_digest: str
    courses: Mapping[str, Course]
    own_digest: str
    vendor_digest: str
    unjudged: str
    n_fills: int
    missed: int

    @property
    def gaps(self) -> dict[str, int | None]:
        """Return each cause's part of live minus backtest, micro-dollars; None where unjudged."""
        return {cause: None if pair is None else _gap(pair) for cause, pair in self._pairs.items()}

    @property
    def total_micro(self) -> int:
        """Return the profit of live minus that of the backtest, micro-dollars."""
        return self.courses["live"].micro - self.courses["backtest"].micro

    @property
    def by_symbol(self) -> dict[str, dict[str, int]]:
        """Return the symbols in which the courses differ, with each cause's part, micro-dollars."""
        out: dict[str, dict[str, int]] = {}
        for cause, pair in self._pairs.items():
            if pair is None:
                continue
            first, second = (one.by_symbol for one in pair)
            for symbol in sorted(first.keys() | second.keys()):
                gap = first.get(symbol, 0) - second.get(symbol, 0)
                if gap:
                    out.setdefault(symbol, dict.fromkeys(CAUSES, 0))[cause] = gap
        return dict(sorted(out.items()))

    @property
    def _pairs(self) -> dict[str, tuple[Course, Course] | None]:
        c = self.courses
        # Without a vendor's lake the fill model is held against the journal on live's own inputs.
        base = c.get("vendor", c["own"])
        return {
            "own_inputs": (c["live"], c["own"]),
            "data": (c["own"], c["vendor"]) if "vendor" in c else None,
            "fills": (base, c["modelled"]),
            "missed": (c["modelled"], c["backtest"]),
        }


def _gap(pair: tuple[Course, Course]) -> int:
    return pair[0].micro - pair[1].micro


def course(
    names: Sequence[str],
    opening: PortfolioState,
    closing: PortfolioState,
    *,
    fills: Iterable[Fill],
    adjusted: Iterable[tuple[str, int]],
    strict: bool = True,
) -> Course:
    """Return what a session made, by symbol.

    Parameters
    ----------
    names
        The symbol table of states and fills.
    opening, closing
        The states before and after.
    fills
        All that were booked in between.
    adjusted
        Symbol and micro-dollars of what corporate actions paid.
    strict
        Whether cash that nothing explains is an error, or stands under `REST`.

    Raises
    ------
    ConservationError
        If fills and corporate actions don't explain the cash.
    """
    made: dict[str, int] = {}
    trades: dict[str, tuple[int, int]] = {}
    for fill in fills:
        name = names[fill.symbol]
        cash = -fill.side * notional_micro(fill.price, fill.quantity) - fill.fee_micro
        made[name] = made.get(name, 0) + cash
        bought, sold = trades.get(name, (0, 0))
        own = (fill.quantity, 0) if fill.side > 0 else (0, fill.quantity)
        trades[name] = (bought + own[0], sold + own[1])
    for name, cash in adjusted:
        made[name] = made.get(name, 0) + cash
    rest = closing.cash_micro - opening.cash_micro - sum(made.values())
    if rest and strict:
        raise ConservationError(
            f"cash changed by {rest} micro-dollars in a session that neither fills nor corporate "
            "actions explain; this is a bug"
        )
    for state, sign in ((opening, -1), (closing, 1)):
        for name, value in _positions(state, names).items():
            made[name] = made.get(name, 0) + sign * value
    if rest:
        made[REST] = rest
    return Course({k: v for k, v in sorted(made.items()) if v}, dict(sorted(trades.items())))


def _positions(state: PortfolioState, names: Sequence[str]) -> dict[str, int]:
    # As `PortfolioState.positions_micro` counts, entry by entry.
    marks = dict(state.marks)
    out: dict[str, int] = {}
    for e in state.entries:
        if e.held:
            value = round(e.side * e.held * marks[e.symbol] * 1e6)
            out[names[e.symbol]] = out.get(names[e.symbol], 0) + value
    return out


def usd(micro: int | None) -> str | None:
    """Write micro-dollars as exact decimal text in USD, such as ``-1.250000``."""
    if micro is None:
        return None
    whole, part = divmod(abs(micro), 1_000_000)
    return f"{'-' if micro < 0 else ''}{whole}.{part:06d}"


def parity_json(found: Parity) -> dict[str, Any]:
    """Return what parity found as JSON values; dollars are decimal text."""
    live = found.courses["live"].trades
    backtest = found.courses["backtest"].trades
    return {
        "identical": found.identical,
        "decisions": found.decisions,
        "first_difference": found.first_difference or None,
        "gap_usd": {cause: usd(micro) for cause, micro in found.gaps.items()},
        "total_gap_usd": usd(found.total_micro),
        "pnl_usd": {name: usd(one.micro) for name, one in found.courses.items()},
        "symbols": [
            {
                "symbol": symbol or "(no symbol)",
                "gap_usd": {cause: usd(micro) for cause, micro in gaps.items()},
                "live_shares": list(live.get(symbol, (0, 0))),
                "backtest_shares": list(backtest.get(symbol, (0, 0))),
            }
            for symbol, gaps in found.by_symbol.items()
        ],
        "unjudged": found.unjudged or None,
        "fills": found.n_fills,
        "missed_instants": found.missed,
        "decision_digest": found.decision_digest,
        "replayed_digest": found.replayed_digest,
        "own_data_digest": found.own_digest,
        "vendor_data_digest": found.vendor_digest or None,
    }
