"""Close everything with the broker alone: no database, no cache, no strategy."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

import numpy as np

from catalyst.data.calendar import market_state
from catalyst.errors import BrokerRefusalError, BrokerSilenceError
from catalyst.live.hand_acts import HandAct
from catalyst.live.ports import Broker, BrokerOrder, Holding, OrderStatus
from catalyst.strategy.ids import content_id
from catalyst.strategy.reasons import Side
from catalyst.strategy.tickets import OrderRequest
from catalyst.strategy.values import MarketState

# A round is four requests; Alpaca allows 200 a minute.
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.3, 3.0
# A limit that has not filled for so long is cancelled, and sent again at the price of then.
_RENEW_S = 15.0
_CENT, _SUB_CENT = Decimal("0.01"), Decimal("0.0001")


@dataclass(frozen=True)
class Flattened:
    """Hold what a flatten came to: what is still open, and the acts in order."""

    flat: bool
    positions: tuple[Holding, ...]
    orders: tuple[BrokerOrder, ...]
    acts: tuple[HandAct, ...]


class Flattening:
    """Cancel every order of an account and close every position, and again until it is flat.

    Parameters
    ----------
    broker
        Of the account.
    now_ns
        Asks for exchange time, ns UTC; may raise as the broker does.
    record
        Called with each act, before it is sent and with what came of it.
    beyond_frac
        How far beyond the last price a limit lies outside regular hours, where no market order is
        taken.
    """

    def __init__(
        self,
        broker: Broker,
        *,
        now_ns: Callable[[], int],
        record: Callable[[HandAct], None],
        beyond_frac: float,
    ) -> None:
        self._broker = broker
        self._now_ns = now_ns
        self._record = record
        self._beyond = Decimal(str(beyond_frac))
        self._acts: list[HandAct] = []
        self._begun_ns = self._at_ns = 0
        self._sent: dict[str, tuple[str, float]] = {}
        self._unanswered: dict[str, OrderRequest] = {}
        self._n_sent = 0

    def run(self, wait_s: float) -> Flattened:
        """Flatten, for `wait_s` seconds at most.

        Raises
        ------
        BrokerError
            If the broker neither lists its orders nor its positions in that time.
        """
        until = time.monotonic() + wait_s
        seen: tuple[tuple[BrokerOrder, ...], tuple[Holding, ...]] | None = None
        told: BrokerSilenceError | None = None
        done, pause_s = 0, _FIRST_PAUSE_S
        while True:
            try:
                seen = self._round()
            except BrokerSilenceError as error:
                told = error
            else:
                if seen == ((), ()):
                    self._tell("flat", "the account is flat: no position, no open order")
                    return Flattened(True, (), (), tuple(self._acts))
            if time.monotonic() >= until:
                break
            done, pause_s = len(self._acts), self._pause(done, pause_s)
            time.sleep(min(pause_s, max(until - time.monotonic(), 0.0)))
        if seen is None:
            raise told or BrokerSilenceError("the broker didn't answer")
        orders, held = seen
        left = [f"{one.quantity} {one.symbol}" for one in held] or ["no position"]
        self._tell(
            "left",
            f"after {wait_s:g} s not flat yet: {', '.join(left)}, {len(orders)} open orders",
        )
        return Flattened(False, held, orders, tuple(self._acts))

    def _round(self) -> tuple[tuple[BrokerOrder, ...], tuple[Holding, ...]]:
        self._at_ns = self._now_ns()
        if not self._begun_ns:
            self._begun_ns = self._at_ns
            self._tell("begun", "flatten begun with the broker alone")
        listed = self._broker.orders(self._begun_ns)
        working = tuple(one for one in listed if not one.status.final)
        ours = {one.symbol for one in working if self._rests(one)}
        there = {one.broker_id for one in working}
        awake = {one.symbol for one in working if one.status is not OrderStatus.HELD}
        for order in working:
            # A leg goes with the order that it hangs on, a sleeping one with the one that works.
            hangs = order.parent_id in there or (
                order.status is OrderStatus.HELD and order.symbol in awake
            )
            asked = hangs or order.status is OrderStatus.PENDING_CANCEL
            if not asked and not self._rests(order):
                self._cancel(order)
        held = self._broker.positions()
        # What others still have open for a symbol holds its shares: they must be gone first.
        busy = {one.symbol for one in working if not self._rests(one)}
        for holding in held:
            if holding.symbol not in ours | busy:
                self._close(holding)
        return working, held

    def _pause(self, done: int, last_s: float) -> float:
        if len(self._acts) > done:
            return _FIRST_PAUSE_S
        return min(1.5 * last_s, _LONGEST_PAUSE_S)

    def _rests(self, order: BrokerOrder) -> bool:
        sent = self._sent.get(order.client_order_id)
        if sent is None:
            return False
        price, at = sent
        return not price or time.monotonic() - at < _RENEW_S

    def _cancel(self, order: BrokerOrder) -> None:
        what = f"{order.side.label} {order.quantity} {order.symbol}"
        known: dict[str, str | int] = {
            "symbol": order.symbol,
            "side": order.side.label,
            "quantity": order.quantity,
            "client_order_id": order.client_order_id,
            "broker_id": order.broker_id,
        }
        self._tell("cancel", f"cancel {what} ({order.kind}, {order.status.value})", **known)
        try:
            self._broker.cancel(order.broker_id)
        except BrokerRefusalError as error:
            # Filled or cancelled in the meantime, mostly; the next round sees what it is.
            self._tell("refused", f"cancel of {what}: {error}", **known)
        except BrokerSilenceError as error:
            self._tell("silence", f"cancel of {what}: {error}", **known)

    def _close(self, holding: Holding) -> None:
        request = self._unanswered.get(holding.symbol)
        if request is not None:
            found = self._broker.order_of(request.client_order_id)
            del self._unanswered[holding.symbol]
            if found is not None:
                self._tell(
                    "sent", "the last one was taken", **_known(request), broker_id=found.broker_id
                )
                return
        else:
            request = self._request(holding)
        what = _sentence(request)
        self._tell("close", what, **_known(request))
        self._sent[request.client_order_id] = (request.limit_price, time.monotonic())
        try:
            orders = self._broker.submit(request)
        except BrokerRefusalError as error:
            self._tell("refused", f"{what}: {error}", **_known(request))
        except BrokerSilenceError as error:
            # It may have come through: it is looked up by its id before anything else is sent.
            self._unanswered[holding.symbol] = request
            self._tell("silence", f"{what}: {error}", **_known(request))
        else:
            self._tell("sent", f"{what}: taken", **_known(request), broker_id=orders[0].broker_id)

    def _request(self, holding: Holding) -> OrderRequest:
        side = Side.SELL if holding.quantity > 0 else Side.BUY
        price = "" if self._is_regular() else self._limit(holding, side)
        self._n_sent += 1
        own = content_id("flatten", self._begun_ns, holding.symbol)
        return OrderRequest(
            client_order_id=f"{own}-{self._n_sent}",
            symbol=holding.symbol,
            side=side.label,
            quantity=str(abs(holding.quantity)),
            type="limit" if price else "market",
            time_in_force="day",
            limit_price=price,
            extended_hours=bool(price),
        )

    def _is_regular(self) -> bool:
        state = market_state(np.array([self._at_ns], dtype=np.int64))[0]
        return bool(state == MarketState.REGULAR)

    def _limit(self, holding: Holding, side: Side) -> str:
        last = Decimal(holding.last_price or holding.average_price)
        wanted = last * (1 + side * self._beyond)
        tick = _CENT if wanted >= 1 else _SUB_CENT
        towards_a_fill = ROUND_CEILING if side is Side.BUY else ROUND_FLOOR
        return str(wanted.quantize(tick, rounding=towards_a_fill))

    def _tell(self, what: str, text: str, **known: str | int) -> None:
        act = HandAct(self._at_ns, what, text, **known)  # type: ignore[arg-type]
        self._acts.append(act)
        self._record(act)


def _sentence(request: OrderRequest) -> str:
    price = f"at {request.limit_price} or better" if request.limit_price else "at the market"
    return f"{request.side} {request.quantity} {request.symbol} {price}"


def _known(request: OrderRequest) -> dict[str, str | int]:
    return {
        "symbol": request.symbol,
        "side": request.side,
        "quantity": int(request.quantity),
        "price": request.limit_price,
        "client_order_id": request.client_order_id,
    }
