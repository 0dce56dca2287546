"""What a live process says of itself: who runs, who ended, and never a password."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from catalyst.errors import ServiceError
from catalyst.live.hand_acts import HandAct, flattened_by_hand, hand_file, put_aside, write_act
from catalyst.live.run_file import Run, runs, without_password, write_run_file

RUN = Run(
    account="PA1",
    pid=os.getpid(),
    variant="spec",
    timeframe="5m",
    database_url="postgresql://trader:hush@127.0.0.1:5432/catalyst?password=hush",
    redis_url="redis://:hush@127.0.0.1:6379/0",
    exchange_url="http://127.0.0.1:8000",
    begun_at="2023-10-02T09:30:00-04:00",
)


def test_a_run_is_alive_until_it_ends_and_says_that_it_ended_on_purpose(tmp_path: Path) -> None:
    with write_run_file(tmp_path, RUN):
        during = runs(tmp_path)[0]
    after = runs(tmp_path)[0]

    assert (during.alive, during.ended) == (True, False)
    assert (after.alive, after.ended) == (False, True)


def test_no_password_is_written(tmp_path: Path) -> None:
    with write_run_file(tmp_path, RUN):
        written = "".join(path.read_text() for path in tmp_path.iterdir())

    assert "hush" not in written
    assert "postgresql://trader@127.0.0.1:5432/catalyst" in written


def test_a_second_run_of_the_account_is_refused(tmp_path: Path) -> None:
    with (
        write_run_file(tmp_path, RUN),
        pytest.raises(ServiceError, match="PA1 is traded by another process"),
        write_run_file(tmp_path, RUN),
    ):
        pass


def test_one_that_was_killed_is_neither_alive_nor_ended(tmp_path: Path) -> None:
    program = (
        "import os, sys; from pathlib import Path; from dataclasses import replace\n"
        "from test_run_file import RUN; from catalyst.live.run_file import write_run_file\n"
        "with write_run_file(Path(sys.argv[1]), RUN): os.kill(os.getpid(), 9)"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", program, tmp_path], check=False, env=environment)
    found = runs(tmp_path)[0]

    assert (found.account, found.alive, found.ended) == ("PA1", False, False)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://u:p@db.example:5432/x?sslmode=require", "postgresql://u@db.example:5432/x"),
        ("rediss://:p@cache.example:6380/0", "rediss://cache.example:6380/0"),
        ("redis://[::1]:6379/0", "redis://[::1]:6379/0"),
        ("host=db password=p", ""),
        ("postgresql://u:p@[bad", ""),
        ("postgresql://u:p@host:port/x", ""),
        (None, ""),
    ],
)
def test_an_address_is_shown_without_its_password(url: str | None, shown: str) -> None:
    assert without_password(None if url is None else SecretStr(url)) == shown


# --- acts by hand ------------------------------------------------------------------------------

ACTS = (
    HandAct(1, "begun", "begun"),
    HandAct(2, "close", "sell 5 AAPL", "AAPL", "sell", 5, "170.10", "f-1"),
    HandAct(3, "flat", "flat"),
)


def test_what_was_done_by_hand_is_read_back_in_order_until_it_is_put_aside(tmp_path: Path) -> None:
    for act in ACTS:
        write_act(hand_file(tmp_path, "PA1"), act)
    found = flattened_by_hand(tmp_path, "PA1")
    put_aside(tmp_path, "PA1")

    assert found == ACTS
    assert flattened_by_hand(tmp_path, "PA1") == ()
    assert [path.name for path in tmp_path.iterdir()] == ["flattened-PA1-1.journalled.jsonl"]


def test_a_line_that_a_crash_cut_short_is_left_out(tmp_path: Path) -> None:
    path = hand_file(tmp_path, "PA1")
    write_act(path, ACTS[0])
    with path.open("a") as file:
        file.write('{"at_ns": 2, "what": "clo')
    before = flattened_by_hand(tmp_path, "PA1")
    write_act(path, ACTS[2])
    after = flattened_by_hand(tmp_path, "PA1")

    assert (before, after) == (ACTS[:1], (ACTS[0], ACTS[2]))
