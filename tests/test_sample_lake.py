"""The bundled sample as a lake: whole or not at all, marked as synthetic, fit to be replayed."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from worlds import small_lake, small_sample

from catalyst import Lake
from catalyst.data import sample_lake
from catalyst.data.sample import Sample, digest, simulate
from catalyst.data.sample_lake import fill_sample, is_complete, write_sample
from catalyst.errors import InvariantError, OutputError


def _tiny(*, edge: bool = True) -> Sample:
    return simulate(n_symbols=12, n_sessions=12, edge=edge)


@pytest.fixture
def small_pins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a market of a second stand for the default one, which takes a minute."""
    monkeypatch.setattr(sample_lake, "simulate", _tiny)
    monkeypatch.setattr(sample_lake, "SAMPLE_DIGEST", digest(_tiny()))
    monkeypatch.setattr(sample_lake, "NULL_DIGEST", digest(_tiny(edge=False)))


def test_every_simulated_bar_is_in_the_lake_as_it_was() -> None:
    bars = small_lake().bars("5m").select("symbol", "ts", "open", "high", "low", "close", "volume")
    given = small_sample().bars.select(bars.columns).with_columns(pl.col("volume").cast(float))

    assert bars.sort("symbol", "ts").equals(given.sort("symbol", "ts"))


def test_a_simulated_bar_is_known_at_its_end_for_certain() -> None:
    bars = small_lake().bars("5m")

    assert (bars["known_at"] - bars["ts"]).unique().dt.total_minutes().to_list() == [5]
    assert not bars["known_is_assumed"].any()
    assert set(bars["source"]) == {"synthetic"}


def test_no_simulated_row_is_rejected_but_links_that_the_text_disproves() -> None:
    rejected = small_lake().quarantine()

    assert rejected.filter(pl.col("table") != "news").height == 0
    assert set(rejected["rule"]) <= {"mislinked"}


def test_every_simulated_article_is_known_when_it_was_collected() -> None:
    stored = small_lake().news().select("url", "known_at").unique()
    given = small_sample().news.select("url", "collected_at")
    joined = stored.join(given, on="url")

    assert joined.height > 500
    assert (joined["known_at"] >= joined["collected_at"]).all()
    assert stored["url"].n_unique() > 0.95 * given["url"].n_unique()


def test_a_membership_ends_on_its_last_day() -> None:
    given = small_sample().universe
    stored = small_lake().universe()
    ended = given.filter(pl.col("to").is_not_null())

    assert stored.height == given.height
    for symbol, to in ended.select("symbol", "to").rows():
        last = stored.filter(pl.col("symbol") == symbol)["to"].drop_nulls().item()
        assert (to - last).days == 1


def test_the_truth_lies_beside_the_lake_and_not_in_it() -> None:
    truth = pl.read_parquet(small_lake().root / "truth.parquet")

    assert truth.equals(small_sample().truth)
    assert not any("drift" in column for column in small_lake().news().columns)


def test_writing_a_market_twice_gives_the_same_digest(tmp_path: Path) -> None:
    again = write_sample(small_sample(), tmp_path / "again")

    assert again.digest() == small_lake().digest()


@pytest.mark.usefixtures("small_pins")
def test_the_sample_is_filled_once_marked_and_replaced_whole(tmp_path: Path) -> None:
    root = tmp_path / "lake" / "sample"
    told: list[str] = []
    fill_sample(root, tell=told.append)
    note = (root / "SYNTHETIC.json").read_text(encoding="utf-8")
    first = Lake(root).digest()
    fill_sample(root, null=True)

    assert told == ["simulating a market with news", "writing bars", "reading the news"]
    assert '"synthetic"' in note
    assert is_complete(root)
    assert Lake(root).digest() != first
    assert [p.name for p in root.parent.iterdir()] == ["sample"]


@pytest.mark.usefixtures("small_pins")
def test_a_lake_of_ones_own_is_never_replaced_by_the_sample(tmp_path: Path) -> None:
    own = tmp_path / "own"
    lake = write_sample(_tiny(), own)
    before = lake.digest()

    with pytest.raises(OutputError, match="no sample"):
        fill_sample(own)
    assert Lake(own).digest() == before


@pytest.mark.usefixtures("small_pins")
def test_an_interrupted_filling_leaves_no_lake(tmp_path: Path) -> None:
    def stop(what: str) -> None:
        if what == "reading the news":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fill_sample(tmp_path / "sample", tell=stop)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("small_pins")
def test_a_sample_that_differs_from_the_pinned_one_is_a_bug(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sample_lake, "SAMPLE_DIGEST", "0" * 64)

    with pytest.raises(InvariantError, match="digest"):
        fill_sample(tmp_path / "sample")
    assert not is_complete(tmp_path / "sample")
