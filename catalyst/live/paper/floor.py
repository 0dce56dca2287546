"""Where requests, sockets and time meet: one exchange, its log, its pace and who is connected."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from catalyst.errors import InputError
from catalyst.live.paper.account import PaperAccount
from catalyst.live.paper.exchange import PaperExchange
from catalyst.live.paper.faults import faults_of
from catalyst.live.paper.hub import Hub
from catalyst.live.paper.pace import Pace
from catalyst.live.paper.request_log import RequestLog
from catalyst.live.paper.requests import Answer, carry_out


class Floor:
    """Let time pass and requests in, and tell those who listen.

    Parameters
    ----------
    exchange
        The exchange.
    pace
        How its time runs; None where it is stepped from outside.
    log
        Where what happens is kept; None for nowhere.
    """

    def __init__(self, exchange: PaperExchange, pace: Pace | None, log: RequestLog | None) -> None:
        self.exchange, self.pace, self.log = exchange, pace, log
        self.hub = Hub(exchange.faults)
        self.created_ns = exchange.sessions[0].pre_ns
        self._told_ns = exchange.now_ns

    def catch_up(self) -> None:
        """Let what is due by now happen; nothing where time is stepped."""
        if self.pace is not None:
            self.advance(self.pace.now_ns())

    def advance(self, to_ns: int) -> None:
        """Let time pass until an instant, and tell those who listen."""
        happened = self.exchange.advance(to_ns)
        if self.log is not None and (happened or self.pace is None):
            self.log.add(self.exchange.now_ns, "clock")
        for one in happened:
            self.hub.publish(one)
        self.hub.release(self.exchange.now_ns)

    def carry_out(self, account: PaperAccount, do: str, body: Mapping[str, Any]) -> Answer:
        """Carry a request out, keep it if it changed something, and tell those who listen."""
        answer = carry_out(self.exchange, account, do, body)
        now = self.exchange.now_ns
        if answer.changed and self.log is not None:
            self.log.add(now, do, dict(body), account.account_id)
        self.hub.tell(account.account_id, answer.updates, now)
        return answer

    def add_faults(self, plan: object) -> int:
        """Add a fault plan, ``{"clear": true}`` ends all; return how many rules there are."""
        now = self.exchange.now_ns
        if isinstance(plan, Mapping) and plan.get("clear") is True:
            self.exchange.faults.clear()
            if self.log is not None:
                self.log.add(now, "clear")
            return 0
        rules = faults_of(plan)
        if not rules:
            raise InputError("the fault plan is empty; expected at least one fault")
        self.exchange.faults.add(rules)
        if self.log is not None:
            self.log.add(now, "faults", plan)
        return len(self.exchange.faults.rules)
