"""Imports: any reasonable file in, every row accounted for, every guess said."""

from __future__ import annotations

import datetime as dt
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lake_rows import at, bar, bars, fingerprint
from typer.testing import CliRunner

from catalyst.cli.data import app
from catalyst.data.calendar import day_to_date
from catalyst.data.formats import open_file
from catalyst.data.lake import Lake
from catalyst.data.reports import ImportReport
from catalyst.data.stamps import parse_stamps, stamp_ns
from catalyst.data.symbols import joined_symbol, joined_symbols
from catalyst.errors import CatalystError, ImportFileError, InputError, InvariantError

HEADER = "symbol,time,open,high,low,close,volume\n"
GOOD = "AAPL,2014-06-09 09:30,10,11,9,10.5,100\n"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake", create=True)


def _written(tmp_path: Path, text: str | bytes, name: str = "bars.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def _imported(lake: Lake, path: Path, **options: str) -> ImportReport:
    from catalyst.data.bar_intake import BarOptions
    from catalyst.data.imports import import_bars

    opened = open_file(path, table="bars")
    return import_bars(lake.root, [opened], BarOptions(**({"timeframe": "1m"} | options)))  # type: ignore[arg-type]


# One row for each rule, beside a sound one.
_BROKEN = {
    "symbol": ",2014-06-09 09:31,10,11,9,10.5,100",
    "stamp": "AAPL,yesterday,10,11,9,10.5,100",
    "calendar": "AAPL,2099-06-09 09:31,10,11,9,10.5,100",
    "session": "AAPL,2014-06-08 09:31,10,11,9,10.5,100",
    "grid": "AAPL,2014-06-09 09:31:30,10,11,9,10.5,100",
    "missing": "AAPL,2014-06-09 09:31,null,11,9,10.5,100",
    "number": "AAPL,2014-06-09 09:31,ten,11,9,10.5,100",
    "price": "AAPL,2014-06-09 09:31,0,11,0,10.5,100",
    "range": "AAPL,2014-06-09 09:31,10,10.2,9,10.5,100",
    "volume": "AAPL,2014-06-09 09:31,10,11,9,10.5,-1",
    "columns": "AAPL,2014-06-09 09:31,10,11,9,10.5",
}


@pytest.mark.parametrize(
    ("rule", "row"),
    [*_BROKEN.items(), ("volume", "AAPL,2014-06-09 09:31,10,11,9,10.5,1e308")],
)
def test_a_row_that_breaks_a_rule_is_kept_whole_with_file_line_and_rule(
    lake: Lake, tmp_path: Path, rule: str, row: str
) -> None:
    path = _written(tmp_path, HEADER + GOOD + row + "\n")

    report = _imported(lake, path)
    [kept] = lake.quarantine().to_dicts()

    assert (report.given, report.imported, report.by_rule) == (2, 1, {rule: 1})
    assert (kept["table"], kept["file"], kept["line"], kept["rule"]) == ("bars", str(path), 3, rule)
    text = json.loads(kept["row"])
    assert (text if isinstance(text, str) else ",".join(text.values())) == row


@pytest.mark.parametrize(
    ("stamp", "rule"),
    [
        ("2014-06-09 03:59", "session"),
        ("2014-06-09 20:00", "session"),
        ("2014-07-04 10:00", "session"),
        ("2014-03-09 02:30", "stamp"),
        ("2014-11-02 01:30", "stamp"),
    ],
)
def test_a_bar_outside_extended_hours_or_at_no_one_time_is_refused(
    lake: Lake, stamp: str, rule: str
) -> None:
    frame = pl.DataFrame([bar() | {"ts": stamp}])

    report = lake.add_bars(frame, timeframe="1m")

    assert report.by_rule == {rule: 1}


@pytest.mark.parametrize("stamp", ["09:00", "09:30", "15:30", "19:00"])
def test_hourly_bars_start_on_the_clock_or_count_from_the_open(lake: Lake, stamp: str) -> None:
    frame = pl.DataFrame([bar() | {"ts": f"2014-06-09 {stamp}"}])

    assert lake.add_bars(frame, timeframe="1h").imported == 1


_CELLS = """null NaN inf -1 0 1 2 2.5 1e308 x AAPL 2014-06-08 14_HOURS_AGO 1402320600
2014-06-09T09:30 2014-06-09T09:31"""
_CELL = st.sampled_from(["", *_CELLS.split()])
_LIKELY_ROW = st.tuples(
    st.sampled_from(["AAPL", "BRK-A", "NAN"]),
    st.sampled_from(["2014-06-09 09:30", "2014-06-09 09:31"]),
    st.just("2"),
    st.sampled_from(["2", "3"]),
    st.sampled_from(["1", "2"]),
    st.just("2"),
    st.sampled_from(["0", "7"]),
)
_ROW = st.one_of(_LIKELY_ROW, st.lists(_CELL, min_size=6, max_size=8).map(tuple))


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(_ROW, max_size=25))
def test_every_row_given_is_imported_a_duplicate_or_in_quarantine(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, ...]]
) -> None:
    folder = tmp_path_factory.mktemp("law")
    # A row of seven empty cells is a blank line to no one, but nothing is given in it either.
    rows = [row for row in rows if any(row)]
    path = _written(folder, HEADER + "".join(",".join(row) + "\n" for row in rows))
    lake = Lake(folder / "lake", create=True)

    first = _imported(lake, path)
    second = _imported(lake, path)

    assert first.given == len(rows)
    assert first.imported + first.duplicates + first.quarantined == len(rows)
    assert lake.bars("1m").height == first.imported
    assert lake.quarantine().height == first.quarantined
    assert (second.imported, second.quarantined) == (0, first.quarantined)


def test_a_report_that_loses_a_row_is_a_bug() -> None:
    with pytest.raises(InvariantError, match="accounts for 1 imported"):
        ImportReport("bars", given=3, imported=1, duplicates=1, quarantined=0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2014-06-09 09:30:00", "2014-06-09T09:30"),
        ("2014-06-09T13:30:00Z", "2014-06-09T09:30"),
        ("2014-06-09T15:30:00+02:00", "2014-06-09T09:30"),
        ("6/9/2014 9:30", "2014-06-09T09:30"),
        ("06/09/2014 9:30 AM", "2014-06-09T09:30"),
        ("20140609T093000", "2014-06-09T09:30"),
        ("20140609 09:30", "2014-06-09T09:30"),
        ("1402320600", "2014-06-09T09:30"),
        ("1402320600000", "2014-06-09T09:30"),
        ("1402320600000000000", "2014-06-09T09:30"),
        ("Mon, 09 Jun 2014 13:30:00 GMT", "2014-06-09T09:30"),
        ("January 25, 2024 — 03:33 am EST", "2024-01-25T03:33"),
        ("JAN 25, 2024", "2024-01-25T00:00"),
        ("9-Jun-2014", "2014-06-09T00:00"),
        ("14 HOURS AGO", None),
        ("2014-02-30", None),
        ("9999-12-31", None),
        ("null", None),
        ("", None),
    ],
)
def test_times_are_read_as_vendors_write_them(text: str, expected: str | None) -> None:
    mixed = pl.Series("t", ["2014-06-09 09:30:00", text])

    alone = parse_stamps(mixed.tail(1), tz="America/New_York")
    beside = parse_stamps(mixed, tz="America/New_York")

    instant = None if expected is None else stamp_ns(at(expected))
    assert alone.ns.to_list() == [instant]
    assert beside.ns[1] == instant


@pytest.mark.parametrize(
    ("stamp", "day"),
    [
        ("2014-06-09", "2014-06-09"),
        ("2014-06-09 00:00:00-04:00", "2014-06-09"),
        ("2014-06-09T00:00:00Z", "2014-06-09"),
        ("2014-06-09T04:00:00Z", "2014-06-09"),
        ("2014-06-09T20:00:00Z", "2014-06-09"),
        ("2014-06-10T01:00:00Z", "2014-06-09"),
        ("20140609", "2014-06-09"),
        ("1402272000", "2014-06-09"),
    ],
)
def test_midnight_in_its_own_zone_names_a_date(stamp: str, day: str) -> None:
    found = parse_stamps(pl.Series("t", [stamp]), tz="America/New_York")

    assert day_to_date(found.day[0]).isoformat() == day


@given(st.integers(stamp_ns("1990-01-02") // 10**9, stamp_ns("2049-01-01") // 10**9))
def test_an_instant_is_read_the_same_from_text_number_and_type(seconds: int) -> None:
    moment = dt.datetime.fromtimestamp(seconds, dt.UTC)
    columns = [
        pl.Series("t", [moment]),
        pl.Series("t", [seconds]),
        pl.Series("t", [seconds * 1000]),
        pl.Series("t", [str(seconds)]),
        pl.Series("t", [moment.isoformat()]),
        pl.Series("t", [moment.strftime("%m/%d/%Y %H:%M:%S")]),
    ]

    found = {parse_stamps(column, tz="UTC").ns[0] for column in columns}

    assert found == {seconds * 10**9}


def test_a_date_format_reads_what_is_not_known_here() -> None:
    day_first = parse_stamps(
        pl.Series("t", ["09.06.2014 09:30"]), tz="UTC", date_format="%d.%m.%Y %H:%M"
    )

    assert day_first.ns.to_list() == [stamp_ns("2014-06-09T09:30:00Z")]
    with pytest.raises(ImportFileError, match="expected strftime letters"):
        parse_stamps(pl.Series("t", ["x"]), tz="UTC", date_format="%H %Q")


def test_a_stamp_at_the_end_of_a_bar_is_moved_to_its_start(lake: Lake) -> None:
    lake.add_bars(bars(bar("2014-06-09T09:35")), timeframe="5m", stamp="end")

    assert lake.bars("5m")["ts"].to_list() == [at("2014-06-09T09:30")]


@pytest.mark.parametrize("given", ["BRK-A", "brk.a", "BRK/A", " Brk.A "])
def test_share_classes_have_one_spelling(given: str) -> None:
    column = pl.DataFrame({"s": [given]}).select(joined_symbols(pl.col("s"))).item()

    assert column == joined_symbol(given) == "BRK.A"


def test_tickers_that_look_like_values_and_long_ids_survive_as_text(
    lake: Lake, tmp_path: Path
) -> None:
    names = ["NAN", "INF", "TRUE", "NULL", "007"]
    text = "id," + HEADER + "".join(f"90071992547409931,{GOOD.replace('AAPL', n)}" for n in names)

    report = _imported(lake, _written(tmp_path, text))

    assert report.imported == len(names)
    assert lake.symbols("1m") == sorted(names)


@pytest.mark.parametrize(
    "content",
    [
        ("\ufeff" + HEADER + GOOD).encode(),
        (HEADER + GOOD).replace(",", ";").encode(),
        (HEADER + GOOD).replace(",", "\t").encode(),
        (HEADER + GOOD).replace("\n", "\r\n").encode(),
        (HEADER + GOOD).replace(",", " , ").encode(),
        (HEADER + GOOD).encode("utf-16"),
        ("\n\n" + HEADER + "\n" + GOOD + "\n\n").encode(),
        HEADER.replace("symbol", "Ticker").upper().encode() + GOOD.encode(),
        b"symbol,date,close,time,high,low,open,vol\nAAPL,06/09/2014,10.5,09:30,11,9,10,100\n",
        b'symbol,time,open,high,low,close,volume\n0,AAPL,2014-06-09 09:30,10,11,9,10.5,"100"\n',
    ],
)
def test_the_same_bar_is_read_from_many_dialects(
    lake: Lake, tmp_path: Path, content: bytes
) -> None:
    report = _imported(lake, _written(tmp_path, content))
    [found] = lake.bars("1m").to_dicts()

    assert report.given == report.imported == 1
    assert (found["symbol"], found["ts"]) == ("AAPL", at("2014-06-09T09:30"))
    assert [found[n] for n in ("open", "high", "low", "close", "volume")] == [10, 11, 9, 10.5, 100]


def test_lines_are_those_of_the_file_even_after_records_of_several_lines(tmp_path: Path) -> None:
    text = '\nhead,x\n"a\nb",1\n\nc,2\nd\ne,3\n"f\n\ng",4,5\nh,6\n'

    [given] = open_file(_written(tmp_path, text), table="bars").blocks()

    assert given.line is not None
    assert dict(zip(given.frame["head"], given.line.tolist(), strict=True)) == {
        "a\nb": 3,
        "c": 6,
        "e": 8,
        "h": 12,
    }
    assert [(line, rule) for line, rule, _ in given.broken] == [(7, "columns"), (9, "columns")]
    assert len(given) == 6


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        (b"", "x.csv", "is empty"),
        (b"\x00\x01\x02" * 50, "x.csv", "is binary"),
        (b"PAR1 and then nothing", "x.parquet", "can't be read as Parquet"),
        (b"hello", "x.csv", "has one column only"),
        (b"a,b\n1,2\n", "x.bin", "its name does not say what it is"),
    ],
)
def test_a_file_that_is_none_is_one_sentence(
    tmp_path: Path, content: bytes, name: str, message: str
) -> None:
    with pytest.raises(ImportFileError, match=message):
        list(open_file(_written(tmp_path, content, name), table="bars").blocks())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "does not say the timeframe"),
        ({"timeframe": "7m"}, "'7m' is no timeframe; expected one of 1m, 5m, 15m, 1h, 1d"),
        ({"timeframe": "1m", "tz": "Mars/City"}, "'Mars/City' is no time zone"),
        ({"timeframe": "1m", "stamp": "middle"}, "expected start or end"),
        ({"timeframe": "1m", "adjustment": "most"}, "expected one of raw, split, all"),
        ({"timeframe": "1m", "mapping": {"opn": "open"}}, "'opn', which this table has not"),
        ({"timeframe": "1m", "mapping": {"open": "Eröffnung"}}, "a column that .* has not"),
    ],
)
def test_a_wrong_option_is_named_with_what_was_expected(
    lake: Lake, options: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        lake.add_bars(bars(bar()), **options)  # type: ignore[arg-type]


def test_a_missing_column_is_named_with_those_that_there_are(lake: Lake) -> None:
    with pytest.raises(
        ImportFileError, match="no column for open, close; its columns are symbol, ts"
    ):
        lake.add_bars(bars(bar()).drop("open", "close"), timeframe="1m")


def test_what_is_guessed_and_what_is_ignored_is_said(lake: Lake) -> None:
    rows = bars(bar()).rename({"open": "O", "volume": "Vol"}).with_columns(vwap=pl.lit(1.0))

    report = lake.add_bars(rows, timeframe="1m")

    assert report.notes == (
        "columns guessed by name: open=O, volume=Vol",
        "columns not used: vwap",
    )


def test_a_date_without_a_time_is_known_in_the_evening_and_never_at_midnight(lake: Lake) -> None:
    bare = pl.DataFrame({"title": ["Apple rises"], "date": ["JUN 9, 2014"], "stock": ["AAPL"]})
    typed = bare.with_columns(title=pl.lit("Apple falls"), date=pl.datetime(2014, 6, 9))

    lake.add_news(bare)
    lake.add_news(typed)
    found = lake.news()

    assert found["known_at"].to_list() == [at("2014-06-09T20:00")] * 2
    assert found["published_at"].to_list() == [at("2014-06-09T20:00")] * 2
    assert found["known_is_assumed"].all()


@pytest.mark.parametrize(
    ("midnight", "published"),
    [
        (None, ["2014-06-09T10:00", "2014-06-09T20:00"]),
        ("time", ["2014-06-09", "2014-06-09T10:00"]),
    ],
)
def test_midnight_is_a_date_unless_it_is_said_to_be_a_time(
    lake: Lake, midnight: str | None, published: list[str]
) -> None:
    times = ["2014-06-09 00:00:00", "2014-06-09 10:00:00"]
    rows = pl.DataFrame({"title": ["Apple a", "Apple b"], "time": times})

    lake.add_news(rows, symbol="AAPL", midnight=midnight)

    assert lake.news()["published_at"].to_list() == [at(text) for text in published]


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"time": "14 HOURS AGO"}, "stamp"),
        ({"time": None}, "stamp"),
        ({"time": "2099-01-05 10:00"}, "calendar"),
        ({"title": "  "}, "headline"),
        ({"stock": "NOT A TICKER"}, "symbol"),
    ],
)
def test_news_without_a_time_a_headline_or_a_ticker_goes_to_quarantine(
    lake: Lake, change: dict[str, str | None], rule: str
) -> None:
    row = {"title": "Apple rises", "time": "2014-06-09 10:00", "stock": "AAPL"}

    report = lake.add_news(pl.DataFrame([row, row | change]))

    assert (report.imported, report.by_rule) == (1, {rule: 1})


@pytest.mark.parametrize(
    "written", ["['AAPL', 'MSFT']", '["AAPL","MSFT"]', "AAPL;MSFT", "msft|aapl"]
)
def test_several_tickers_in_one_text_are_several_links(lake: Lake, written: str) -> None:
    lake.add_news(pl.DataFrame({"title": ["Up"], "time": ["2014-06-09 10:00"], "stock": [written]}))

    assert lake.news()["symbol"].to_list() == ["AAPL", "MSFT"]


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["$AAPL up", "$BAC beats", "Apple falls", "L$D", "", "x\ny"]),
            st.sampled_from(["2014-06-09 10:00", "2014-06-09", "1 DAY AGO", ""]),
            st.sampled_from(["AAPL", "BAC", "D", "AAPL;D", "", "not one"]),
            st.sampled_from(["1", "2"]),
        ),
        max_size=12,
    )
)
def test_every_report_given_is_imported_a_duplicate_or_in_quarantine(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, ...]]
) -> None:
    schema = dict.fromkeys(["headline", "time", "symbol", "id"], pl.String)
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    lake = Lake(tmp_path_factory.mktemp("law"), create=True)

    first = lake.add_news(frame)
    before = fingerprint(lake.root, quarantine=True)
    second = lake.add_news(frame)

    assert first.given == len(rows)
    assert first.imported + first.duplicates + first.quarantined == len(rows)
    assert (second.imported, second.quarantined) == (0, first.quarantined)
    assert fingerprint(lake.root, quarantine=True) == before


def _run(*arguments: str | Path) -> dict[str, object]:
    result = CliRunner().invoke(app, [str(one) for one in arguments], catch_exceptions=False)

    assert result.exit_code == 0
    found: dict[str, object] = json.loads(result.stdout)
    return found


def test_the_command_line_imports_summarises_and_exports(tmp_path: Path) -> None:
    lake, out = tmp_path / "lake", tmp_path / "out.csv"
    folder = tmp_path / "daily"
    folder.mkdir()
    for name in ("AAPL", "BRK-B"):
        _written(
            folder, "date,o,h,l,c,v\n2014-06-09,10,11,9,10.5,1\nnull,1,1,1,1,1\n", f"{name}.csv"
        )

    report = _run(
        "import", "bars", folder, "--lake", lake, "--symbol", "@name", "--timeframe", "1d",
        "--adjustment", "split", "--source", "yahoo", "--json",
    )  # fmt: skip
    summary = _run("summary", "--lake", lake, "--json")
    written = _run("export", "bars", out, "--lake", lake, "--json")
    again = _run("import", "bars", out, "--lake", tmp_path / "copy", "--json")

    assert (report["files"], report["given"], report["imported"]) == (2, 4, 2)
    assert report["by_rule"] == {"stamp": 2}
    assert summary["bars"] == [
        {
            "timeframe": "1d",
            "symbols": 2,
            "sessions": 1,
            "rows": 2,
            "first": "2014-06-09",
            "last": "2014-06-09",
            "sources": ["yahoo"],
            "adjustment": {"split": 1.0},
            "assumed_share": 1.0,
        }
    ]
    assert summary["data_digest"] == Lake(lake).digest()
    assert (written["rows"], again["imported"]) == (2, 2)
    assert fingerprint(tmp_path / "copy") == fingerprint(lake)


def test_an_exported_table_of_news_imports_into_the_same_bytes(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake", create=True)
    frame = pl.DataFrame(
        {"headline": ["$AAPL, $BAC up", "Apple beats\nestimates"], "time": ["2014-06-09 10:00"] * 2}
    )
    lake.add_news(frame, symbol="AAPL")

    for name in ("news.csv", "news.parquet"):
        _run("export", "news", tmp_path / name, "--lake", lake.root, "--json")
        copy = tmp_path / name.replace(".", "-")
        first = _run("import", "news", tmp_path / name, "--lake", copy, "--json")
        again = _run("import", "news", tmp_path / name, "--lake", copy, "--json")

        assert first["imported"] == again["duplicates"] == lake.news().height
        assert fingerprint(copy) == fingerprint(lake.root)
    assert _run("enrich", "--lake", lake.root, "--json")["files_changed"] == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["import", "bars", "nowhere.csv"],
        ["import", "bars", ".", "--format", "xml"],
        ["import", "bars", ".", "--map", "open"],
        ["summary"],
        ["export", "bars", "out.xlsx"],
    ],
)
def test_wrong_use_is_one_of_our_errors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(CatalystError):
        CliRunner().invoke(app, [*arguments, "--lake", "lake"], catch_exceptions=False)


def test_help_shows_examples_and_needs_no_polars(repository: Path) -> None:
    code = (
        "import sys; from catalyst.cli.data import app\n"
        "try: app(['import', '--help'])\n"
        "finally: print('polars' in sys.modules, 'pydantic_settings' in sys.modules)"
    )

    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=repository, check=True
    )

    assert "catalyst data import bars AAPL.csv" in shown.stdout
    assert shown.stdout.splitlines()[-1] == "False False"


def test_help_names_every_format() -> None:
    from catalyst.data.formats import FORMATS

    shown = CliRunner().invoke(app, ["import", "--help"], env={"COLUMNS": "400"}).stdout

    assert [name for name in FORMATS if name not in shown] == []


def test_an_interrupted_import_says_that_the_lake_is_as_it_was(tmp_path: Path) -> None:
    folder, lake = tmp_path / "many", tmp_path / "lake"
    folder.mkdir()
    for number in range(300):
        _written(folder, HEADER + GOOD.replace("AAPL", f"S{number}"), f"{number}.csv")
    _run("import", "bars", folder / "1.csv", "--lake", lake, "--timeframe", "1m", "--json")
    before = fingerprint(lake, quarantine=True)
    command = [sys.executable, "-m", "catalyst.cli.app", "data", "import", "bars", str(folder)]

    child = subprocess.Popen(
        [*command, "--lake", str(lake), "--timeframe", "1m"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not (lake / ".tmp").exists() and child.poll() is None:
        time.sleep(0.002)
    child.send_signal(signal.SIGINT)
    _, said = child.communicate()

    assert (child.returncode, said) == (130, f"interrupted: the lake {lake} is as it was\n")
    assert fingerprint(lake, quarantine=True) == before
    assert not (lake / ".tmp").exists()


def test_the_lake_is_as_told_else_of_the_environment_else_the_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from catalyst.data.settings import read_settings, resolve_lake, sample_root
    from catalyst.data.settings import settings as environment

    monkeypatch.chdir(tmp_path)
    for name in ("CATALYST_LAKE", "CATALYST_HOME"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / ".env").write_text("CATALYST_HOME=there\nALPACA_SECRET_KEY=hush\n")

    environment.cache_clear()
    sample = resolve_lake()
    monkeypatch.setenv("CATALYST_LAKE", "mine")
    environment.cache_clear()
    named, home = resolve_lake(), sample_root()
    told = resolve_lake(Path("told"))
    shown = repr(read_settings())
    environment.cache_clear()

    assert sample == home == Path("there/lake/sample")
    assert named == Path("mine")
    assert told == Path("told")
    assert "hush" not in shown
