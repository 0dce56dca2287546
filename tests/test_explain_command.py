"""``catalyst explain``: what a trader sees in a terminal, what a machine reads, what goes wrong."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import polars as pl
import pytest
from worlds import copied, scratch, small_lake, small_run

from catalyst.cli import app as cli
from catalyst.data import settings
from catalyst.research.result import Result

Catalyst = Callable[..., tuple[int, str, str]]


@cache
def saved_run() -> Path:
    """Save a copy of the small run, so that other tests keep theirs in its temporary folder."""
    place = scratch() / "explained"
    place.mkdir()
    for path in small_run().folder.iterdir():
        (place / path.name).write_bytes(path.read_bytes())
    return place


@pytest.fixture
def catalyst(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Catalyst:
    """Run the command line in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CATALYST_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("CATALYST_LAKE", raising=False)
    settings.settings.cache_clear()

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["catalyst", "explain", *map(str, arguments)])
        capsys.readouterr()
        code: object = 0
        try:
            cli.main()
        except SystemExit as stop:
            code = stop.code or 0
        told = capsys.readouterr()

        assert isinstance(code, int)

        return code, told.out, told.err

    return run


def where() -> tuple[object, ...]:
    return "--run", saved_run(), "--lake", small_lake().root


def a_trade() -> dict[str, object]:
    return small_run().trades.row(0, named=True)


def test_a_trade_is_told_by_its_id_as_in_python(catalyst: Catalyst) -> None:
    trade_id = a_trade()["trade_id"]
    status, out, _ = catalyst(trade_id, *where())

    assert (status, out) == (0, f"{small_run().explain(str(trade_id))}\n")


def test_no_line_is_wider_than_a_hundred_letters(catalyst: Catalyst) -> None:
    _, out, _ = catalyst(a_trade()["trade_id"], *where())

    assert max(map(len, out.splitlines())) <= 100


def test_json_holds_the_numbers_of_the_table(catalyst: Catalyst) -> None:
    trade = a_trade()
    status, out, err = catalyst(trade["trade_id"], "--json", *where())
    told = json.loads(out)["values"]

    assert (status, err) == (0, "")
    assert {name: told[name] for name in ("entry_price", "exit_price", "confidence")} == {
        name: trade[name] for name in ("entry_price", "exit_price", "confidence")
    }


def test_why_not_and_session_are_options(catalyst: Catalyst) -> None:
    rows = small_run().candidates.filter(pl.col("reason") == "catalyst_min")
    row = rows.row(0, named=True)
    at = f"{row['symbol']}@{row['decided_at']:%Y-%m-%dT%H:%M}Z"
    day = f"{row['decided_at']:%Y-%m-%d}"
    _, stopped, _ = catalyst("--why-not", at, *where())
    _, session, _ = catalyst("--session", day, *where())

    assert "has a catalyst score below the minimum" in stopped
    assert session.startswith(f"{day}: ")


def test_the_lake_may_be_the_default_one(
    catalyst: Catalyst, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CATALYST_LAKE", str(small_lake().root))
    settings.settings.cache_clear()
    status, _, _ = catalyst(a_trade()["trade_id"], "--run", saved_run())

    assert status == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "explain needs one subject"),
        (("abcdef", "--session", "2023-06-20"), "explain needs one subject"),
        (("abcdef",), "has no id that begins with 'abcdef'"),
        (("\x1b]0;x\x07",), "neither an id nor a symbol"),
        (("--session", "2023-06-19"), "the next one is 2023-06-20"),
    ],
)
def test_wrong_use_is_one_sentence_and_status_2(
    catalyst: Catalyst, arguments: tuple[str, ...], message: str
) -> None:
    status, out, err = catalyst(*arguments, *where())

    assert (status, out) == (2, "")
    assert message in err
    assert "\x1b" not in err
    assert "Traceback" not in err
    assert len(err.splitlines()) == 1


def test_a_folder_that_is_no_run_says_what_to_do(catalyst: Catalyst, tmp_path: Path) -> None:
    status, _, err = catalyst("abcdef", "--run", tmp_path)

    assert status == 2
    assert "is not the folder of a run" in err


def test_without_any_run_the_first_step_is_named(catalyst: Catalyst) -> None:
    status, _, err = catalyst("abcdef")

    assert status == 2
    assert "make one with catalyst backtest" in err


def test_a_lake_with_other_data_is_refused(catalyst: Catalyst, tmp_path: Path) -> None:
    other = copied(small_lake(), tmp_path / "other")
    other.add_news(
        pl.DataFrame({"headline": ["$ZQAA new"], "published_at": ["2023-06-20T12:00:00Z"]})
    )
    status, _, err = catalyst("abcdef", "--run", saved_run(), "--lake", other.root)

    assert status == 2
    assert "data digest" in err


def test_help_shows_examples(catalyst: Catalyst) -> None:
    status, out, _ = catalyst("--help")

    assert status == 0
    assert "catalyst explain --why-not AAPL@2015-03-02T10:05" in out


def test_an_opened_run_tells_the_same_story(tmp_path: Path) -> None:
    opened = Result.open(saved_run(), small_lake())
    trade_id = str(a_trade()["trade_id"])

    assert opened.explain(trade_id) == small_run().explain(trade_id)
