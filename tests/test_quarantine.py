"""Quarantine: a rejected row is kept whole with how it was read, shown safely, and let go again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import polars as pl
import pytest
from lake_rows import article, at, bar, bars, fingerprint, news
from typer.testing import CliRunner

from catalyst.cli.app import app
from catalyst.data.lake import Lake
from catalyst.data.partition import only_writer
from catalyst.data.quarantine import Rejected, Selection, store_rejected
from catalyst.errors import CatalystError, InputError, LakeError

HEADER = "symbol,time,open,high,low,close,volume\n"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake", create=True)


def _run(*arguments: str | Path, status: int = 0) -> str:
    told = [str(one) for one in arguments]
    result = CliRunner().invoke(app, ["data", *told], catch_exceptions=False)

    assert result.exit_code == status
    return result.stdout


def _release(lake: Lake, *arguments: str) -> dict[str, object]:
    out = _run("quarantine", "--lake", lake.root, "--json", *arguments)
    [found] = json.loads(out)["released"]
    kept: dict[str, object] = found
    return kept


def test_a_rejected_row_says_how_it_was_read(lake: Lake, tmp_path: Path) -> None:
    path = tmp_path / "FICO.csv"
    path.write_text("t,o,h,l,c,v\nyesterday,1,1,1,1,1\n")

    _run(
        "import", "bars", path, "--lake", lake.root, "--symbol", "@name", "--timeframe", "5m",
        "--map", "ts=t", "--tz", "UTC", "--json", status=1,
    )  # fmt: skip
    [options] = lake.quarantine()["options"]

    assert json.loads(options) == {
        "adjustment": "raw",
        "format": "csv",
        "mapping": {"ts": "t"},
        "source": "user",
        "stamp": "start",
        "symbol": "FICO",
        "timeframe": "5m",
        "tz": "UTC",
    }


def test_rows_released_with_the_right_option_are_stored_as_if_given_with_it(
    lake: Lake, tmp_path: Path
) -> None:
    path = tmp_path / "late.csv"
    path.write_text("title,time,stock,n\nApple up,2014|06|09 10:00,AAPL,1\n")
    right = Lake(tmp_path / "right", create=True)
    told = ("--date-format", "%Y|%m|%d %H:%M")
    _run("import", "news", path, "--lake", right.root, *told)
    _run("import", "news", path, "--lake", lake.root, status=1)

    report = _release(lake, "--release", *told)

    assert report == {
        "table": "news",
        "selected": 1,
        "imported": 1,
        "duplicates": 0,
        "stayed": 0,
        "by_rule": {},
    }
    assert fingerprint(lake.root, quarantine=True) == fingerprint(right.root, quarantine=True)


def test_rows_that_still_break_a_rule_stay_as_they_are_and_known_ones_leave(
    lake: Lake, tmp_path: Path
) -> None:
    path = tmp_path / "x.csv"
    rows = "A,2014-06-09 09:31,0,1,1,1,1\nA,2014-06-09 09:30,1,1,1,1,1\nA,1\n"
    path.write_text(HEADER + rows + "A,2014-06-09 09:30,1,1,1,1,2\n")
    _run("import", "bars", path, "--lake", lake.root, "--timeframe", "1m", "--json")
    before = fingerprint(lake.root, quarantine=True)

    nothing = _release(lake, "--release")
    unchanged = fingerprint(lake.root, quarantine=True)
    # The conflicting row becomes a repeated one: what it contradicted is mended.
    shutil.rmtree(lake.root / "bars")
    lake.add_bars(bars(bar("2014-06-09T09:30", "A", close=1.0)), timeframe="1m", source="b")
    mended = pl.DataFrame({"symbol": ["A"], "time": ["2014-06-09 09:30"], "volume": [2.0]})
    mended = mended.with_columns(pl.lit(1.0).alias(n) for n in ("open", "high", "low", "close"))
    lake.add_bars(mended, timeframe="1m")
    known = _release(lake, "--release", "--rule", "conflict")

    assert (nothing["imported"], nothing["by_rule"]) == (
        0,
        {"columns": 1, "conflict": 1, "price": 1},
    )
    assert unchanged == before
    assert (known["imported"], known["duplicates"], known["stayed"]) == (0, 1, 0)
    assert sorted(lake.quarantine()["rule"]) == ["columns", "price"]


def test_an_accepted_link_stays_through_enrichment_and_a_second_import(lake: Lake) -> None:
    rows = news(article("$BAC beats estimates", symbol="T"), article("$BAC up", symbol="T"))
    lake.add_news(rows, file="f")

    report = _release(lake, "--accept", "mislinked", "--line", "1")
    links = lake.news(symbols=["T"])["headline", "link"].rows()
    before = fingerprint(lake.root)
    changed = lake.enrich()[1]
    again = lake.add_news(rows, file="f")

    assert (report["imported"], report["stayed"]) == (1, 0)
    assert links == [("$BAC beats estimates", "accepted")]
    assert changed == 0
    assert (again.duplicates, again.by_rule) == (1, {"mislinked": 1})
    assert fingerprint(lake.root) == before


def test_an_accepted_conflict_is_a_correction_known_from_then(lake: Lake) -> None:
    lake.add_bars(bars(bar()), timeframe="1m")
    late = bars(bar(close=12.0))
    lake.add_bars(late, timeframe="1m", file="late")

    report = _release(lake, "--accept", "conflict", "--known-at", "2014-06-10T08:00")
    found = lake.bars("1m").select("close", "known_at", "known_is_assumed").rows()
    again = lake.add_bars(late, timeframe="1m", file="late")

    assert report["imported"] == 1
    assert found == [
        (10.0, at("2014-06-09T09:31"), True),
        (12.0, at("2014-06-10T08:00"), False),
    ]
    assert (again.duplicates, again.quarantined) == (1, 0)
    assert lake.quarantine().is_empty()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--accept", "missing"], "'missing' can't be accepted as they are"),
        (["--accept", "conflict"], "say with --known-at"),
        (["--accept", "mislinked", "--table", "bars"], "can't be accepted"),
        (["--accept", "mislinked", "--rule", "stamp"], "leave out --rule stamp"),
        (["--known-at", "2014-06-10"], "give it with --accept conflict"),
        (["--tz", "UTC"], "need --release"),
        (["--release", "--latency", "5"], "--latency is not for bars"),
    ],
)
def test_what_can_not_be_is_said_in_a_sentence(
    lake: Lake, arguments: list[str], message: str
) -> None:
    lake.add_bars(bars(bar(), bar(close=-1)), timeframe="1m")

    with pytest.raises(InputError, match=message):
        _run("quarantine", "--lake", lake.root, *arguments)


def test_a_choice_of_nothing_is_told_by_the_status(lake: Lake) -> None:
    lake.add_bars(bars(bar(), bar(close=-1)), timeframe="1m")

    assert _run("quarantine", "--lake", lake.root, "--rule", "grid", status=1) == ""


def test_what_a_row_says_reaches_the_terminal_as_text_only(lake: Lake) -> None:
    nasty = "\x1b[31m[bold red]x[/] \x07\r"
    lake.add_news(news(article(" ", url=nasty)), file="[blink]\x1b]0;f\x07.csv")

    out = _run("quarantine", "--lake", lake.root)

    assert not set(out) & {"\x1b", "\x07", "\r"}
    assert "[bold red]x[/]" in out
    assert "[blink]\\x1b]0;f\\x07.csv" in out


def test_rows_are_counted_by_rule_and_the_first_of_them_shown(lake: Lake) -> None:
    lake.add_bars(bars(bar(), *[bar(close=-1)] * 3), timeframe="1m", file="f")

    found = json.loads(_run("quarantine", "--lake", lake.root, "--limit", "2", "--json"))

    assert found["counts"] == [{"table": "bars", "file": "f", "rule": "price", "rows": 3}]
    assert [row["line"] for row in found["rows"]] == [2, 3]


def test_rows_come_out_of_quarantine_in_parts_as_they_went_in(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    from catalyst.data import release

    minutes = [f"2014-06-09T10:{minute:02}" for minute in range(10)]
    rows = bars(*(bar(minute, close=-1) for minute in minutes), bar())
    lake.add_bars(rows, timeframe="1m")
    before = fingerprint(lake.root, quarantine=True)
    monkeypatch.setattr(release, "_BLOCK_ROWS", 3)

    report = _release(lake, "--release")

    assert report["by_rule"] == {"price": 10}
    assert fingerprint(lake.root, quarantine=True) == before


def test_rows_that_came_meanwhile_are_not_let_go_unread(lake: Lake) -> None:
    lake.add_bars(bars(bar(close=-1)), timeframe="1m")

    with pytest.raises(LakeError, match="changed while"), only_writer(lake.root) as change:
        store_rejected(change, Rejected("bars", change.scratch), released=Selection(expected=2))

    assert lake.quarantine().height == 1


def test_a_file_of_quarantine_has_groups_of_one_size_however_it_grew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from catalyst.data import quarantine

    monkeypatch.setattr(quarantine, "_GROUP_ROWS", 4)
    monkeypatch.setattr(quarantine, "_RANGE_BITS", 1)
    lines = list(range(1, 12))
    for name, parts in (("once", [lines]), ("grown", [lines[::2], lines[1::2], lines[:3]])):
        (tmp_path / name).mkdir()
        for part in parts:
            with only_writer(tmp_path / name) as change:
                rejected = Rejected("bars", change.scratch)
                texts = [f'{{"n":{line}}}' for line in part]
                rejected.add("f", lines=part, rules=["price"] * len(part), texts=texts)
                store_rejected(change, rejected)

    assert fingerprint(tmp_path / "grown", quarantine=True) == fingerprint(
        tmp_path / "once", quarantine=True
    )


def test_a_lake_that_is_none_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(CatalystError, match="there is no lake"):
        _run("quarantine", "--lake", tmp_path / "nowhere")
