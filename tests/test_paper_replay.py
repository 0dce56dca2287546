"""The strategy's own orders as requests: the exchange fills them as replay's book does."""

from __future__ import annotations

from typing import Any

from worlds import action_lake

from catalyst import Lake, Params
from catalyst.data.calendar import day_to_date
from catalyst.data.feed import Feed
from catalyst.data.market import Market
from catalyst.live.paper.exchange import PaperExchange, Terms
from catalyst.strategy.broker_rules import Refusal
from catalyst.strategy.decisions import Decision, Fill, Order
from catalyst.strategy.exchange import Book
from catalyst.strategy.ledger import begin
from catalyst.strategy.portfolio import PortfolioState
from catalyst.strategy.reasons import Kind, Role
from catalyst.strategy.session import Actions, Advance, Decided, Look, run_session
from catalyst.strategy.tickets import OrderRequest, entry_request, oco_request, simple_request


class Both:
    """Replay's book and a paper account, given the same decisions and the same bars."""

    def __init__(self, lake: Lake, n_sessions: int) -> None:
        self.params = Params.load("spec")
        feed = Feed(lake)
        before, sessions = feed.span(None, None)
        self.sessions = sessions[-n_sessions:]
        self.market = Market(feed, self.params)
        self.market.warm_up([*before, *sessions[:-n_sessions]])
        state = begin(self.params)
        terms = Terms(self.params.execution, state.cash_micro)
        first = day_to_date(self.sessions[0].day)
        self.exchange = PaperExchange(Feed(lake), first, n_sessions, terms)
        self.account = self.exchange.account("key")
        self.book = Book()
        self.state: PortfolioState = state
        self.filled = 0
        self._sent: dict[str, str] = {}

    def play(self) -> None:
        for session in self.sessions:
            self.market.open_session(session)
            since = session.pre_ns
            loop = run_session(self.state, session, grid=self.market.feed.grid, params=self.params)
            answer: Any = None
            while True:
                try:
                    ask = loop.send(answer)
                except StopIteration as stop:
                    self.state = stop.value
                    break
                answer = None
                match ask:
                    case Advance(asof_ns=asof, idle=False):
                        answer = (self.advance(since, asof), self.market.survey(asof))
                        since = asof
                    case Look():
                        answer = self.market.look(ask, self.params)
                    case Actions(_, symbols):
                        answer = self.market.actions_of(symbols)
                    case Decided(decision, _, _):
                        self.decided(decision)
            self.exchange.advance(session.post_ns)
            self.market.close_session()

    def advance(self, since_ns: int, asof_ns: int) -> tuple[Fill, ...]:
        """Let both meet the bars; what they fill must be the same, execution by execution."""
        rules = self.params.execution
        self.book, fills = self.market.matched(self.book, since_ns, asof_ns, rules)
        told = [
            u.execution for h in self.exchange.advance(asof_ns) for _, u in h.updates if u.execution
        ]
        ours = {broker_id: order_id for order_id, broker_id in self._sent.items()}

        assert [
            (ours[e.broker_id], e.quantity, float(e.price), e.fee_micro, e.filled_ns) for e in told
        ] == [(f.order_id, f.quantity, f.price, f.fee_micro, f.filled_ns) for f in fills]

        self.filled += len(fills)
        return fills

    def decided(self, decision: Decision) -> None:
        self.book = self.book.changed(decision.cancels, decision.orders)
        self.exchange.advance(decision.asof_ns)
        for order_id in decision.cancels:
            broker_id = self._sent.get(order_id)
            if broker_id and self.account.orders[broker_id].open:
                self.account.cancel(broker_id, self.exchange.now_ns)
        for orders, request in requests(decision.orders, self.exchange.feed.names):
            made = self.account.submit(request, self.exchange.moment())

            assert not isinstance(made, Refusal), made

            pairs = zip(orders, made[0], strict=True)
            self._sent |= {ours.order_id: theirs.broker_id for ours, theirs in pairs}


def requests(
    orders: tuple[Order, ...], names: tuple[str, ...]
) -> list[tuple[list[Order], OrderRequest]]:
    """What belongs together in one request: an entry and its legs, a stop and its target."""
    out: list[tuple[list[Order], OrderRequest]] = []
    paired: set[str] = set()
    for order in orders:
        to = {"symbol": names[order.symbol], "client_order_id": f"{order.order_id}-0"}
        legs = [o for o in orders if o.parent_id == order.order_id]
        same = [o for o in orders if _protects(o) and _half(o) == _half(order)]
        if order.role is Role.ENTRY:
            legs.sort(key=lambda o: o.kind is Kind.STOP)
            out.append(([order, *legs], entry_request(order, tuple(legs), **to)))
        elif _protects(order) and len(same) == 2:
            target, stop = sorted(same, key=lambda o: o.kind is Kind.STOP)
            if target.order_id not in paired:
                out.append(([target, stop], oco_request(stop, target, target.quantity, **to)))
                paired.add(target.order_id)
        elif not order.parent_id:
            out.append(([order], simple_request(order, order.quantity, **to)))
    return out


def _half(order: Order) -> tuple[str, int]:
    return order.entry_id, order.leg


def _protects(order: Order) -> bool:
    plain = not order.parent_id and order.role is not Role.ENTRY and order.leg >= 0
    return plain and order.kind in (Kind.STOP, Kind.LIMIT)


def test_a_strategys_orders_fill_on_the_exchange_as_in_replay() -> None:
    both = Both(action_lake(), 8)
    both.play()
    holdings = both.account.holdings

    assert both.filled >= 20
    assert holdings.cash_micro == both.state.cash_micro
    assert {s: h.quantity for s, h in holdings.held.items()} == {
        both.exchange.feed.names[e.symbol]: e.side * e.held for e in both.state.entries if e.held
    }
    assert both.account.equity_micro(both.exchange.marks) == both.state.equity_micro
