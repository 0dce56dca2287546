"""Bad files: what is wrong costs its own rows or is one sentence, and the lake stays as it was."""

from __future__ import annotations

import polars as pl
import pytest

from catalyst.data.stamps import parse_stamps, stamp_ns

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
