"""Floors under what enrichment reads in hand-labelled headlines; see `benchmarks`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks.bench_enrichment import enriched, keywords
from benchmarks.news_labels import Item, Score, labelled, tasks

if TYPE_CHECKING:
    from pathlib import Path

# A little below what `make bench` measures on headlines not read while the tables were written.
FLOORS = {
    "categories, micro": 0.80,
    "categories, macro": 0.78,
    "tickers": 0.91,
    "direction, macro": 0.66,
}


@pytest.fixture(scope="module")
def unseen(shared_data: Path) -> list[Item]:
    return [item for item in labelled(shared=shared_data) if not item.tuned]


@pytest.fixture(scope="module")
def scores(unseen: list[Item]) -> dict[str, Score]:
    return dict(tasks(unseen, enriched))


def test_most_of_480_labels_were_not_used_to_write_the_tables(unseen: list[Item]) -> None:
    assert len(unseen) == 275


@pytest.mark.parametrize("task", FLOORS)
def test_unseen_headlines_are_read_as_well_as_measured(task: str, scores: dict[str, Score]) -> None:
    assert scores[task].f1 >= FLOORS[task]


@pytest.mark.parametrize("task", FLOORS)
def test_unseen_headlines_are_read_better_than_by_keywords(
    task: str, unseen: list[Item], scores: dict[str, Score]
) -> None:
    assert scores[task].low > dict(tasks(unseen, keywords))[task].f1


def test_a_link_that_is_called_wrong_is_wrong(scores: dict[str, Score]) -> None:
    assert scores["wrong link"].precision == 1.0
