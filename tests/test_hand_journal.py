"""What a person did at the broker, taken into the journal afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from account_rows import AT_NS, Books
from live_services import fresh_database
from pydantic import SecretStr

from catalyst.live.database import Database
from catalyst.live.events import Filled
from catalyst.live.folding import fold
from catalyst.live.hand_acts import HandAct, flattened_by_hand, hand_file, write_act
from catalyst.live.hand_journal import journal_hand_acts
from catalyst.live.journal import Journal

ACTS = (
    HandAct(AT_NS, "begun", "flatten begun with the broker alone"),
    HandAct(AT_NS, "close", "sell 5 AAPL at the market", "AAPL", "sell", 5, "", "f-1"),
    HandAct(AT_NS, "flat", "the account is flat: no position, no open order"),
)


@pytest.fixture(scope="module")
def url(postgres_cluster: str) -> Iterator[SecretStr]:
    with fresh_database(postgres_cluster) as found:
        yield found


@pytest.fixture
def books(url: SecretStr, request: pytest.FixtureRequest) -> Iterator[Books]:
    with Database(url, smallest=1) as database:
        found = Books(database, f"PA-{request.node.name}")
        found.open()
        yield found


def test_acts_by_hand_are_journalled_once_and_the_account_begins_paused(
    books: Books, tmp_path: Path
) -> None:
    for act in ACTS:
        write_act(hand_file(tmp_path, books.account), act)
    with Journal.open(books.database, books.account) as journal:
        first = journal_hand_acts(tmp_path, journal, at_ns=AT_NS)
        again = journal_hand_acts(tmp_path, journal, at_ns=AT_NS)
        last_seq = journal.last_seq

    assert (first, again, last_seq) == (3, 0, 4)
    assert flattened_by_hand(tmp_path, books.account) == ()
    assert fold(books.database, books.account).paused


def test_shares_that_left_by_two_executions_of_a_stranger_s_order_are_booked(
    books: Books,
) -> None:
    books.position("AAPL", 5)
    with Journal.open(books.database, books.account) as journal:
        for number, quantity in enumerate((2, 3)):
            filled = Filled(
                *(f"f{number}", "o1", "", "stranger", f"x{number}", "e-AAPL", "AAPL", "sell"),
                *("manual", quantity, 101.0, 0, AT_NS),
            )
            journal.append([filled], at_ns=AT_NS)
    with books.database.connection() as connection:
        orders = connection.execute(
            "SELECT client_order_id, role::TEXT, filled_quantity FROM execution.orders "
            "WHERE account_id = %s",
            (books.account,),
        ).fetchall()
        held = connection.execute(
            "SELECT quantity FROM execution.positions WHERE account_id = %s", (books.account,)
        ).fetchall()

    assert orders == [("stranger", "manual", 5)]
    assert held == [(0,)]
