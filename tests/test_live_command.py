"""``catalyst live`` as a person has it: nothing set up, stopped in the middle, started again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from live_services import open_home
from worlds import LOOSE, small_lake

from catalyst.strategy.params import _OWNER

DAY = "2023-07-12"
TRADES_MUCH = [
    word for name, value in LOOSE.items() for word in ("--set", f"{_OWNER[name]}.{name}={value}")
]


@dataclass
class Told:
    """What two processes of one session said, and what was asked after them."""

    stopped: dict[str, Any]
    stopped_status: int
    finished: dict[str, Any]
    words: str
    parity: dict[str, Any]
    status: dict[str, Any]


def words_of(home: Path, *more: str) -> list[str]:
    lake = str(small_lake().root)
    return [
        *(sys.executable, "-m", "catalyst", "live", "--lake", lake, "--start", DAY),
        *("--sessions", "1", "--speed", "0", "--json", *TRADES_MUCH, *more),
    ]


def environment(home: Path) -> dict[str, str]:
    unset = {"DATABASE_URL", "REDIS_URL", "ALPACA_API_KEY", "ALPACA_SECRET_KEY"}
    given = {name: value for name, value in os.environ.items() if name not in unset}
    return given | {"CATALYST_HOME": str(home), "PYTHONPATH": os.pathsep.join(sys.path)}


def asked(home: Path, *words: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "catalyst", *words, "--json"],
        env=environment(home),
        cwd=home,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def certificate(home: Path) -> dict[str, Any]:
    (path,) = (home / "state" / "parity").glob(f"*/{DAY}.json")
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def open_for_trading(home: Path, running: subprocess.Popen[str]) -> None:
    """Wait until the exchange of a run is in regular hours."""
    ends = time.monotonic() + 120
    while time.monotonic() < ends:
        assert running.poll() is None, running.stderr and running.stderr.read()
        for place in (home / "state" / "exchange").glob("*.json"):
            url = json.loads(place.read_text(encoding="utf-8"))["url"]
            clock = requests.get(f"{url}/catalyst/clock", timeout=5).json()
            if clock["now_ns"] > clock["open_ns"]:
                return
        time.sleep(0.05)
    raise AssertionError("no session was opened in two minutes")


@pytest.fixture(scope="module")
def told() -> Iterator[Told]:
    with open_home() as home:
        first = subprocess.Popen(
            words_of(home),
            env=environment(home),
            cwd=home,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        open_for_trading(home, first)
        first.send_signal(signal.SIGTERM)
        said, _ = first.communicate(timeout=120)
        second = subprocess.run(
            words_of(home),
            env=environment(home),
            cwd=home,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert second.returncode == 0, second.stderr
        yield Told(
            json.loads(said),
            first.returncode,
            json.loads(second.stdout),
            second.stderr,
            certificate(home),
            asked(home, "status"),
        )


def test_a_stop_in_the_middle_is_clean(told: Told) -> None:
    assert told.stopped_status == 0
    assert told.stopped["sessions"] == []


def test_the_next_start_takes_the_session_up_and_closes_it(told: Told) -> None:
    assert told.finished == {"account": told.stopped["account"], "sessions": [DAY]}


def test_replay_decides_the_same_across_the_stop(told: Told) -> None:
    assert told.parity["identical"] is True
    assert told.parity["decisions"] > 100
    assert told.parity["fills"] > 0


def test_each_session_is_proved_when_it_closes(told: Told) -> None:
    assert f"parity of {DAY}: IDENTICAL" in told.words


def test_status_tells_of_an_account_that_was_stopped(told: Told) -> None:
    assert told.status["state"] == "stopped"
    assert told.status["account"] == told.finished["account"]
    assert "password" not in json.dumps(told.status)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--start", "soon"], "soon"),
        (["--symbols", "NOBODY"], "NOBODY"),
    ],
)
def test_a_wrong_word_is_one_sentence(words: list[str], expected: str, tmp_path: Path) -> None:
    ended = subprocess.run(
        words_of(tmp_path, *words),
        env=environment(tmp_path),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert ended.returncode == 2
    assert expected in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1


def test_one_key_without_the_other_is_an_error_before_anything_trades(tmp_path: Path) -> None:
    ended = subprocess.run(
        words_of(tmp_path),
        env=environment(tmp_path) | {"ALPACA_API_KEY": "PKONLY"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert ended.returncode == 2
    assert "ALPACA_SECRET_KEY is missing" in ended.stderr
    assert "PKONLY" not in ended.stderr
