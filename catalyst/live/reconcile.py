"""Books beside the broker's: shares and cash, compared now and then and after every gap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from catalyst.data.state_codec import entry_json, order_json
from catalyst.errors import BrokerRefusalError, BrokerSilenceError
from catalyst.live.broker_desk import BrokerDesk
from catalyst.live.events import Alert, Body, Filled, Found
from catalyst.live.ports import Execution
from catalyst.live.threads import in_thread
from catalyst.strategy.ids import content_id
from catalyst.strategy.money import MICRO, fill_price
from catalyst.strategy.portfolio import Entry
from catalyst.strategy.reasons import Kind, Role, Side
from catalyst.strategy.risk import make_order

_DAY_NS = 24 * 3600 * 10**9
_CENT = MICRO // 100


@dataclass
class Reconciler:
    """Compare, and say once what differs.

    Attributes
    ----------
    foreign
        Symbols with shares or orders at the broker that are not ours.
    """

    desk: BrokerDesk
    foreign: frozenset[str] = frozenset()
    _apart: dict[str, int] = field(default_factory=dict)
    _booked: set[str] = field(default_factory=set)
    _cash_told: int | None = None

    async def work(self) -> bool:
        """Ask the broker for all it has, and book what was missed; tell whether books agree."""
        desk = self.desk
        await desk.write(await desk.fill_gaps())
        try:
            account, holdings = await in_thread(
                lambda: (desk.broker.account(), desk.broker.positions()), name="reconcile"
            )
        except (BrokerRefusalError, BrokerSilenceError):
            return False
        desk.account, desk.holdings = account, holdings
        bodies = await self._shares()
        if not bodies and not self._apart:
            bodies = self._cash()
        await desk.write(bodies)
        return not self._apart and not bodies

    async def _shares(self) -> list[Body]:
        desk = self.desk
        theirs = {h.symbol: h.quantity for h in desk.holdings}
        ours: dict[str, int] = {}
        entries = desk.projected().entries
        for entry in entries:
            name = desk.names[entry.symbol]
            ours[name] = ours.get(name, 0) + entry.side * entry.held
        apart = {
            name: theirs.get(name, 0) - ours.get(name, 0)
            for name in sorted({*theirs, *ours} - self._in_the_air())
            if theirs.get(name, 0) != ours.get(name, 0)
        }
        # A fill may be on its way: only what differs twice by the same number is taken for real.
        sure = {name: by for name, by in apart.items() if self._apart.get(name) == by}
        told = self._apart
        self._apart = apart
        foreign_orders = {
            o.symbol
            for i, o in desk.mirror.orders.items()
            if i not in desk.mirror.serves and not o.status.final
        }
        self.foreign = frozenset(foreign_orders | {n for n in sure if not ours.get(n)})
        bodies: list[Body] = []
        for name, by in sure.items():
            held = [e for e in entries if desk.names[e.symbol] == name and e.held]
            if held and by * held[0].side < 0:
                bodies += await self._by_hand(held[0], name, by)
            elif told.get(name) == by and name not in self._booked:
                self._booked.add(name)
                text = (
                    f"the broker has {theirs.get(name, 0)} shares of {name}, the journal "
                    f"{ours.get(name, 0)}; they are left alone, and no entry is made in {name}"
                )
                bodies += [
                    Found("unknown_position", name, text),
                    Alert("unknown_position", name, "critical", text, float(by), 0.0),
                ]
        return bodies

    def _in_the_air(self) -> set[str]:
        """Name the symbols of which something is about to be known: their books wait for it."""
        mirror = self.desk.mirror
        unbooked = {order.symbol for order in mirror.gap()}
        return unbooked | {sent.intent.symbol for sent in mirror.unresolved()}

    async def _by_hand(self, entry: Entry, name: str, by: int) -> list[Body]:
        """Book shares that left by an order that is not ours: a person closed them."""
        desk = self.desk
        # It may have happened days ago, while nobody was here.
        after_ns = min(desk.now_ns() - _DAY_NS, entry.decided_ns)
        try:
            told = await in_thread(lambda: desk.broker.executions(after_ns), name="executions")
        except (BrokerRefusalError, BrokerSilenceError):
            return []
        left = min(abs(by), entry.held)
        side = Side(-entry.side)
        bodies: list[Body] = []
        for execution in reversed(self._strangers(told, name, side)):
            quantity = min(execution.quantity, left)
            if not quantity:
                break
            left -= quantity
            bodies.append(_manual(entry, execution, quantity, desk))
        self._apart.pop(name, None)
        text = f"{abs(by)} shares of {name} were closed at the broker by hand"
        severity = "warning"
        if left:
            # Never sell what is not there: the books follow the broker, at the last known price.
            text += f", {left} of them without an execution that tells it, booked at the last price"
            severity = "critical"
            bodies.append(_unexplained(entry, left, desk))
        return [
            *bodies,
            Found("closed_by_hand", name, text),
            Alert("closed_by_hand", name, severity, text, float(abs(by)), 0.0),
        ]

    def _strangers(self, told: Sequence[Execution], name: str, side: Side) -> list[Execution]:
        found = [
            e
            for e in told
            if e.symbol == name
            and e.side is side
            and e.broker_id not in self.desk.mirror.serves
            and e.execution_id not in self._booked
        ]
        self._booked |= {e.execution_id for e in found}
        return found

    def _cash(self) -> list[Body]:
        desk = self.desk
        assert desk.account is not None  # noqa: S101 - it was just asked for
        by = desk.account.cash_micro - desk.projected().cash_micro
        if abs(by) < _CENT or by == self._cash_told:
            return []
        self._cash_told = by
        text = (
            f"the broker's cash is {desk.account.cash_micro / MICRO:.2f} USD, the journal's "
            f"{desk.projected().cash_micro / MICRO:.2f}; fees, dividends or a transfer that the "
            "journal doesn't know"
        )
        return [
            Found("cash_differs", "", text),
            Alert("cash_differs", "", "warning", text, by / MICRO, 0.0),
        ]


def _unexplained(entry: Entry, quantity: int, desk: BrokerDesk) -> Filled:
    mark = dict(desk.projected().marks).get(entry.symbol, entry.average_price)
    side, at_ns = Side(-entry.side), desk.now_ns()
    price = f"{fill_price(mark, buy=side is Side.BUY):.4f}"
    name = content_id("unexplained", entry.entry_id, at_ns)
    symbol = desk.names[entry.symbol]
    execution = Execution(name, name, symbol, side, quantity, price, -1, at_ns)
    return _manual(entry, execution, quantity, desk)


def _manual(entry: Entry, execution: Execution, quantity: int, desk: BrokerDesk) -> Filled:
    order = make_order(
        entry, execution.at_ns, Role.MANUAL, Kind.MARKET, quantity, side=execution.side
    )
    return Filled(
        content_id("fill", execution.execution_id),
        order.order_id,
        "",
        execution.broker_id,
        execution.execution_id,
        entry.entry_id,
        execution.symbol,
        execution.side.label,
        Role.MANUAL.label,
        quantity,
        float(execution.price),
        0,
        execution.at_ns,
        order_json(order, desk.names),
        entry_json(entry, desk.names),
    )
