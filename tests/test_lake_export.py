from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from feed_sessions import GRACE_NS, live_feeds
from paper_exchange import paper_exchange
from worlds import copied, small_lake

from catalyst import Lake
from catalyst.data.feed import Feed
from catalyst.errors import InvariantError, LakeError
from catalyst.live.input_rows import BarColumns, InputRows
from catalyst.live.lake_export import Exported, export_session
from catalyst.live.lake_seed import seed_lake
from catalyst.strategy.values import Session

DAY_AT = 15


@dataclasses.dataclass(frozen=True)
class Streamed:
    """One session, seen through the exchange and exported."""

    day: dt.date
    session: Session
    inputs: InputRows
    exported: Exported
    root: Path


@pytest.fixture(scope="module")
def streamed(tmp_path_factory: pytest.TempPathFactory) -> Streamed:
    folder = tmp_path_factory.mktemp("streamed")
    day = small_lake().days("5m")[DAY_AT]
    session = Feed.session(day)

    async def seen(url_of: Any) -> InputRows:  # noqa: ANN401 - the fixture's value
        async with live_feeds(url_of, folder) as found:
            await found.until(stop_ns=session.post_ns)
            return found.inputs()

    with paper_exchange("--start", day, "--sessions", 1) as exchange:
        inputs = asyncio.run(seen(exchange))
    root = folder / "live"
    return Streamed(day, session, inputs, export_session([inputs], day, root), root)


def bytes_of(value: Any) -> Any:  # noqa: ANN401 - a value or an array, and what is in it
    """Everything in a value, arrays with their types and to the bit."""
    if dataclasses.is_dataclass(value):
        return [bytes_of(getattr(value, one.name)) for one in dataclasses.fields(value)]
    if isinstance(value, np.ndarray):
        return (value.dtype.str, value.tobytes())
    return value


def first_ns() -> int:
    """Before the first article."""
    return Feed.session(small_lake().days("5m")[0]).pre_ns - 10 * 24 * 60 * 60 * 10**9


def files_of(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*.parquet"))
    }


def test_bars_that_were_streamed_and_exported_are_those_of_the_lake_to_the_bit(
    streamed: Streamed,
) -> None:
    base, own = Feed(small_lake(), "5m"), Feed(Lake(streamed.root), "5m")

    assert bytes_of(own.bars(streamed.session, grace_ns=GRACE_NS)) == bytes_of(
        base.bars(streamed.session, grace_ns=GRACE_NS)
    )


def test_articles_that_were_streamed_and_exported_are_those_of_the_lake_to_the_bit(
    streamed: Streamed,
) -> None:
    base, own = Feed(small_lake(), "5m"), Feed(Lake(streamed.root), "5m")
    until_ns = streamed.session.post_ns

    assert bytes_of(own.news(first_ns(), until_ns)) == bytes_of(base.news(first_ns(), until_ns))


def test_history_members_and_actions_come_from_the_base_lake(streamed: Streamed) -> None:
    base, own = Feed(small_lake(), "5m"), Feed(Lake(streamed.root), "5m")
    before, _ = base.span(streamed.day, streamed.day)
    known_by = [a for a in base.actions if a.known_ns <= streamed.session.pre_ns]

    assert [bytes_of(own.bars(s, grace_ns=GRACE_NS)) for s in before[-3:]] == [
        bytes_of(base.bars(s, grace_ns=GRACE_NS)) for s in before[-3:]
    ]
    assert own.actions == known_by
    assert (
        own.members(streamed.session, known_by_ns=streamed.session.pre_ns).tolist()
        == base.members(streamed.session, known_by_ns=streamed.session.pre_ns).tolist()
    )


def test_exporting_a_session_twice_changes_no_byte(streamed: Streamed) -> None:
    before = files_of(streamed.root)
    again = export_session([streamed.inputs], streamed.day, streamed.root)

    assert files_of(streamed.root) == before
    assert (again.new_bars, again.new_articles) == (0, 0)


def test_a_session_exported_in_two_parts_has_the_bytes_of_one_that_was_not(
    streamed: Streamed, tmp_path: Path
) -> None:
    root = tmp_path / "live"
    base, pre_ns = small_lake(), streamed.session.pre_ns
    seed_lake(base, root, streamed.day, until_ns=pre_ns - 300 * 10**9)
    rows, news = list(streamed.inputs.bars.rows()), list(streamed.inputs.news)
    halves = [
        InputRows("5m", BarColumns.of(rows[1500:]), news[9:]),
        InputRows("5m", BarColumns.of(rows[:1500]), news[:9]),
    ]
    for half in reversed(halves):
        export_session([half], streamed.day, root)

    assert files_of(root) == files_of(streamed.root)


def test_a_row_that_the_lake_tells_otherwise_stops_the_export(
    streamed: Streamed, tmp_path: Path
) -> None:
    own = copied(Lake(streamed.root), tmp_path / "live")
    volume = list(streamed.inputs.bars.volume)
    volume[7] = float(np.nextafter(volume[7], np.inf))
    other = replace(streamed.inputs, bars=replace(streamed.inputs.bars, volume=volume))

    with pytest.raises(InvariantError, match="refuses 1 of"):
        export_session([other], streamed.day, own.root)


def test_live_history_is_linked_to_the_base_lakes_files(streamed: Streamed) -> None:
    inside = Path("bars/timeframe=5m") / f"date={small_lake().days('5m')[3]}" / "part.parquet"

    assert (streamed.root / inside).samefile(small_lake().root / inside)


def test_days_on_which_live_did_not_run_come_along_later(
    streamed: Streamed, tmp_path: Path
) -> None:
    own = copied(Lake(streamed.root), tmp_path / "live")
    days = small_lake().days("5m")
    until_ns = Feed.session(days[DAY_AT + 3]).pre_ns
    seed_lake(small_lake(), own.root, days[DAY_AT + 3], until_ns=until_ns)
    base, later = Feed(small_lake(), "5m"), Feed(Lake(own.root), "5m")

    assert later.lake.days("5m") == days[: DAY_AT + 3]
    assert bytes_of(later.news(first_ns(), until_ns)) == bytes_of(base.news(first_ns(), until_ns))


def test_a_lake_that_knows_a_later_session_is_not_traded_on(
    streamed: Streamed, tmp_path: Path
) -> None:
    own = copied(Lake(streamed.root), tmp_path / "live")
    earlier = small_lake().days("5m")[DAY_AT - 2]

    with pytest.raises(LakeError, match="live would know its future"):
        seed_lake(small_lake(), own.root, earlier, until_ns=Feed.session(earlier).pre_ns)


def test_nothing_known_after_live_began_comes_from_the_base_lake(tmp_path: Path) -> None:
    day = small_lake().days("5m")[DAY_AT]
    until_ns = Feed.session(day).pre_ns
    lake = seed_lake(small_lake(), tmp_path / "live", day, until_ns=until_ns)
    tables = [lake.bars("5m"), lake.news(), lake.actions(), lake.universe()]
    known_ns = pl.col("known_at").dt.timestamp("ns")

    assert [frame.filter(known_ns > until_ns).height for frame in tables] == [0, 0, 0, 0]
