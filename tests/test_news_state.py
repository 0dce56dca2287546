from __future__ import annotations

import datetime as dt
from pathlib import Path
from random import Random

import polars as pl
import pyarrow.parquet as pq
import pytest
from lake_rows import article, fingerprint, news
from polars.testing import assert_frame_equal

from catalyst.data.enrichment.schema import STATE
from catalyst.data.lake import Lake
from catalyst.errors import LakeError

SOURCES = ("bot", "fakeCNBC", "Benzinga", "WSJ", "Reuters", None)
STORIES = (
    "Alba Foods agrees to buy Borea Mining",
    "Alba Foods agrees to buy Borea Mining today",
    "Judge stops the sale of Borea Mining",
)
MORE = {"url": None, "id": None, "retweet_of_id": None}


def reports(seed: int) -> pl.DataFrame:
    """Give three weeks of copies, corrections and late retweets, with many sources."""
    chance = Random(seed)  # noqa: S311 - a seeded play
    rows = []
    for number in range(90):
        day = chance.choice((1, 2, 3, 12, 20))
        at = f"2014-06-{day:02}T{chance.randint(8, 17):02}:{chance.randint(0, 59):02}"
        row = article(chance.choice(STORIES), at, chance.choice(("ALB", "BOR")), **MORE)
        row["source"] = chance.choice(SOURCES)
        row["id"] = f"post{number}" if number % 2 else None
        if number and chance.random() < 0.3:
            row["retweet_of_id"] = f"post{chance.randrange(number)}"
        rows.append(row)
        if chance.random() < 0.2:
            later = dt.timedelta(days=chance.choice((0, 4, 9)), minutes=number + 2)
            rows.append(row | {"url": f"u{number}", "collected_at": row["published_at"] + later})  # type: ignore[operator]
    instant = pl.Datetime("ns", "UTC")
    return news(*({"collected_at": None} | row for row in rows)).with_columns(
        pl.col("collected_at").cast(instant), pl.col("url").cast(pl.String)
    )


def lake_of(root: Path, *parts: pl.DataFrame) -> Lake:
    lake = Lake(root, create=True)
    for part in parts:
        lake.add_news(part)
    return lake


@pytest.mark.parametrize("seed", range(4))
def test_the_state_of_stories_does_not_show_how_the_import_was_cut(
    tmp_path: Path, seed: int
) -> None:
    rows = reports(seed)
    known = rows.sort(pl.coalesce("collected_at", "published_at"))
    whole = lake_of(tmp_path / "whole", rows)
    in_time = lake_of(tmp_path / "in time", *known.iter_slices(17))
    at_random = lake_of(
        tmp_path / "at random", *rows.sample(fraction=1, shuffle=True, seed=seed).iter_slices(17)
    )

    assert whole.news()["confirmed_by"].null_count() < whole.news().height
    assert_frame_equal(in_time.news(), whole.news())
    assert_frame_equal(at_random.news(), whole.news())


def test_dropping_later_reports_changes_no_byte_of_what_was_known_before(tmp_path: Path) -> None:
    rows = reports(5)
    limit = dt.datetime(2014, 6, 12, 4, 0, tzinfo=dt.UTC)
    before = rows.filter(
        pl.coalesce("collected_at", "published_at") < limit - dt.timedelta(minutes=1)
    )
    whole = fingerprint(lake_of(tmp_path / "whole", rows).root)
    part = fingerprint(lake_of(tmp_path / "part", before).root)
    days = {path for path in part if path.startswith("news/") and path < "news/date=2014-06-12"}

    assert days
    assert {path: whole[path] for path in days} == {path: part[path] for path in days}


def test_enriching_a_lake_again_changes_no_file(tmp_path: Path) -> None:
    lake = lake_of(tmp_path, reports(6))
    before = fingerprint(tmp_path)

    assert lake.enrich()[1] == 0
    assert fingerprint(tmp_path) == before


def test_a_lake_of_an_older_catalyst_is_named_and_made_whole_by_enriching_it(
    tmp_path: Path,
) -> None:
    lake = lake_of(tmp_path, reports(7))
    before = lake.news()
    for path in tmp_path.glob("news/*/*.parquet"):
        pq.write_table(pq.read_table(path).drop_columns(list(STATE)), path)
    with pytest.raises(LakeError, match="older catalyst and lacks columns; run `catalyst data enr"):
        lake.news()
    lake.enrich()

    assert_frame_equal(lake.news(), before)
