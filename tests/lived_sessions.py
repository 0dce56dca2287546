"""A session lived through by the whole live stack, and what it left: tables, journal, books."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import psycopg
import pytest
from builders import at
from live_services import fresh_database
from live_world import DAYS, HISTORY, live_lake, live_params
from paper_exchange import Exchange, paper_exchange
from psycopg.rows import namedtuple_row
from pydantic import SecretStr

from catalyst.data.settings import Settings
from catalyst.live.database import Database
from catalyst.live.events import Body, Event
from catalyst.live.exchange_clock import ExchangeClock
from catalyst.live.journal import Journal
from catalyst.live.stack import Live, run_live
from catalyst.strategy.params import Params

DAY = DAYS[HISTORY]
#: Nobody listens there: the session does without a cache.
NO_REDIS = SecretStr("redis://127.0.0.1:1/0")

B = TypeVar("B", bound=Body)
Deed = Callable[[Exchange], object]


@dataclass(frozen=True)
class Lived:
    """What is left of a session.

    Attributes
    ----------
    books
        The exchange's own, after the session.
    orders
        As Alpaca's route lists them, legs inside.
    events
        The journal, in order.
    told
        What a person was told.
    """

    url: SecretStr
    account: str
    books: dict[str, Any]
    orders: list[dict[str, Any]]
    events: list[Event]
    told: list[str]

    def bodies(self, kind: type[B]) -> list[B]:
        """Give the journal's events of a kind."""
        return [event.body for event in self.events if isinstance(event.body, kind)]

    def every_order(self) -> list[dict[str, Any]]:
        """Give the broker's orders and their legs."""
        return [one for o in self.orders for one in (o, *(o["legs"] or ()))]

    def rows(self, sql: str) -> list[Any]:
        """Ask the tables; ``%(account)s`` is the account."""
        with psycopg.connect(self.url.get_secret_value(), row_factory=namedtuple_row) as asked:
            return asked.execute(sql, {"account": self.account}).fetchall()

    def alerts(self) -> dict[str, tuple[str, int]]:
        """Give severity and count of the alerts by rule; those of a symbol with its name."""
        found = self.rows("SELECT * FROM notification.alerts WHERE account_id = %(account)s")
        day = str(DAY)
        return {
            a.rule if a.subject in ("", day) else f"{a.rule} {a.subject}": (a.severity, a.times)
            for a in found
        }


def clock(text: str) -> int:
    """Give a New York time of the session, ns UTC."""
    return at(text, str(DAY))


@contextmanager
def lived(
    cluster: str,
    *faults: dict[str, Any],
    deeds: Mapping[str, Deed] | None = None,
    params: Params | None = None,
) -> Iterator[Lived]:
    """Live through one session, with faults of the exchange, and deeds at times of New York."""
    lake = live_lake(1)
    due = {clock(when): deed for when, deed in (deeds or {}).items()}
    played = paper_exchange("--timeframe", "15m", "--start", DAY, "--sessions", 1, lake=lake.root)
    told: list[str] = []
    with (
        fresh_database(cluster) as url,
        tempfile.TemporaryDirectory() as home,
        pytest.MonkeyPatch.context() as patch,
    ):
        with played as exchange:
            if faults:
                exchange.faults(*faults)
            patch.setattr(ExchangeClock, "sleep_until", _interrupted(exchange, due))
            settings = Settings(
                catalyst_home=Path(home),
                database_url=url,
                redis_url=NO_REDIS,
                alpaca_api_key=SecretStr(exchange.key),
                alpaca_secret_key=SecretStr(exchange.secret),
                alpaca_base_url=exchange.url,
            )
            asked = Live(params or live_params(), lake, "15m", None, DAY, 1, 0.0, "key", "iex")
            account = run_live(asked, settings, tell=told.append)
            books = exchange.ledger()
            listed = exchange.request("GET", "/v2/orders?status=all&nested=true&limit=500").json()
        with Database(url, smallest=1) as database, Journal.open(database, account) as journal:
            events = list(journal.events())
        yield Lived(url, account, books, listed, events, told)


def _interrupted(exchange: Exchange, due: dict[int, Deed]) -> Callable[..., Any]:
    sleep_until = ExchangeClock.sleep_until

    async def slept(self: ExchangeClock, at_ns: int) -> None:
        for when in sorted(due):
            if when <= at_ns:
                await sleep_until(self, when)
                due.pop(when)(exchange)
        await sleep_until(self, at_ns)

    return slept
