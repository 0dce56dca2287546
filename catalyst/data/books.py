"""Orders and trades of a run, counted from fills, apart from the strategy's ledger."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from catalyst.strategy.decisions import Fill, Order, Signal
from catalyst.strategy.ids import content_id
from catalyst.strategy.money import MICRO, notional_micro
from catalyst.strategy.portfolio import Adjustment
from catalyst.strategy.reasons import Role


@dataclass
class SentOrder:
    """Hold an order, the shares filled, and the status it ended with ("" while working)."""

    order: Order
    filled: int = 0
    status: str = ""

    def row(self, name: str, *, last: bool) -> tuple[Any, ...]:
        """Return the row of ``orders``; ``last`` says that the run ends here."""
        o = self.order
        status = self.status
        if self.filled and self.filled >= o.quantity:
            status = "filled"
        status = status or ("working" if last else "cancelled")
        return (
            o.order_id,
            o.entry_id,
            o.signal_id,
            name,
            o.side.label,
            o.role.label,
            o.kind.label,
            o.quantity,
            o.limit,
            o.stop,
            o.submitted_ns,
            status,
            self.filled,
            o.parent_id,
            o.replaces_id,
            "",
            math.nan,
            math.nan,
        )


@dataclass
class Trade:
    """Hold one entry's fills as they came from the exchange.

    Attributes
    ----------
    bought, sold
        Shares entered and left, in the shares of today.
    held
        Shares held.
    cost_micro, proceeds_micro, fees_micro, dividends_micro
        Micro-dollars.
    entry_ns, exit_ns
        First fill of the entry and last of the exit, -1 before.
    reasons
        Roles of the exits that filled, in their order.
    """

    signal: Signal
    symbol: int
    side: int
    decided_ns: int
    bought: float = 0.0
    sold: float = 0.0
    held: int = 0
    cost_micro: int = 0
    proceeds_micro: int = 0
    fees_micro: int = 0
    dividends_micro: int = 0
    entry_ns: int = -1
    exit_ns: int = -1
    reasons: list[str] = field(default_factory=list)

    @property
    def pnl_micro(self) -> int:
        """Return proceeds less cost and fees, without dividends; if open, its cash flow."""
        return self.side * (self.proceeds_micro - self.cost_micro) - self.fees_micro

    def fill(self, fill: Fill, role: Role) -> None:
        """Book one fill of an order with this role."""
        value = notional_micro(fill.price, fill.quantity)
        self.fees_micro += fill.fee_micro
        if role is Role.ENTRY:
            self.entry_ns = fill.filled_ns if self.entry_ns < 0 else self.entry_ns
            self.bought += fill.quantity
            self.cost_micro += value
            self.held += fill.quantity
            return
        self.exit_ns = fill.filled_ns
        self.sold += fill.quantity
        self.proceeds_micro += value
        self.held -= fill.quantity
        if role.label not in self.reasons:
            self.reasons.append(role.label)

    def adjust(self, adjustment: Adjustment) -> None:
        """Book a dividend, or a split: a paid fraction counts as sold, reason ``split`` if last."""
        if adjustment.kind != "split":
            self.dividends_micro += adjustment.cash_micro
            return
        ratio, after = adjustment.value, abs(adjustment.quantity_after)
        self.bought *= ratio
        self.sold *= ratio
        if adjustment.cash_micro:
            self.sold += abs(adjustment.quantity_before) * ratio - after
            self.proceeds_micro += abs(adjustment.cash_micro)
            self.exit_ns = adjustment.ts_ns
            if not after:
                self.reasons.append("split")
        self.held = after

    def row(self, entry_id: str, name: str) -> tuple[Any, ...]:
        """Return the row of ``trades``; prices are means by quantity, in today's shares."""
        return (
            content_id("trade", entry_id),
            self.signal.signal_id,
            name,
            "long" if self.side > 0 else "short",
            round(self.bought),
            self.entry_ns,
            self.cost_micro / self.bought / MICRO,
            self.exit_ns,
            self.proceeds_micro / self.sold / MICRO,
            "+".join(self.reasons),
            self.fees_micro,
            self.pnl_micro,
            self.decided_ns,
            self.signal.news_ids,
            self.signal.catalyst_score,
            self.signal.confidence,
        )


@dataclass(frozen=True)
class ClosedTrade:
    """Hold what metrics need of a closed trade: profit, cost (micro-dollars), and the symbol."""

    pnl_micro: int
    cost_micro: int
    symbol: str
