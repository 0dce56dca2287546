"""Pause, resume and flatten: asked for in a row, done by a live process, or by the broker alone."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from account_rows import Books
from live_services import fresh_database
from pydantic import SecretStr
from said import NOBODY, Say, saying

from catalyst.errors import InputError
from catalyst.live.control import ControlInbox, answer_of, ask, close_requests, is_live
from catalyst.live.database import Database
from catalyst.live.statements import statement


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


@pytest.fixture
def say(
    tmp_path: Path,
    url: SecretStr,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Say:
    told = {"CATALYST_HOME": str(tmp_path), "DATABASE_URL": url.get_secret_value()}
    return saying(monkeypatch, capsys, **told)


@contextmanager
def lock_held(books: Books) -> Iterator[None]:
    """Hold the account's lock, as a live process does."""
    with books.database.dedicated() as connection:
        connection.execute(statement("journal_lock"), {"account_id": books.account})
        yield
        # A server takes its time to notice that a connection has gone.
        connection.execute("SELECT pg_advisory_unlock_all()")


@contextmanager
def answering(books: Books, answer: str) -> Iterator[list[str]]:
    """A live process that does what it is asked."""
    done: list[str] = []
    over = threading.Event()
    inbox = ControlInbox(books.database, books.account)

    def serve() -> None:
        while not over.wait(0.05):
            for request in inbox.pending():
                done.append(request.command)
                inbox.done(request.request_id, answer)

    thread = threading.Thread(target=serve)
    with lock_held(books):
        thread.start()
        try:
            yield done
        finally:
            over.set()
            thread.join()


# --- rows --------------------------------------------------------------------------------------


def test_requests_wait_in_the_order_of_asking_until_each_is_done(books: Books) -> None:
    inbox = ControlInbox(books.database, books.account)
    first = ask(books.database, books.account, "pause", by="ann")
    ask(books.database, books.account, "resume", by="bob")
    before = [(one.command, one.by) for one in inbox.pending()]
    inbox.done(first, "paused")

    assert before == [("pause", "ann"), ("resume", "bob")]
    assert [one.command for one in inbox.pending()] == ["resume"]
    assert answer_of(books.database, first, 0) == "paused"


def test_nobody_s_answer_is_none(books: Books) -> None:
    request_id = ask(books.database, books.account, "pause", by="ann")

    assert answer_of(books.database, request_id, 0.1) is None


def test_an_account_that_never_traded_can_t_be_asked(books: Books) -> None:
    with pytest.raises(InputError, match="PA-unknown has never traded"):
        ask(books.database, "PA-unknown", "pause", by="ann")


def test_what_is_no_command_can_t_be_asked(books: Books) -> None:
    with pytest.raises(ValueError, match="expected one of pause, resume, flatten"):
        ask(books.database, books.account, "sell", by="ann")


def test_a_process_is_live_as_long_as_it_holds_the_lock(books: Books) -> None:
    before = is_live(books.database, books.account)
    with lock_held(books):
        during = is_live(books.database, books.account)

    assert (before, during, is_live(books.database, books.account)) == (False, True, False)


def test_a_flatten_done_otherwise_is_not_done_again_by_the_next_start(books: Books) -> None:
    ask(books.database, books.account, "flatten", by="ann")
    ask(books.database, books.account, "pause", by="ann")
    close_requests(books.database, books.account, answer="done by hand")
    left = ControlInbox(books.database, books.account).pending()

    assert [one.command for one in left] == ["pause"]


# --- commands ----------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["pause", "resume", "flatten"])
def test_the_command_waits_for_the_live_process_and_prints_its_answer(
    command: str, books: Books, say: Say
) -> None:
    extra = ["--yes"] if command == "flatten" else []
    with answering(books, "it is done") as done:
        code, out, _ = say(command, "--account", books.account, "--json", *extra)
    told = json.loads(out)

    assert (code, told["done"], told["answer"], done) == (0, True, "it is done", [command])


def test_without_a_process_a_pause_waits_for_the_next_start(books: Books, say: Say) -> None:
    code, out, _ = say("pause", "--account", books.account)

    assert code == 0
    assert "the next one begins so" in out
    assert len(ControlInbox(books.database, books.account).pending()) == 1


def test_a_process_that_does_not_answer_is_a_finding(books: Books, say: Say) -> None:
    with lock_held(books):
        code, out, _ = say("pause", "--account", books.account, "--wait", "0.2")

    assert code == 1
    assert "has not answered in 0.2 s" in out


def test_a_flatten_asks_first_and_where_nobody_can_answer_it_wants_yes(say: Say) -> None:
    code, _, err = say("flatten")

    assert code == 2
    assert "say --yes" in err


def test_where_nothing_ever_traded_there_is_nothing_to_resume(say: Say) -> None:
    code, _, err = say("resume")

    assert code == 2
    assert "nothing has traded here yet" in err


def test_a_pause_without_a_database_says_what_else_to_do(
    say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", NOBODY)
    code, _, err = say("pause", "--account", "PA1")

    assert code == 1
    assert "pause needs the database" in err
    assert "hush" not in err
    assert len(err.splitlines()[-1:]) == 1
