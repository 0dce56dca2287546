from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalyst.data.enrichment.tables import table
from catalyst.data.enrichment.text import plain
from catalyst.data.enrichment.tickers import (
    cashtags,
    company_names,
    company_symbols,
    is_mislinked,
)
from catalyst.data.symbols import joined_symbol


@pytest.mark.parametrize(
    ("headline", "expected"),
    [
        ("$AAPL and $msft, ($GOOG). $V!", ("AAPL", "MSFT", "GOOG", "V")),
        ("$BRK-A $BRK.B $BRK/B $brk.a", ("BRK.A", "BRK.B")),
        ("$AAPL's rise, $T-Mobile, $EUR/USD", ("AAPL", "T", "EUR")),
        ("$XEG.TO $XEG.", ("XEG.TO", "XEG")),
        ("L$D A$AP U$D HEI$T $5M $1.50 W€$T B3@$T S#$T $T$ $TOOLONGNAME", ()),
        ("I wish I bought #$AMZN", ("AMZN",)),
        ("＄AAPL &#36;MSFT", ("AAPL", "MSFT")),
        ("see http://x.com/$AAPL", ()),
        ("no tags", ()),
    ],
)
def test_cashtags_stand_alone(headline: str, expected: tuple[str, ...]) -> None:
    assert cashtags(plain(headline))[0] == expected


def test_a_cashtag_that_the_end_cuts_is_not_trusted() -> None:
    assert cashtags(plain("$SPY $CAT… http://t.co/x")) == (("SPY",), ("CAT",))


@pytest.mark.parametrize(
    ("symbol", "headline"),
    [
        ("D", "A$AP Rocky - L$D"),
        ("D", "L$D (LOVE x $EX x DREAMS)"),
        ("D", "l$d"),
        ("T", "HIGHWAY HEI$T"),
        ("AP", "A$AP"),
        ("MSFT", "$AAPL rises"),
        ("BRK.A", "$BRK.B rises"),
        ("D", "$DNAX only"),
        ("T", "YES_$T"),
    ],
)
def test_a_link_that_the_text_contradicts_is_mislinked(symbol: str, headline: str) -> None:
    assert is_mislinked(symbol, plain(headline))


@pytest.mark.parametrize(
    ("symbol", "headline"),
    [
        ("D", "Dominion raises dividend"),
        ("D", "L$D but also $D"),
        ("AAPL", "$aapl rises"),
        ("BRK.A", "Buffett $BRK-A"),
        ("BRK.A", "Buffett $BRK/A"),
        ("CAT", "$SPY $CAT…"),
        ("AAPL", "Apple earns $5M in U$D"),
    ],
)
def test_a_link_that_the_text_bears_out_or_leaves_open_stays(symbol: str, headline: str) -> None:
    assert not is_mislinked(symbol, plain(headline))


@given(st.text(alphabet="$ADT a&-…", max_size=12), st.sampled_from(["A", "D", "T", "AD"]))
def test_a_symbol_among_the_cashtags_is_never_mislinked(text: str, symbol: str) -> None:
    whole, _ = cashtags(plain(text))

    assert not (symbol in whole and is_mislinked(symbol, plain(text)))


@pytest.mark.parametrize(
    ("headline", "expected"),
    [
        ("Apple sues Samsung", ("AAPL",)),
        ("APPLE AND MICROSOFT", ("AAPL", "MSFT")),
        ("Apple Hospitality buys hotel", ("APLE",)),
        ("Berkshire Hathaway meeting", ("BRK.A", "BRK.B")),
        ("AT&amp;T's network", ("T",)),
        ("McDonald’s sales", ("MCD",)),
        ("apple pie and Big Apple and Apple pie", ()),
        ("Price Target Raised, H-1B Visa", ()),
        ("ask @Microsoft", ()),
        ("CEO Says US GDP UP", ()),
        ("Barrick Gold (GOLD) rises", ("GOLD",)),
        ("Apple Inc.'s (NASDAQ:AAPL) quarter", ("AAPL",)),
        ("Tesla Motors (NASDAQ: TSLA), Ford Motor Company", ("TSLA", "F")),
        ("Volume Movers (AAWW, NICE, BRK.B)", ("AAWW", "NICE", "BRK.B")),
        ("Option Activity: FSLR, A, ISRG", ("FSLR", "A", "ISRG")),
        ("Movers: HIL, BBBY, SAVA, MX…", ("HIL", "BBBY", "SAVA", "MX")),
        ("The chief (CEO) of a fund (ETF)", ()),
        ("say it (N)ot", ()),
        ("Sales $658.3M, 3M", ("MMM",)),
        ("GM$T and AT&T", ("T",)),
        ("update (new) ZZZ", ()),
    ],
)
def test_company_names_are_found_as_whole_names(headline: str, expected: tuple[str, ...]) -> None:
    names, pattern = company_names()

    assert company_symbols(plain(headline), names, pattern) == expected


def test_a_caller_can_add_company_names() -> None:
    names, pattern = company_names({"Quillon Labs": "QLN"})

    assert company_symbols("Quillon Labs and Apple", names, pattern) == ("QLN", "AAPL")


def test_every_symbol_of_the_company_table_is_joined() -> None:
    symbols = list(table("companies")["companies"])

    assert symbols == [joined_symbol(symbol) for symbol in symbols]
