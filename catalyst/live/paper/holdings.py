"""Cash and shares of an account, booked twice: as they change, and from each execution as told."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from catalyst.errors import ConservationError
from catalyst.strategy.decisions import Fill
from catalyst.strategy.money import FILL_TICKS, MICRO, notional_micro
from catalyst.strategy.order_text import NANO, nano_price, nano_text

_NANO_TICK = NANO // FILL_TICKS
_WHOLE = 1e-9


@dataclass(frozen=True)
class Execution:
    """Hold one execution as it was reported.

    Attributes
    ----------
    price
        Decimal text in USD, at most 4 decimals.
    fee_micro
        Micro-dollars.
    cumulative, order_quantity
        Shares of its order filled with it, and ordered.
    filled_ns
        The fill model's time: the bar's open for a fill at the open, else its end.
    booked_ns
        When the exchange said so: the bar's end.
    status
        Of its order after it.
    """

    execution_id: str
    broker_id: str
    symbol: str
    side: int
    quantity: int
    price: str
    fee_micro: int
    cumulative: int
    order_quantity: int
    filled_ns: int
    booked_ns: int
    status: str


@dataclass(frozen=True)
class Payment:
    """Hold what a split or dividend did: cash paid (micro-dollars) and shares before and after."""

    payment_id: str
    symbol: str
    kind: str
    value: float
    before: int
    after: int
    cash_micro: int
    booked_ns: int


@dataclass(frozen=True)
class Holding:
    """Hold signed shares and what they cost, micro-dollars with the sign of the shares."""

    quantity: int
    cost_micro: int

    @property
    def average_nano(self) -> int:
        """Return the mean price, nano-dollars."""
        return round(self.cost_micro * (NANO // MICRO) / self.quantity) if self.quantity else 0


@dataclass
class Holdings:
    """Book executions and payments; what is held follows from them.

    Attributes
    ----------
    cash_micro
        Micro-dollars.
    held
        By symbol; flat symbols are left out.
    records
        Executions and payments, in order.
    """

    initial_micro: int
    cash_micro: int = field(init=False)
    held: dict[str, Holding] = field(init=False, default_factory=dict)
    records: list[Execution | Payment] = field(init=False, default_factory=list)
    _booked_micro: int = field(init=False, default=0)
    _shares: dict[str, int] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.cash_micro = self.initial_micro

    def shares(self, symbol: str) -> int:
        """Return signed shares of a symbol."""
        holding = self.held.get(symbol)
        return holding.quantity if holding else 0

    def positions_micro(self, marks: dict[str, float], *, gross: bool = False) -> int:
        """Return the value of all positions at marks (USD), shorts negative unless `gross`."""
        values = (notional_micro(marks[s], h.quantity) for s, h in self.held.items())
        return sum(abs(v) if gross else v for v in values)

    def execute(self, execution: Execution, fill: Fill) -> None:
        """Book one execution; `fill` is the fill model's, `execution` what is told of it.

        Raises
        ------
        ConservationError
            If the two disagree about cash or shares.
        """
        paid = int(fill.side) * notional_micro(fill.price, fill.quantity)
        self.cash_micro -= paid + fill.fee_micro
        old = self.held.get(execution.symbol, Holding(0, 0))
        self._hold(execution.symbol, _moved(old, int(fill.side) * fill.quantity, paid))
        self.records.append(execution)
        ticks = (nano_price(execution.price) or 0) // _NANO_TICK
        signed = execution.side * execution.quantity
        self._booked_micro -= signed * ticks * (MICRO // FILL_TICKS) + execution.fee_micro
        self._count(execution.symbol, signed)

    def split(self, symbol: str, ratio: float, mark: float, payment_id: str, at_ns: int) -> None:
        """Scale what is held by a split: new shares for one old, at a mark after it (USD).

        The fraction of a share that is left is paid in cash at the mark.
        """
        old = self.held.get(symbol)
        if old is not None:
            new, cash = split_holding(old, ratio, mark)
            before, after = old.quantity, new.quantity
            self._pay(Payment(payment_id, symbol, "split", ratio, before, after, cash, at_ns), new)

    def dividend(self, symbol: str, usd: float, payment_id: str, at_ns: int) -> None:
        """Credit a dividend in USD a share; a short pays it."""
        old = self.held.get(symbol)
        if old is not None:
            shares, cash = old.quantity, round(old.quantity * usd * MICRO)
            self._pay(
                Payment(payment_id, symbol, "dividend", usd, shares, shares, cash, at_ns), old
            )

    def _pay(self, payment: Payment, holding: Holding) -> None:
        self.cash_micro += payment.cash_micro
        self._hold(payment.symbol, holding)
        self.records.append(payment)
        self._booked_micro += payment.cash_micro
        self._count(payment.symbol, payment.after - payment.before)

    def _hold(self, symbol: str, holding: Holding) -> None:
        if holding.quantity:
            self.held[symbol] = holding
        else:
            self.held.pop(symbol, None)

    def _count(self, symbol: str, shares: int) -> None:
        self._shares[symbol] = self._shares.get(symbol, 0) + shares
        told, held = self._shares[symbol], self.shares(symbol)
        if told != held:
            raise ConservationError(
                f"{symbol}: executions make {told} shares, the account holds {held}; a bug of "
                "the paper exchange"
            )
        expected = self.initial_micro + self._booked_micro
        if expected != self.cash_micro:
            raise ConservationError(
                f"executions make {expected} micro-dollars of cash, the account holds "
                f"{self.cash_micro}; a bug of the paper exchange"
            )


def price_text(price: float) -> str:
    """Write a fill's price (USD on 0.0001) as decimal text."""
    return nano_text(round(price * FILL_TICKS) * _NANO_TICK)


def split_holding(holding: Holding, ratio: float, mark: float) -> tuple[Holding, int]:
    """Return a holding after a split, and the cash for the fraction of a share (micro-dollars).

    Parameters
    ----------
    holding
        Before.
    ratio
        New shares for one old.
    mark
        Last price after the split, USD.
    """
    exact = abs(holding.quantity) * ratio
    whole = math.floor(exact + _WHOLE)
    side = 1 if holding.quantity > 0 else -1
    rest = exact - whole
    cash = round(side * rest * mark * MICRO) if rest >= _WHOLE else 0
    return Holding(side * whole, round(holding.cost_micro * (whole / exact))), cash


def _moved(old: Holding, shares: int, paid_micro: int) -> Holding:
    quantity = old.quantity + shares
    if old.quantity == 0 or (old.quantity > 0) == (shares > 0):
        return Holding(quantity, old.cost_micro + paid_micro)
    if quantity and (quantity > 0) != (old.quantity > 0):
        # Turned over: what is held now was all paid in this execution.
        return Holding(quantity, round(paid_micro * quantity / shares))
    return Holding(quantity, round(old.cost_micro * quantity / old.quantity))
