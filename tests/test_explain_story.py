"""A story as a value: the same facts as text, HTML and JSON; a headline commands nothing."""

from __future__ import annotations

import json
from decimal import Decimal

from catalyst.data.figures import eastern, iso_utc, money, price, span
from catalyst.data.story import Fact, Section, Story
from catalyst.data.story_text import lines

MINUTE_NS = 60_000_000_000


def told(**changes: object) -> Story:
    parts: dict[str, object] = {
        "kind": "trade",
        "headline": Fact("bought 120 ABC", mark="gain"),
        "lines": (Fact("run spec", mark="quiet"),),
        "sections": (
            Section(
                "News", (Fact("an article", {"weight": 0.1 + 0.2}, details=(Fact("tier 1"),)),)
            ),
            Section(
                "Fills",
                (
                    Fact("bought 60 at 10.01", {"price": 10.01}, cells=("60", "10.01")),
                    Fact("sold 60 at 9.5", {"pnl": Decimal("-30.600001")}, cells=("60", "9.5")),
                ),
                ("shares", "price"),
            ),
        ),
        "values": {"trade_id": "ab" * 10, "unknown": float("nan")},
    }
    return Story(**{**parts, **changes})  # type: ignore[arg-type]


def test_a_story_prints_its_headline_titles_and_facts_in_order() -> None:
    text = str(told())
    found = [text.index(part) for part in ("bought 120 ABC", "News", "tier 1", "Fills", "9.5")]

    assert found == sorted(found)


def test_rows_become_a_table_where_there_is_room() -> None:
    wide = [line.text for line in lines(told(), 100)]

    assert "  shares  price" in wide


def test_rows_become_sentences_where_there_is_no_room() -> None:
    row = Fact("a sentence", cells=("x" * 30, "y" * 30))
    story = told(sections=(Section("Orders", (row,), ("one", "two")),))

    assert [line.text for line in lines(story, 50)][-1] == "  · a sentence"


def test_no_line_is_wider_than_asked() -> None:
    long = " ".join(["word"] * 60)
    story = told(
        headline=Fact(long), sections=(Section(long, (Fact(long, details=(Fact(long),)),)),)
    )

    assert max(len(line.text) for line in lines(story, 80)) <= 80


def test_json_keeps_every_bit_of_a_number() -> None:
    found = json.loads(json.dumps(told().as_json(), allow_nan=False))

    assert found["sections"][0]["facts"][0]["values"]["weight"] == 0.1 + 0.2
    assert found["sections"][1]["facts"][1]["values"]["pnl"] == -30.600001
    assert found["values"]["unknown"] is None


def test_html_escapes_what_a_headline_says() -> None:
    story = told(sections=(Section("News", (Fact('<script>alert("x")</script> & co'),)),))

    assert "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt; &amp; co" in story.html()
    assert "<script" not in story._repr_html_()


def test_a_control_character_reaches_no_terminal() -> None:
    story = told(headline=Fact("a\x1b[31mred\x07"))

    assert "\x1b" not in str(story)
    assert "\x1b" not in story.html()


def test_a_notebook_gets_style_and_a_report_does_not() -> None:
    story = told()

    assert (
        story._repr_html_() == story._repr_html_().split("</style>")[0] + "</style>" + story.html()
    )


def test_facts_come_with_their_details_after_them() -> None:
    texts = [fact.text for fact in told().facts()]

    assert texts == [
        "bought 120 ABC",
        "run spec",
        "an article",
        "tier 1",
        "bought 60 at 10.01",
        "sold 60 at 9.5",
    ]


def test_folded_facts_are_left_out_of_lines_and_kept_elsewhere() -> None:
    story = told(sections=(Section("News", (Fact("and one more", folded=(Fact("tiny"),)),)),))
    unfolded = story.as_json()["sections"][0]["facts"][0]["folded"]

    assert "tiny" not in str(story)
    assert unfolded == [{"text": "tiny"}]
    assert "<summary>and one more</summary><ul><li>tiny</li></ul>" in story.html()
    assert [fact.text for fact in story.facts()][-1] == "tiny"


def test_money_is_written_to_the_micro_dollar_and_no_longer_than_needed() -> None:
    texts = [money(n, signed=True) for n in (1_234_500_000, -30_600_001, 0, 5_000)]

    assert texts == ["+$1,234.50", "-$30.600001", "+$0.00", "+$0.005"]


def test_prices_show_cents_and_finer_ticks_where_they_have_them() -> None:
    assert [price(p) for p in (12.5, 0.1234, 10.001, 230_000.0)] == [
        "12.50",
        "0.1234",
        "10.001",
        "230,000.00",
    ]


def test_instants_are_new_york_time_for_people_and_utc_for_machines() -> None:
    ns = 1_425_308_700_000_000_001

    assert eastern(ns) == "2015-03-02 10:05 ET"
    assert iso_utc(ns) == "2015-03-02T15:05:00.000000001Z"


def test_spans_are_written_in_the_unit_a_trader_would_use() -> None:
    assert [span(n * MINUTE_NS) for n in (0, 12, 65, 120, 1500)] == [
        "0 s",
        "12 min",
        "1 h 05 min",
        "2 h",
        "1 day 1 h",
    ]
