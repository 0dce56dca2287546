"""`catalyst data pull`: two commands from nothing to a backtest, and whatever interrupts them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from vendor_pulls import bytes_of
from vendor_server import KEY, SECRET, VendorServer

PULL = ("data", "pull", "bars", "news", "actions", "--symbols", "AAA,BBB,BRK.B")
# Ninety sessions.
QUARTER = ("--start", "2024-01-02", "--end", "2024-05-09")


@dataclass(frozen=True)
class Ended:
    status: int
    out: str
    err: str


@pytest.fixture
def server() -> Iterator[VendorServer]:
    with VendorServer() as running:
        # A bar every quarter of an hour, so that ninety sessions take seconds.
        running.market.minutes_apart = 15
        yield running


@pytest.fixture
def environment(server: VendorServer, tmp_path: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("ALPACA", "CATALYST", "COV"))}
    return kept | {
        "CATALYST_HOME": str(tmp_path / "home"),
        "ALPACA_API_KEY": KEY,
        "ALPACA_SECRET_KEY": SECRET,
        "ALPACA_DATA_URL": server.url,
        "YAHOO_URL": server.url,
        "COLUMNS": "200",
    }


Catalyst = Callable[..., Ended]


@pytest.fixture
def catalyst(
    environment: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Catalyst]:
    """Run the command line in this process, which is faster."""
    from catalyst.cli import app
    from catalyst.data import settings

    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("CATALYST_LAKE", raising=False)
    monkeypatch.chdir(tmp_path)
    settings.settings.cache_clear()

    def run(*arguments: object, **changes: str) -> Ended:
        for name, value in changes.items():
            monkeypatch.setenv(name, value)
        settings.settings.cache_clear()
        monkeypatch.setattr(sys, "argv", ["catalyst", *map(str, arguments)])
        capsys.readouterr()
        status: object = 0
        try:
            app.main()
        except SystemExit as stop:
            status = stop.code or 0
        told = capsys.readouterr()

        assert isinstance(status, int)

        return Ended(status, told.out, told.err)

    yield run
    settings.settings.cache_clear()


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "catalyst.cli.app", *map(str, arguments)]


def started(environment: dict[str, str], folder: Path, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command(*arguments),
        env=environment,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(server: VendorServer, requests: int) -> None:
    until = time.monotonic() + 60
    while len(server.paths()) < requests and time.monotonic() < until:
        time.sleep(0.01)


def test_two_commands_lead_from_nothing_to_a_backtest_whatever_kills_the_first(
    server: VendorServer, catalyst: Catalyst, environment: dict[str, str], tmp_path: Path
) -> None:
    smooth = catalyst(*PULL, *QUARTER, "--lake", "smooth", "--json")
    asked = sorted(json.dumps(query) for query in server.queries(""))
    server.seen.clear()
    server.latency_s = 0.15
    killed = []
    for requests in (3, 4):
        before = len(server.paths())
        running = started(environment, tmp_path, *PULL, *QUARTER)
        wait_for(server, before + requests)
        killed.append(running.poll() is None)
        os.kill(running.pid, signal.SIGKILL)
        running.communicate()
    done = len(server.paths())
    server.latency_s = 0.0
    resumed = catalyst(*PULL, *QUARTER)
    lake = tmp_path / "home" / "lake" / "alpaca"
    again = sorted(json.dumps(query) for query in server.queries(""))
    replayed = catalyst("backtest", "--lake", lake, "--out", "run", "--json")

    assert (smooth.status, resumed.status, replayed.status) == (0, 0, 0), resumed.err + replayed.err
    assert killed == [True, True]
    assert bytes_of(lake) == bytes_of(tmp_path / "smooth")
    # Each kill costs the request that was under way, and pages of its chunk that were not stored.
    assert set(again) == set(asked)
    assert len(again) - len(asked) < done
    assert json.loads(smooth.out)["tables"]["bars"]["imported"] == 90 * 26 * 3
    assert json.loads(replayed.out)["timeframe"] == "1m"
    assert f"next: catalyst backtest --lake {lake}" in resumed.err


def test_ctrl_c_says_how_to_go_on(
    server: VendorServer, environment: dict[str, str], tmp_path: Path
) -> None:
    server.latency_s = 0.2
    running = started(environment, tmp_path, *PULL, *QUARTER)
    wait_for(server, 3)
    running.send_signal(signal.SIGINT)
    _, told = running.communicate()

    assert running.returncode == 130
    assert told.strip().endswith("is whole, and the same command goes on where it was cut short")
    assert "Traceback" not in told


@pytest.mark.parametrize("missing", ["ALPACA_API_KEY", "ALPACA_SECRET_KEY"])
def test_without_a_key_nothing_is_fetched_and_both_are_named(
    server: VendorServer, catalyst: Catalyst, missing: str, tmp_path: Path
) -> None:
    ended = catalyst(*PULL, *QUARTER, **{missing: ""})

    assert (ended.status, server.paths()) == (2, [])
    assert ended.err == (
        "catalyst: ALPACA_API_KEY and ALPACA_SECRET_KEY must both be set, in the environment or in "
        ".env, to pull from alpaca; a free paper account at alpaca.markets has both\n"
    )
    assert not (tmp_path / "home" / "lake").exists()


def test_refused_keys_are_a_wrong_use_and_never_shown(
    server: VendorServer, catalyst: Catalyst
) -> None:
    ended = catalyst(*PULL, *QUARTER, ALPACA_SECRET_KEY=KEY[::-1])

    assert ended.status == 2
    assert ended.err.startswith("catalyst: alpaca refuses the keys (403: forbidden.)")
    assert not [word for word in (KEY, KEY[::-1]) if word in ended.err + ended.out]


def test_an_unknown_symbol_is_named_and_costs_status_1(
    server: VendorServer, catalyst: Catalyst, tmp_path: Path
) -> None:
    names = tmp_path / "names.txt"
    names.write_text("AAA, BAD1  # a typing error\n\nBRK-B\n")
    ended = catalyst(
        *("data", "pull", "bars", "--symbols", f"@{names}", "--timeframe", "1d", "--json"),
        *("--start", "2024-05-06", "--end", "2024-05-10"),
    )
    found = json.loads(ended.out)

    assert (ended.status, found["unknown"]) == (1, {"bars": ["BAD1"]})
    assert found["tables"]["bars"]["imported"] == 10
    assert (found["requests"], found["retries"]) == (2, 0)


def test_yfinance_needs_no_key_and_gives_daily_bars(
    server: VendorServer, catalyst: Catalyst, tmp_path: Path
) -> None:
    ended = catalyst(
        *("data", "pull", "bars", "actions", "--source", "yfinance", "--symbols", "AAA"),
        *QUARTER,
        "--json",
        ALPACA_API_KEY="",
    )
    found = json.loads(ended.out)

    assert (ended.status, ended.err) == (0, "")
    assert found["lake"] == str(tmp_path / "home" / "lake" / "yfinance")
    assert found["tables"]["bars"]["imported"] == 90


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("news", "--source", "yfinance", "--symbols", "AAA"), "yfinance has no news; it has bars"),
        (("bars", "--source", "bloomberg", "--symbols", "AAA"), "--source bloomberg is unknown"),
        (("bars", "--symbols", " , "), "names none; expected symbols"),
        (("bars", "--symbols", "AAA,no such"), "'no such' is no ticker"),
        (("bars", "--symbols", "@nowhere.txt"), "can't be read (FileNotFoundError)"),
        (("bars", "--symbols", "AAA", "--start", "yesterday"), "expected a date such as"),
        (
            ("bars", "--symbols", "AAA", "--start", "2024-05-02", "--end", "2024-05-01"),
            "--start 2024-05-02 is after --end 2024-05-01",
        ),
        (("bars", "--symbols", "AAA", "--end", "1889-01-01"), "outside the exchange calendar"),
        (("bars", "--symbols", "AAA", "--feed", "otc"), "--feed otc is unknown"),
        (("bars", "--symbols", "AAA", "--timeframe", "2m"), "'2m' is no timeframe"),
        (
            ("bars", "--source", "yfinance", "--symbols", "AAA", "--feed", "sip"),
            "--feed sip is for alpaca",
        ),
    ],
)
def test_a_wrong_use_is_one_sentence(
    catalyst: Catalyst, arguments: tuple[str, ...], told: str
) -> None:
    ended = catalyst("data", "pull", *arguments)

    assert (ended.status, ended.err.count("\n")) == (2, 1)
    assert told in ended.err


def test_the_synthetic_sample_takes_no_real_history(catalyst: Catalyst, tmp_path: Path) -> None:
    ended = catalyst(
        *("data", "pull", "bars", "--symbols", "AAA"),
        *("--lake", tmp_path / "home" / "lake" / "sample"),
    )

    assert ended.status == 2
    assert "is the bundled synthetic sample" in ended.err
