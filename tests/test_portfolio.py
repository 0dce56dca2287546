from __future__ import annotations

import importlib.util
import math
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalyst.errors import ConservationError, InputError
from catalyst.research.portfolio import MAX_CELLS, Verification, to_vectorbt, verify

if TYPE_CHECKING:
    import pandas as pd
    import vectorbt as vbt

NEW_YORK = ZoneInfo("America/New_York")
MINUTE = 60 * 10**9
STAMP = pl.Datetime("ns", "UTC")
MONEY = pl.Decimal(20, 6)
SCHEMAS: dict[str, dict[str, Any]] = {
    "fills": {
        "fill_id": pl.String, "order_id": pl.String, "symbol": pl.String, "side": pl.String,
        "quantity": pl.Int64, "price": pl.Float64, "fee": MONEY, "filled_at": STAMP,
        "decided_seq": pl.Int64,
    },
    "marks": {
        "ts": STAMP, "symbol": pl.String, "quantity": pl.Int64, "price": pl.Float64,
        "seq": pl.Int64,
    },
    "adjustments": {
        "ts": STAMP, "symbol": pl.String, "kind": pl.String, "value": pl.Float64,
        "quantity_before": pl.Int64, "quantity_after": pl.Int64, "cash": MONEY, "seq": pl.Int64,
    },
    "equity": {
        "ts": STAMP, "cash": MONEY, "positions_value": MONEY, "equity": MONEY,
        "n_positions": pl.Int64, "seq": pl.Int64,
    },
}  # fmt: skip


def at(day: str, clock: str) -> int:
    """An instant of New York, in ns UTC."""
    instant = datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=NEW_YORK)
    return int(instant.timestamp()) * 10**9


def money(micro: int) -> Decimal:
    return Decimal(micro).scaleb(-6)


@dataclass
class Ledger:
    """The account of strategy.md in whole micro-dollars, with the tables that a run leaves."""

    initial_usd: int = 100_000
    cash: int = 0
    seq: int = 0
    held: dict[str, int] = field(default_factory=dict)
    marks: dict[str, float] = field(default_factory=dict)
    rows: dict[str, list[tuple[Any, ...]]] = field(
        default_factory=lambda: {name: [] for name in SCHEMAS}
    )

    def __post_init__(self) -> None:
        self.cash = self.initial_usd * 10**6

    def fill(
        self, symbol: str, shares: int, price: float, when: int, *, fee_micro: int = 0
    ) -> None:
        n = len(self.rows["fills"])
        side = "buy" if shares > 0 else "sell"
        self.cash -= shares * round(price * 10_000) * 100 + fee_micro
        self.held[symbol] = self.held.get(symbol, 0) + shares
        self.marks.setdefault(symbol, price)
        self.rows["fills"].append(
            (f"f{n}", f"o{n}", symbol, side, abs(shares), price, money(fee_micro), when, self.seq)
        )

    def dividend(self, symbol: str, usd: float, when: int) -> None:
        shares = self.held[symbol]
        self._adjust(symbol, "dividend", usd, shares, round(shares * usd * 1e6), when)

    def split(self, symbol: str, ratio: float, when: int) -> None:
        self.marks[symbol] /= ratio
        exact = abs(self.held[symbol]) * ratio
        whole = math.floor(exact + 1e-9)
        left = exact - whole if exact - whole >= 1e-9 else 0.0
        sign = 1 if self.held[symbol] > 0 else -1
        cash = round(sign * left * self.marks[symbol] * 1e6)
        self._adjust(symbol, "split", ratio, sign * whole, cash, when)

    def _adjust(
        self, symbol: str, kind: str, value: float, after: int, cash: int, when: int
    ) -> None:
        row = (when, symbol, kind, value, self.held[symbol], after, money(cash), self.seq)
        self.rows["adjustments"].append(row)
        self.held[symbol] = after
        self.cash += cash

    def look(self, when: int, **closes: float) -> None:
        self.marks.update(closes)
        held = {symbol: n for symbol, n in sorted(self.held.items()) if n}
        value = sum(round(n * self.marks[symbol] * 1e6) for symbol, n in held.items())
        self.rows["marks"] += [(when, s, n, self.marks[s], self.seq) for s, n in held.items()]
        totals = (money(self.cash), money(value), money(self.cash + value))
        self.rows["equity"].append((when, *totals, len(held), self.seq))
        self.seq += 1

    def table(self, name: str) -> pl.DataFrame:
        return pl.DataFrame(self.rows[name], schema=SCHEMAS[name], orient="row")

    @property
    def tables(self) -> dict[str, Any]:
        return {
            **{name: self.table(name) for name in SCHEMAS},
            "initial_cash_usd": float(self.initial_usd),
        }


def portfolio(ledger: Ledger, *, max_cells: int = MAX_CELLS) -> vbt.Portfolio:
    return to_vectorbt(**ledger.tables, max_cells=max_cells)


def verified(ledger: Ledger, **replaced: pl.DataFrame | int) -> Verification:
    return verify(**{**ledger.tables, **replaced})


def at_looks(ledger: Ledger, values: pd.Series) -> dict[int, float]:
    """The rows of a vectorbt series that are looks, by ns."""
    series = dict(zip(values.index.as_unit("ns").asi8.tolist(), values.tolist(), strict=True))
    return {row[0]: series[row[0]] for row in ledger.rows["equity"] if row[0] in series}


@pytest.fixture
def swing() -> Ledger:
    """A long of AAPL over a 7:1 split and a dividend, a short of BAC, on three sessions."""
    book = Ledger()
    book.look(at("2014-06-05", "09:30"))
    book.fill("AAPL", 20, 646.2, at("2014-06-05", "09:30"), fee_micro=350_000)
    book.fill("AAPL", 10, 646.5, at("2014-06-05", "09:45"))
    book.fill("BAC", -200, 15.2, at("2014-06-05", "09:30"), fee_micro=71_234)
    book.look(at("2014-06-05", "10:00"), AAPL=647.3, BAC=15.25)
    book.look(at("2014-06-05", "16:00"), AAPL=647.35, BAC=15.4)
    book.dividend("AAPL", 3.29, at("2014-06-06", "04:00"))
    book.dividend("BAC", 0.01, at("2014-06-06", "04:00"))
    book.look(at("2014-06-06", "10:00"), AAPL=645.57, BAC=15.43)
    book.fill("BAC", 80, 15.1, at("2014-06-06", "15:00"))
    book.look(at("2014-06-06", "16:00"), AAPL=645.57, BAC=15.05)
    book.split("AAPL", 7.0, at("2014-06-09", "04:00"))
    book.look(at("2014-06-09", "10:00"), AAPL=92.7, BAC=15.0)
    book.fill("AAPL", -105, 93.3, at("2014-06-09", "10:30"), fee_micro=210_000)
    book.fill("AAPL", -105, 93.5, at("2014-06-09", "11:00"), fee_micro=210_000)
    book.fill("BAC", 120, 14.9, at("2014-06-09", "10:00"))
    book.look(at("2014-06-09", "11:00"), AAPL=93.4, BAC=14.95)
    book.look(at("2014-06-09", "16:00"))
    return book


def test_a_position_held_over_a_split_is_worth_the_same_to_vectorbt(swing: Ledger) -> None:
    value = at_looks(swing, portfolio(swing).value())

    # 100,000 - 20 x 646.2 - 10 x 646.5 + 200 x 15.2 - fees, and what is held at the look's closes
    assert value[at("2014-06-05", "10:00")] == pytest.approx(
        100_000 - 12_924 - 6_465 + 3_040 - 0.421234 + 30 * 647.3 - 200 * 15.25, abs=1e-6
    )
    assert value[at("2014-06-09", "10:00")] == pytest.approx(
        100_000 - 12_924 - 6_465 + 3_040 - 0.421234 + 98.7 - 2 - 1_208 + 210 * 92.7 - 120 * 15.0,
        abs=1e-6,
    )


def test_fills_before_a_split_are_told_in_final_shares(swing: Ledger) -> None:
    orders = portfolio(swing).orders.records_readable
    apple = orders[(orders["Column"] == "AAPL") & (orders["Size"] > 1)]

    assert apple["Size"].tolist() == [140.0, 70.0, 105.0, 105.0]
    assert apple["Price"].tolist() == pytest.approx([646.2 / 7, 646.5 / 7, 93.3, 93.5])
    assert apple["Fees"].tolist() == pytest.approx([0.35, 0.0, 0.21, 0.21])


def test_every_look_and_both_profits_agree_to_the_cent(swing: Ledger) -> None:
    found = verified(swing)
    long_usd = 105 * 93.3 + 105 * 93.5 - 20 * 646.2 - 10 * 646.5 - 0.77 + 30 * 3.29
    short_usd = 200 * 15.2 - 80 * 15.1 - 120 * 14.9 - 0.071234 - 200 * 0.01

    assert found.ok
    assert (found.rows, found.first_bad_ns, found.trades) == (8, None, 2)
    assert found.worst_usd < 1e-6
    assert found.realised_usd == pytest.approx(long_usd + short_usd, abs=1e-6)
    assert found.open_usd == 0.0
    assert found.fees_usd == pytest.approx(0.841234)


def test_a_dividend_belongs_to_the_position_that_earned_it(swing: Ledger) -> None:
    trades = portfolio(swing).trades.records_readable.set_index("Column")

    assert trades["Status"].tolist() == ["Closed", "Closed"]
    assert trades.loc["BAC", "Direction"] == "Short"
    assert trades.loc["AAPL", "PnL"] == pytest.approx(
        105 * 93.3 + 105 * 93.5 - 20 * 646.2 - 10 * 646.5 - 0.77 + 98.7
    )


def test_rows_are_unique_and_in_the_order_of_the_fills(swing: Ledger) -> None:
    made = portfolio(swing)
    index = made.wrapper.index
    orders = made.orders.records_readable
    fills = orders[orders["Size"] > 1]

    assert index.is_unique
    assert index.is_monotonic_increasing
    assert str(index.tz) == "UTC"
    assert fills.sort_values("Timestamp")["Column"].tolist() == [
        row[2] for row in swing.rows["fills"]
    ]
    # The one look that is missing held nothing and wasn't its session's last.
    instants = [row[0] for row in swing.rows["equity"]]
    assert list(at_looks(swing, made.value())) == [*instants[:6], instants[7]]


def test_a_fill_at_the_open_is_not_in_the_look_at_that_instant(swing: Ledger) -> None:
    value = at_looks(swing, portfolio(swing).value())

    assert value[at("2014-06-05", "09:30")] == 100_000.0


def test_fractions_of_a_reverse_split_are_paid_in_cash() -> None:
    book = Ledger()
    book.fill("LONG", 123, 1.05, at("2020-01-06", "10:00"))
    book.fill("SHRT", -57, 2.5, at("2020-01-06", "10:00"))
    book.look(at("2020-01-06", "16:00"), LONG=1.1, SHRT=2.4)
    book.split("LONG", 0.1, at("2020-01-07", "04:00"))
    book.split("SHRT", 0.1, at("2020-01-07", "04:00"))
    book.look(at("2020-01-07", "10:00"), LONG=11.3, SHRT=24.2)
    book.fill("LONG", -12, 11.4, at("2020-01-07", "11:00"))
    book.fill("SHRT", 5, 23.9, at("2020-01-07", "11:00"))
    book.look(at("2020-01-07", "16:00"))
    cash = at_looks(book, portfolio(book).cash())
    orders = portfolio(book).orders.records_readable

    assert cash[at("2020-01-07", "10:00")] == pytest.approx(
        100_000 - 123 * 1.05 + 57 * 2.5 + 0.3 * 11.0 - 0.7 * 24.0, abs=1e-6
    )
    assert orders["Size"].tolist() == pytest.approx([12.3, 5.7, 0.3, 0.7, 12, 5])
    assert portfolio(book).trades.closed.count() == 2
    assert verified(book).ok


def test_a_split_that_leaves_no_whole_share_ends_the_position() -> None:
    book = Ledger()
    book.fill("TINY", 7, 1.0, at("2020-01-06", "10:00"))
    book.look(at("2020-01-06", "16:00"), TINY=0.9)
    book.split("TINY", 0.1, at("2020-01-07", "04:00"))
    book.look(at("2020-01-07", "10:00"))
    found = verified(book)

    assert found.ok
    assert (found.trades, found.open_usd) == (1, 0.0)
    assert found.realised_usd == pytest.approx(-0.7)


def test_a_fill_through_zero_is_two_trades() -> None:
    book = Ledger()
    book.fill("AAPL", 100, 50.0, at("2020-01-06", "10:00"))
    book.look(at("2020-01-06", "10:30"), AAPL=50.5)
    book.fill("AAPL", -150, 51.0, at("2020-01-06", "11:00"))
    book.look(at("2020-01-06", "16:00"), AAPL=50.0)
    trades = portfolio(book).trades.records_readable

    assert trades["Direction"].tolist() == ["Long", "Short"]
    assert trades["Status"].tolist() == ["Closed", "Open"]
    assert trades["PnL"].tolist() == pytest.approx([100.0, 50.0])
    assert verified(book).ok


def test_an_account_that_is_overdrawn_is_still_told_exactly() -> None:
    book = Ledger(initial_usd=1_000)
    book.fill("GME", -100, 10.0, at("2021-01-25", "10:00"))
    book.look(at("2021-01-25", "16:00"), GME=11.0)
    book.fill("GME", 100, 35.0, at("2021-01-26", "09:30"))
    book.look(at("2021-01-26", "16:00"))

    assert portfolio(book).final_value() == pytest.approx(-1_500.0)
    assert verified(book).ok


@pytest.mark.parametrize(
    ("change", "row"),
    [
        ({"price": 646.51}, 1),
        ({"quantity": 9}, 1),
        ({"side": "buy"}, 2),
        ({"symbol": "AAPL"}, 2),
        ({"fee": Decimal("0.22")}, 6),
        ({"decided_seq": 5}, 3),
    ],
)
def test_a_tampered_fill_is_noticed_where_it_happened(
    swing: Ledger, change: dict[str, Any], row: int
) -> None:
    fills = swing.table("fills")
    seq = int(fills["decided_seq"][row])
    [(name, value)] = change.items()
    column = fills[name].to_list()
    column[row] = value
    found = verified(
        swing, fills=fills.with_columns(pl.Series(name, column, SCHEMAS["fills"][name]))
    )

    assert not found.ok
    assert found.first_bad_ns == swing.rows["equity"][seq][0]


def test_a_lost_fill_is_noticed(swing: Ledger) -> None:
    fills = swing.table("fills")
    for lost in range(len(fills)):
        kept = fills.with_row_index().filter(pl.col("index") != lost).drop("index")

        assert not verified(swing, fills=kept).ok


def test_a_symbol_whose_every_fill_is_lost_is_noticed(swing: Ledger) -> None:
    fills = swing.table("fills")
    for symbol in ("AAPL", "BAC"):
        assert not verified(swing, fills=fills.filter(pl.col("symbol") != symbol)).ok
    assert not verified(swing, fills=fills.clear()).ok


def test_a_lost_dividend_and_a_lost_split_are_noticed(swing: Ledger) -> None:
    actions = swing.table("adjustments")

    assert len(actions) == 3
    for lost in range(3):
        kept = actions.with_row_index().filter(pl.col("index") != lost).drop("index")

        assert not verified(swing, adjustments=kept).ok


def test_a_cent_in_one_row_of_equity_is_noticed(swing: Ledger) -> None:
    rows = swing.table("equity").with_row_index()
    one = pl.when(pl.col("index") == 3).then(Decimal("0.01")).otherwise(Decimal("0.00"))
    found = verified(swing, equity=rows.with_columns(cash=(pl.col("cash") + one).cast(MONEY)))

    assert not found.ok
    assert found.first_bad_ns == swing.rows["equity"][3][0]
    assert found.worst_usd == pytest.approx(0.01)


def test_a_split_that_makes_shares_of_nothing_is_refused(swing: Ledger) -> None:
    actions = swing.table("adjustments")
    more = actions.with_columns(
        quantity_after=pl.when(pl.col("kind") == "split").then(212).otherwise("quantity_after")
    )

    with pytest.raises(ConservationError, match="AAPL: a split 7:1 made 212 of 30 shares"):
        verified(swing, adjustments=more)


def test_stats_tell_what_the_ledger_tells(swing: Ledger) -> None:
    assert importlib.util.find_spec("vectorbt_rust") is not None

    made = portfolio(swing)
    stats = made.stats()
    value = made.value().to_numpy()
    returns = np.diff(np.concatenate([[100_000.0], value])) / np.concatenate(
        [[100_000.0], value[:-1]]
    )
    rows_a_year = timedelta(days=365) / made.wrapper.freq.to_pytimedelta()

    assert stats["Start Value"] == 100_000.0
    assert stats["End Value"] == pytest.approx(float(swing.rows["equity"][-1][3]), abs=0.005)
    assert stats["Total Closed Trades"] == 2
    assert stats["Win Rate [%]"] == 100.0
    assert stats["Max Drawdown [%]"] == pytest.approx(
        100 * (1 - value / np.maximum.accumulate(value)).max()
    )
    assert stats["Sharpe Ratio"] == pytest.approx(
        returns.mean() / returns.std(ddof=1) * math.sqrt(rows_a_year), rel=1e-6
    )
    assert made.drawdowns.max_drawdown() == pytest.approx(-stats["Max Drawdown [%]"] / 100)


@pytest.mark.filterwarnings("ignore:Subplot:UserWarning")
def test_plots_draw_the_account(swing: Ledger) -> None:
    made = portfolio(swing)
    whole = made.plot()
    value = made.plot_value()
    apple = made.plot_trades(column="AAPL")

    assert {"Drawdowns", "Cumulative Returns"} & {a.text for a in whole.layout.annotations}
    assert any(np.array_equal(trace.y, made.value().to_numpy()) for trace in value.data)
    assert "Exit - Profit" in {trace.name for trace in apple.data}


def test_flat_looks_are_left_out_but_for_the_first_and_each_sessions_last() -> None:
    book = Ledger()
    for clock in ("04:00", "10:00", "20:00"):
        book.look(at("2020-01-06", clock))
    book.fill("AAPL", 10, 50.0, at("2020-01-07", "10:00"))
    book.look(at("2020-01-07", "10:05"), AAPL=51.0)
    book.fill("AAPL", -10, 51.0, at("2020-01-07", "10:05"))
    for clock in ("10:10", "16:00", "20:00"):
        book.look(at("2020-01-07", clock))
    looks = at_looks(book, portfolio(book).value())

    assert list(looks) == [
        at("2020-01-06", "04:00"), at("2020-01-06", "20:00"), at("2020-01-07", "10:05"),
        at("2020-01-07", "20:00"),
    ]  # fmt: skip
    assert verified(book).rows == 7


def test_too_many_cells_leave_each_sessions_last_look_and_say_so(swing: Ledger) -> None:
    with pytest.warns(UserWarning, match="18 rows x 2 symbols are more than 30 cells"):
        made = portfolio(swing, max_cells=30)
    looks = at_looks(swing, made.value())

    assert list(looks) == [
        at("2014-06-05", "09:30"), at("2014-06-05", "16:00"), at("2014-06-06", "16:00"),
        at("2014-06-09", "16:00"),
    ]  # fmt: skip
    ledger = {row[0]: float(row[3]) for row in swing.rows["equity"]}
    assert list(looks.values()) == pytest.approx([ledger[ns] for ns in looks], abs=0.005)


def test_many_symbols_are_verified_in_turns_and_none_is_left_out() -> None:
    book = Ledger()
    for n in range(70):
        book.fill(f"S{n:02d}", n + 1, 10.0, at("2020-01-06", "10:00"), fee_micro=10_000)
        book.look(at("2020-01-06", "10:05") + n * MINUTE, **{f"S{n:02d}": 10.5})
    for n in range(0, 70, 2):
        book.fill(f"S{n:02d}", -n - 1, 11.0, at("2020-01-06", "12:00"))
    book.look(at("2020-01-06", "16:00"))
    found = verified(book)
    bought = [sum(range(2 - parity, 71, 2)) for parity in (0, 1)]

    assert found.ok
    assert (found.rows, found.trades) == (71, 35)
    assert found.fees_usd == pytest.approx(0.70)
    assert found.realised_usd == pytest.approx(bought[1] * 1.0 - 0.35)
    assert found.open_usd == pytest.approx(bought[0] * 0.5 - 0.35)


def test_a_run_without_fills_has_no_portfolio_but_can_be_verified() -> None:
    book = Ledger()
    book.look(at("2020-01-06", "16:00"))
    book.look(at("2020-01-07", "16:00"))

    assert verified(book).ok
    with pytest.raises(InputError, match="0 fills"):
        portfolio(book)


def test_a_missing_column_is_named(swing: Ledger) -> None:
    with pytest.raises(InputError, match="table fills has no column decided_seq"):
        verified(swing, fills=swing.table("fills").drop("decided_seq"))


def test_importing_the_module_does_not_import_vectorbt() -> None:
    code = "import sys, catalyst.research.portfolio; print('vectorbt' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert out.stdout.strip() == "False"


SYMBOLS = ("A", "B", "C")
PRICES = st.integers(5_000, 20_000_000).map(lambda ticks: ticks / 10_000)
SHARES = st.integers(-3_000, 3_000).filter(bool)
FEES = st.integers(0, 400_000)
RATIOS = st.sampled_from((7.0, 2.0, 1.5, 1 / 3, 0.1, 0.04, 1.0625))


@st.composite
def ledgers(draw: st.DrawFn) -> Ledger:
    """Any account: longs, shorts, through zero, splits both ways, dividends, fees, overdrafts."""
    book = Ledger(initial_usd=draw(st.sampled_from((1_000, 100_000, 5_000_000))))
    start = date(2020, 1, 6)
    for days in range(draw(st.integers(1, 3))):
        session = str(start + timedelta(days=days))
        if days:
            for symbol in [s for s in SYMBOLS if book.held.get(s)]:
                if draw(st.booleans()):
                    book.dividend(symbol, draw(st.integers(1, 500)) / 100, at(session, "04:00"))
                if draw(st.booleans()) and book.held[symbol]:
                    book.split(symbol, draw(RATIOS), at(session, "04:00"))
        for bar in range(draw(st.integers(1, 4))):
            opens = at(session, "09:30") + bar * 5 * MINUTE
            for _ in range(draw(st.integers(0, 4))):
                symbol = draw(st.sampled_from(SYMBOLS))
                closes = book.held.get(symbol, 0) and draw(st.booleans())
                shares = -book.held[symbol] if closes else draw(SHARES)
                when = opens + draw(st.sampled_from((0, 5 * MINUTE)))
                price, fee = draw(PRICES), draw(FEES)
                enough = fee <= abs(shares) * round(price * 10_000) * 100
                book.fill(symbol, shares, price, when, fee_micro=fee if enough else 0)
            book.look(opens + 5 * MINUTE, **{s: draw(PRICES) for s in SYMBOLS if book.held.get(s)})
    return book


@given(ledgers())
@settings(max_examples=60)
def test_any_consistent_ledger_equals_vectorbt_to_the_cent(book: Ledger) -> None:
    found = verified(book)

    assert found.ok, found


@given(ledgers().filter(lambda book: bool(book.rows["fills"])), st.data())
@settings(max_examples=30)
def test_a_cent_a_share_in_any_fill_is_noticed(book: Ledger, data: st.DataObject) -> None:
    row = data.draw(st.integers(0, len(book.rows["fills"]) - 1))
    fills = book.table("fills").with_row_index()
    cent = pl.when(pl.col("index") == row).then(0.01).otherwise(0.0)
    found = verified(book, fills=fills.with_columns(price=pl.col("price") + cent))

    assert not found.ok
    assert found.first_bad_ns == book.rows["equity"][book.rows["fills"][row][8]][0]
