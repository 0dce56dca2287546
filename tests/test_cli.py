"""The command line: exit statuses, one-sentence errors, JSON, and what a run leaves behind."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest
from worlds import small_lake, small_run

from catalyst.cli import app as cli
from catalyst.data import settings
from catalyst.errors import ConservationError


@dataclass(frozen=True)
class Ended:
    status: int
    out: str
    err: str


Catalyst = Callable[..., Ended]


@pytest.fixture
def catalyst(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Catalyst:
    """Run the command line in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CATALYST_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("CATALYST_LAKE", raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    settings.settings.cache_clear()

    def run(*arguments: object) -> Ended:
        monkeypatch.setattr(sys, "argv", ["catalyst", *map(str, arguments)])
        capsys.readouterr()
        code: object = 0
        try:
            cli.main()
        except SystemExit as stop:
            code = stop.code or 0
        told = capsys.readouterr()

        assert isinstance(code, int)

        return Ended(code, told.out, told.err)

    return run


@pytest.fixture
def lake() -> Path:
    return small_lake().root


def test_importing_the_command_line_loads_nothing_heavy() -> None:
    heavy = ("numba", "polars", "pandas", "vectorbt", "pyarrow", "duckdb", "exchange_calendars")
    code = f"import sys, catalyst.cli.app; print([m for m in {heavy} if m in sys.modules])"
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    assert told.stdout.strip() == "[]"


def test_no_command_prints_help_and_a_version_is_one_line(catalyst: Catalyst) -> None:
    assert "backtest" in catalyst().out
    assert len(catalyst("--version").out.strip().splitlines()) == 1


# --- backtest ----------------------------------------------------------------------------------


def test_a_backtest_writes_its_run_and_points_latest_to_it(
    lake: Path, catalyst: Catalyst, tmp_path: Path
) -> None:
    told = catalyst("backtest", "--lake", lake, "--start", "2023-07-10", "--symbols", "ZQAR,ZQAS")
    latest = tmp_path / "runs" / "latest"
    summary = json.loads((latest / "summary.json").read_text(encoding="utf-8"))

    assert told.status == 0
    assert latest.is_symlink()
    assert latest.resolve().parent == tmp_path / "runs"
    assert latest.resolve().name.startswith("spec-")
    assert (summary["start"], summary["symbols"]) == ("2023-07-10", 2)
    assert "net return" in told.out
    assert summary["decision_digest"][:16] in told.out


def test_a_second_backtest_needs_force_and_latest_follows(
    lake: Path, catalyst: Catalyst, tmp_path: Path
) -> None:
    window = ("backtest", "--lake", lake, "--start", "2023-07-17", "--symbols", "ZQAR")
    first = catalyst(*window)
    again = catalyst(*window)
    forced = catalyst(*window, "--force")
    other = catalyst(*window, "--set", "screen.price_max=400")
    latest = (tmp_path / "runs" / "latest").resolve()

    assert (first.status, again.status, forced.status, other.status) == (0, 2, 0, 0)
    assert "--force" in again.err
    assert len([p for p in (tmp_path / "runs").iterdir() if not p.is_symlink()]) == 2
    found = json.loads((latest / "summary.json").read_text(encoding="utf-8"))
    assert found["params"]["screen"]["price_max"] == 400.0


def test_json_is_all_there_is_on_stdout(lake: Path, catalyst: Catalyst, tmp_path: Path) -> None:
    told = catalyst(
        "backtest", "--lake", lake, "--start", "2023-07-17", "--json", "--out", "x", "--verify"
    )
    written = (tmp_path / "x" / "summary.json").read_text(encoding="utf-8")

    assert told.status == 0
    assert json.loads(told.out) == json.loads(written)


def test_the_command_and_the_library_write_the_same_decisions(
    lake: Path, catalyst: Catalyst
) -> None:
    told = catalyst("backtest", "--lake", lake, "--json", "--out", "x")

    assert json.loads(told.out)["decision_digest"] == small_run().summary["decision_digest"]


def test_an_output_elsewhere_leaves_latest_alone(
    lake: Path, catalyst: Catalyst, tmp_path: Path
) -> None:
    catalyst("backtest", "--lake", lake, "--start", "2023-07-18", "--out", tmp_path / "a" / "b")

    assert (tmp_path / "a" / "b" / "summary.json").exists()
    assert not (tmp_path / "runs").exists()


def test_lower_case_symbols_are_understood(lake: Path, catalyst: Catalyst) -> None:
    told = catalyst(
        "backtest", "--lake", lake, "--start", "2023-07-18", "--symbols", " ZQAR , ZQAS,", "--json"
    )

    assert json.loads(told.out)["symbols"] == 2


def test_a_broken_law_is_status_one(
    lake: Path, catalyst: Catalyst, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ConservationError("cash is 1 USD, but fills give 2; this is a bug")

    monkeypatch.setattr("catalyst.research.replay.replay", broken)
    told = catalyst("backtest", "--lake", lake)

    assert (told.status, told.err) == (
        1,
        "catalyst: cash is 1 USD, but fills give 2; this is a bug\n",
    )


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--lake", "nowhere"], "nowhere"),
        (["--lake", "EMPTY"], "is empty"),
        (["--lake", "FILE"], "FILE"),
        (["--variant", "specc"], "specc"),
        (["--variant", "BROKEN.yaml"], "not YAML"),
        (["--variant", "UNKNOWN.yaml"], "screen.colour"),
        (["--variant", "LATIN.yaml"], "LATIN.yaml"),
        (["--variant", "EMPTY"], "EMPTY"),
        (["--set", "screen.price_max=-5"], "screen.price_max"),
        (["--set", "screen.price_max"], "screen.price_max"),
        (["--set", "screen.nothing=1"], "screen.nothing"),
        (["--set", "risk.stop_frac=[1, 2"], "risk.stop_frac"),
        (["--set", "screen.price_max=.nan"], "screen.price_max"),
        (["--set", "=1"], "no parameter"),
        (["--start", "yesterday"], "yesterday"),
        (["--start", "2023-02-30"], "2023-02-30"),
        (["--start", "2023-07-14", "--end", "2023-07-10"], "2023-07-14"),
        (["--start", "2030-01-02"], "2030-01-02"),
        (["--end", "1999-01-04"], "1999-01-04"),
        (["--symbols", "NOPE"], "NOPE"),
        (["--symbols", ","], "--symbols"),
        (["--timeframe", "7m"], "7m"),
        (["--timeframe", "1d"], "1d"),
        (["--out", "EMPTY/../TAKEN"], "TAKEN"),
        (["--out", "FILE"], "FILE"),
        (["--out", "FILE/below"], "FILE"),
        (["--out", "TAKEN", "--force"], "TAKEN"),
        (["--no-such-option"], "--no-such-option"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_is_one_sentence_that_names_it(
    arguments: list[str], named: str, lake: Path, catalyst: Catalyst, tmp_path: Path
) -> None:
    (tmp_path / "EMPTY").mkdir()
    (tmp_path / "TAKEN").mkdir()
    (tmp_path / "TAKEN" / "thesis.txt").write_text("mine", encoding="utf-8")
    (tmp_path / "FILE").write_text("mine", encoding="utf-8")
    (tmp_path / "BROKEN.yaml").write_text("screen: {price_max: [", encoding="utf-8")
    (tmp_path / "UNKNOWN.yaml").write_text("screen: {colour: 3}", encoding="utf-8")
    (tmp_path / "LATIN.yaml").write_bytes(b"variant: caf\xe9\n")
    told = catalyst("backtest", "--lake", lake, *arguments)

    assert told.status == 2
    assert named in told.err
    assert "Traceback" not in told.err + told.out
    assert told.out == ""
    if "--no-such-option" not in arguments:
        assert told.err.startswith("catalyst: ")
        assert len(told.err.strip().splitlines()) == 1
    assert (tmp_path / "TAKEN" / "thesis.txt").read_text(encoding="utf-8") == "mine"
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["bars", "missing.csv"], "missing.csv"),
        (["bars", "binary.csv", "--timeframe", "5m", "--symbol", "A"], "binary.csv"),
        (["bars", "binary.parquet", "--timeframe", "5m", "--symbol", "A"], "binary.parquet"),
        (["bars", "words.csv", "--timeframe", "5m", "--symbol", "A"], "words.csv"),
        (["bars", "good.csv", "--symbol", "A"], "timeframe"),
        (["bars", "good.csv", "--timeframe", "5m"], "symbol"),
        (["bars", "good.csv", "--timeframe", "3w", "--symbol", "A"], "3w"),
        (["bars", "good.csv", "--timeframe", "5m", "--symbol", "A", "--tz", "Mars/Base"], "Mars"),
        (["bars", "good.csv", "--timeframe", "5m", "--symbol", "A", "--stamp", "mid"], "mid"),
        (["bars", "good.csv", "--timeframe", "5m", "--symbol", "A", "--adjustment", "x"], "x"),
        (["bars", "good.csv", "--timeframe", "5m", "--symbol", "A", "--format", "xml"], "xml"),
        (["bars", "good.csv", "--timeframe", "5m", "--symbol", "A", "--map", "ts"], "ts"),
        (["bars", "good.csv", "--timeframe", "5m", "--symbol", "A", "--map", "ts=nope"], "nope"),
        (["bars", "empty.csv", "--timeframe", "5m", "--symbol", "A"], "empty.csv"),
        (["news", "words.csv"], "words.csv"),
        (["news", "good.csv", "--timeframe", "5m"], "--timeframe"),
        (["quotes", "good.csv"], "quotes"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_file_that_cannot_be_imported_is_named(
    arguments: list[str], named: str, catalyst: Catalyst, tmp_path: Path
) -> None:
    noise = bytes(range(256)) * 40
    (tmp_path / "binary.csv").write_bytes(noise)
    (tmp_path / "binary.parquet").write_bytes(noise)
    (tmp_path / "words.csv").write_text("colour,shape\nred,round\n", encoding="utf-8")
    (tmp_path / "empty.csv").write_text("", encoding="utf-8")
    (tmp_path / "good.csv").write_text(
        "ts,open,high,low,close,volume\n2024-01-02 09:30,1,2,1,2,100\n", encoding="utf-8"
    )
    told = catalyst("data", "import", *arguments, "--lake", tmp_path / "new")

    assert told.status == 2
    assert named in told.err
    assert "Traceback" not in told.err + told.out


def test_data_commands_answer_in_json(lake: Path, catalyst: Catalyst, tmp_path: Path) -> None:
    out = tmp_path / "bars.parquet"
    summary = json.loads(catalyst("data", "summary", "--lake", lake, "--json").out)
    window = ("--start", "2023-07-17", "--end", "2023-07-17")
    exported = json.loads(
        catalyst("data", "export", "bars", out, "--lake", lake, *window, "--json").out
    )
    told = catalyst("data", "import", "bars", out, "--lake", tmp_path / "new", "--json")
    report = json.loads(told.out)

    assert summary["lake"] == str(lake)
    assert exported["rows"] == pl.read_parquet(out).height == report["given"] == report["imported"]
    assert (report["duplicates"], report["quarantined"], report["by_rule"]) == (0, 0, {})


def test_a_bad_row_is_counted_and_the_rest_imported(catalyst: Catalyst, tmp_path: Path) -> None:
    (tmp_path / "some.csv").write_text(
        "ts,open,high,low,close,volume\n2024-01-02 09:30,1,2,1,2,100\n2024-01-02 09:35,5,2,1,2,9\n",
        encoding="utf-8",
    )
    told = catalyst(
        "data", "import", "bars", "some.csv", "--symbol", "A", "--timeframe", "5m",
        "--lake", tmp_path / "new", "--json",
    )  # fmt: skip
    report = json.loads(told.out)

    assert told.status == 0
    assert (report["given"], report["imported"], report["quarantined"]) == (2, 1, 1)


@pytest.mark.parametrize(("tz", "warned"), [([], True), (["--tz", "UTC"], False)])
def test_a_file_that_seems_to_be_of_another_zone_is_told(
    catalyst: Catalyst, tmp_path: Path, tz: list[str], *, warned: bool
) -> None:
    # Regular hours of June in UTC, 13:30 to 20:00; read as New York time they outlast 20:00.
    times = [f"2024-06-03 {hour}:{minute:02}" for hour in range(14, 21) for minute in (0, 30)]
    rows = "".join(f"{ts},1,1,1,1,9\n" for ts in times)
    (tmp_path / "a.csv").write_text("ts,open,high,low,close,volume\n" + rows, encoding="utf-8")

    ended = catalyst(
        "data", "import", "bars", "a.csv", "--symbol", "A", "--timeframe", "5m", "--lake", "l", *tz
    )

    assert ended.status == 0
    assert ("if the file has another zone" in ended.err) == warned
