"""Bad files: what is wrong costs its own rows or is one sentence, and the lake stays as it was."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from catalyst.cli import app as cli
from catalyst.data.action_intake import ActionOptions
from catalyst.data.bar_intake import BarOptions
from catalyst.data.formats import open_file
from catalyst.data.imports import import_actions, import_bars, import_news, import_universe
from catalyst.data.news_intake import NewsOptions
from catalyst.data.quarantine import read_quarantine
from catalyst.data.stamps import parse_stamps, stamp_ns
from catalyst.data.symbols import joined_symbols
from catalyst.data.universe_intake import UniverseOptions
from catalyst.errors import CatalystError

Catalyst = Callable[..., tuple[int, str, str]]


@pytest.fixture
def catalyst(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Catalyst:
    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["catalyst", *map(str, arguments)])
        status: object = 0
        try:
            cli.main()
        except SystemExit as stop:
            status = stop.code
        shown = capsys.readouterr()
        return int(str(status or 0)), shown.out, shown.err

    return run


# A first row in each of the plain formats that are read at once, and one in none of them.
_FIRST = (
    "yesterday",
    "2014-06-09 09:30",
    "2014-06-09 09:30:00",
    "2014-06-09T09:30:00Z",
    "2014-06-09 09:30:00 UTC",
    "2014-06-09T09:30:00+00:00",
)


@pytest.mark.parametrize("first", _FIRST)
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2014-06-09", "2014-06-09T04:00Z"),
        ("06/09/2014 9:30", "2014-06-09T13:30Z"),
        ("2014-06-09T09:30:00+0530", "2014-06-09T04:00Z"),
        ("2014-06-09T09:30:00+05:30", "2014-06-09T04:00Z"),
        ("2014-06-09 09:30:00 EDT", "2014-06-09T13:30Z"),
        ("2014-06-09 09:30:00.25", "2014-06-09T13:30:00.25Z"),
        ("2014-06-09 09:30:60", None),
        ("2014-06-30 23:59:60", None),
        ("2014-06-09 09:30:00+99:99", None),
        ("2014-06-09 09:30:00+24:00", None),
        ("2014-11-02 01:30", None),
        ("2014-11-02 01:30 ET", None),
        ("2014-03-09 02:30", None),
        ("2014-03-09 02:30 ET", None),
        ("9999-12-31 23:59", None),
        ("2598-11-01 00:00", None),
        ("2598-11-01 00:00:00", None),
        ("25981101000000", None),
        ("-2014-06-09 09:30:00", None),
        ("2014-06-09 09:30:00−05:00", None),
        ("2014-6-9 9:3", None),
    ],
)
def test_a_time_is_read_alike_whatever_stands_above_it(
    first: str, text: str, expected: str | None
) -> None:
    found = parse_stamps(pl.Series("t", [first, text]), tz="America/New_York").ns[1]

    assert found == (None if expected is None else stamp_ns(expected))


def test_a_year_that_would_wrap_around_is_no_time_by_a_format_of_the_users() -> None:
    text = pl.Series("t", ["01.11.2598 00:00", "09.06.2014 09:30"])

    read = parse_stamps(text, tz="UTC", date_format="%d.%m.%Y %H:%M").ns.to_list()

    assert read == [None, 1_402_306_200_000_000_000]


GOOD = {
    "bars": (
        "symbol,time,open,high,low,close,volume,timeframe",
        "AAPL,2014-06-09 09:30,10,11,9,10.5,100,1m",
    ),
    "news": ("id,time,headline,symbol,source", "1,2014-06-09 09:30,Apple rises,AAPL,Reuters"),
    "actions": ("symbol,ex_date,kind,value", "AAPL,2014-06-09,split,7"),
    "universe": ("symbol,from,to", "AAPL,2014-06-09,"),
}
# Whole files, by what is wrong with them; HEADER and ROW stand for those of the table.
_FILES: dict[str, bytes] = {
    "one byte": b"x",
    "line ends only": b"\n\r\n\n",
    "only a header": b"HEADER",
    "the header twice": b"HEADER\nROW\nHEADER\n",
    "a picture": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0",
    "a program": b"\x7fELF\2\1\1\0\0\0",
    "a page": b"<!doctype html><html><body>404 Not Found</body></html>\n",
    "other columns": b"alpha,beta\n1,2\n",
    "UTF-32": "HEADER\nROW\n".encode("utf-32"),
    "UTF-16 without its mark": "HEADER\nROW\n".encode("utf-16-le"),
    "NUL in names": b"HEADER,\0,\0\0,a\0b,a\0c\nROW,1,2,3,4\n",
    "an escape in a name": b"HEADER,\x1b[31mred\x07\nROW,1\n",
    "a quote that never closes": b'HEADER\n"ROW\nROW\n',
    "a statement": b"HEADER\nROW\n'; DROP TABLE bars; --,,,,\n",
    "half a gzip": b"\x1f\x8b\x08\0\0\0\0\0\0\3K",
    "a Parquet mark": b"PAR1\0\0\0\0PAR1",
}


@pytest.mark.parametrize("table", GOOD)
@pytest.mark.parametrize("kind", _FILES)
@pytest.mark.parametrize("format_", [None, "csv", "parquet"])
def test_a_file_that_is_wrong_as_a_whole_is_counted_or_one_sentence(
    tmp_path: Path, table: str, kind: str, format_: str | None
) -> None:
    content = _FILES[kind]
    for letters, text in zip(("HEADER", "ROW"), GOOD[table], strict=True):
        for encoding in ("utf-8", "utf-16-le", "utf-32-le"):
            content = content.replace(letters.encode(encoding), text.encode(encoding))
    path = tmp_path / "\x1b[31mfile.csv"
    path.write_bytes(content)

    told = outcome(tmp_path / "lake", path, table=table, format_=format_)

    assert "\x1b" not in told
    assert told.count("\n") == 0


def outcome(root: Path, path: Path, *, table: str, format_: str | None = None) -> str:
    """Import a file: the sentence that refuses it, or nothing if every row is accounted for."""
    options = {
        "bars": (import_bars, BarOptions()),
        "news": (import_news, NewsOptions()),
        "actions": (import_actions, ActionOptions()),
        "universe": (import_universe, UniverseOptions()),
    }
    run: Any
    run, said = options[table]
    try:
        report = run(root, [open_file(path, table=table, format_=format_)], said)
    except CatalystError as error:
        assert not root.exists()
        return str(error)
    assert report.given == report.imported + report.duplicates + report.quarantined
    assert report.given > 0 or any("without rows" in note for note in report.notes)
    held = read_quarantine(root)
    assert held.height == report.quarantined
    assert not held["row"].has_nulls()
    return ""


@pytest.mark.parametrize(
    "symbol", ["ı", "ﬁ", "ſ", "ß", "ＡＡＰＬ", "A\u200bAPL", "A\x00", "=CMD()"]
)
def test_a_letter_that_looks_like_another_makes_no_ticker(symbol: str) -> None:
    spelled = pl.DataFrame({"s": [symbol, "nan"]}).select(joined_symbols(pl.col("s")))["s"]

    assert spelled.to_list() == [None, "NAN"]


@pytest.mark.parametrize("name", ["a[1]", "b*", "c?", "[red]x[/red]", "new\nline", "\x1b[31m"])
def test_a_lake_may_lie_under_any_name(tmp_path: Path, catalyst: Catalyst, name: str) -> None:
    lake, bars = tmp_path / name, tmp_path / "bars.csv"
    bars.write_text("\n".join(GOOD["bars"]) + "\nAAPL,x,10,11,9,10.5,100,1m\n", "utf-8")

    told = [
        catalyst("data", "import", "bars", bars, "--lake", lake),
        catalyst("data", "summary", "--lake", lake),
        catalyst("data", "quarantine", "--lake", lake),
        catalyst("data", "export", "bars", tmp_path / f"{name}.csv", "--lake", lake),
    ]

    assert [status for status, _, _ in told] == [0, 0, 0, 0]
    assert not any("\x1b" in text for _, *texts in told for text in texts)


@pytest.mark.parametrize("name", ["there/x.csv", "folder.csv", f"{'x' * 300}.csv"])
def test_an_export_that_cannot_be_written_is_one_sentence_and_leaves_nothing(
    tmp_path: Path, catalyst: Catalyst, name: str
) -> None:
    lake, bars = tmp_path / "lake", tmp_path / "bars.csv"
    bars.write_text("\n".join(GOOD["bars"]) + "\n", "utf-8")
    catalyst("data", "import", "bars", bars, "--lake", lake)
    (tmp_path / "there").write_text("a file", "utf-8")
    (tmp_path / "folder.csv").mkdir()
    before = sorted(tmp_path.rglob("*"))

    status, _, err = catalyst("data", "export", "bars", tmp_path / name, "--lake", lake, "--force")

    assert (status, err.count("\n")) == (2, 1)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    "command", ["data summary", "data quarantine", "data enrich", "news search", "news trending"]
)
def test_a_damaged_lake_is_one_sentence(tmp_path: Path, catalyst: Catalyst, command: str) -> None:
    lake, news = tmp_path / "lake", tmp_path / "news.csv"
    news.write_text("\n".join(GOOD["news"]) + "\n2,x,Apple falls,AAPL,Reuters\n", "utf-8")
    catalyst("data", "import", "news", news, "--lake", lake)
    for path in lake.rglob("*.parquet"):
        path.write_bytes(path.read_bytes()[:40])

    status, _, err = catalyst(*command.split(), "--lake", lake)

    assert (status, err.count("\n")) == (2, 1)
    assert "damaged" in err


@pytest.mark.parametrize(
    "manifest",
    [
        "{",
        "[]",
        '{"files": {"x": "../outside"}, "removed": []}',
        '{"files": {}, "removed": ["/x"]}',
    ],
)
def test_a_lake_from_a_stranger_touches_no_file_outside(
    tmp_path: Path, catalyst: Catalyst, manifest: str
) -> None:
    lake = tmp_path / "lake"
    (lake / ".tmp").mkdir(parents=True)
    (lake / ".tmp" / "x").write_text("of a stranger", "utf-8")
    (lake / ".tmp" / "manifest.json").write_text(manifest, "utf-8")

    status, _, err = catalyst("data", "summary", "--lake", lake)

    assert (status, err.count("\n")) == (2, 1)
    assert not (tmp_path / "outside").exists()


@pytest.mark.parametrize(
    "options",
    [
        ("--tz", "localtime"),
        ("--tz", "../../etc/passwd"),
        ("--map", "ts=time,ts=open"),
        ("--symbol", "\x1b[31m"),
        ("--date-format", "%"),
        ("--latency", "3"),
    ],
)
def test_a_wrong_option_costs_a_sentence_and_no_lake(
    tmp_path: Path, catalyst: Catalyst, options: tuple[str, str]
) -> None:
    bars = tmp_path / "bars.csv"
    bars.write_text("time,open,high,low,close,volume,timeframe\n2014-06-09 09:30,1,1,1,1,1,1m\n")

    status, _, err = catalyst("data", "import", "bars", bars, "--lake", tmp_path / "l", *options)

    assert status in {1, 2}
    assert "Traceback" not in err
    assert "\x1b" not in err


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_a_stream_that_is_closed_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, catalyst: Catalyst, name: str
) -> None:
    bars = tmp_path / "bars.csv"
    bars.write_text("\n".join(GOOD["bars"]) + "\n", "utf-8")
    monkeypatch.setattr(sys, name, None)

    status, *_ = catalyst("data", "import", "bars", bars, "--lake", tmp_path / "lake")

    assert status == 0
    assert (tmp_path / "lake" / "bars").is_dir()
