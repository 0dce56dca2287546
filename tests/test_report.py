"""The report in a real browser: offline, light and dark, on a phone, whatever the run was like."""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from browser import browser, opened
from worlds import LOOSE, daily_lake, scratch, small_lake, small_sample

from catalyst import Lake, Params, replay
from catalyst.cli import app as cli
from catalyst.data.report.charts import equity_chart, funnel_chart, score_chart, sensitivity_chart
from catalyst.data.report.values import Interval, ScoreTable, Stage
from catalyst.errors import InputError, OutputError
from catalyst.research.result import Result

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

__all__ = ["browser"]

HOSTILE = (
    "<script>window.pwned = 1</script>",
    "</script><script>window.pwned = 2</script>",
    '"><img src=x onerror="window.pwned = 3">',
    "&lt;b&gt;bold&lt;/b&gt; %{x} <a href='https://example.com'>press</a>",
    "\u202eevil gnitirw\u202c \u0007 \u2066 العربية",
    "-->]]><!-- ${window.pwned = 4} \\u003c",
)


def _spec(**changes: object) -> Params:
    return Params.load("spec").replace(**changes)


@cache
def usual() -> Result:
    return replay(small_lake(), _spec(allow_short=True, **LOOSE), end=small_lake().days("5m")[14])


@cache
def without_trades() -> Result:
    return replay(small_lake(), _spec(price_max=1.5), end=small_lake().days("5m")[8])


@cache
def one_trade() -> Result:
    # The symbol of the first trade alone, until the day of that trade.
    first = usual().trades.sort("exit_ts").row(0, named=True)
    return replay(
        small_lake(),
        _spec(allow_short=True, entries_a_day=1, **LOOSE),
        symbols=[first["symbol"]],
        start=first["exit_ts"].date(),
        end=first["exit_ts"].date(),
    )


@cache
def without_news() -> Result:
    lake = Lake(scratch() / "newsless", create=True)
    days = small_lake().days("5m")[:7]
    lake.add_bars(small_lake().bars("5m", end=days[-1]), timeframe="5m")
    return replay(lake, _spec())


@cache
def held_at_the_end() -> Result:
    params = _spec(flatten_at_close=False, time_stop_hours=600, stop_frac=0.4, **LOOSE)
    return replay(small_lake(), params, end=small_lake().days("5m")[10])


@cache
def daily() -> Result:
    return replay(daily_lake(), Params.load("daily", timeframe="1d").replace(**LOOSE))


@cache
def hostile() -> Result:
    lake = Lake(scratch() / "hostile", create=True)
    days = small_lake().days("5m")[:9]
    lake.add_bars(small_lake().bars("5m", end=days[-1]), timeframe="5m")
    news = small_sample().news.with_row_index("k")
    said = pl.col("k").mod(len(HOSTILE)).replace_strict(dict(enumerate(HOSTILE)))
    lake.add_news(news.with_columns(headline=pl.col("headline") + " " + said).drop("k"))
    return replay(lake, _spec(**LOOSE))


DARK = "rgb(17, 22, 28)"
RUNS = (usual, without_trades, one_trade, without_news, held_at_the_end, daily, hostile)
Run = Callable[[], Result]


@cache
def written(run: Run) -> Path:
    return run().report(scratch() / f"report-{run.__name__}.html")


def unpacked(path: Path) -> dict[str, Any]:
    found = re.search(r'id="packed-data">([^<]*)<', path.read_text(encoding="utf-8"))
    assert found is not None
    content: dict[str, Any] = json.loads(gzip.decompress(base64.b64decode(found.group(1))))
    return content


@dataclass(frozen=True)
class Shown:
    """The usual run's report, open on a dark desktop, with what it asked for and complained of."""

    page: Page
    asked: list[str]
    said: list[str]


@pytest.fixture(scope="module")
def shown(browser: Browser) -> Iterator[Shown]:
    with opened(browser, written(usual), scheme="dark") as (page, asked, said):
        yield Shown(page, asked, said)


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.__name__)
def test_a_report_asks_for_nothing_complains_of_nothing_and_fits_a_phone(
    browser: Browser, run: Run
) -> None:
    path = written(run)
    with opened(browser, path, width=390) as (page, asked, said):
        assert page.evaluate("document.documentElement.dataset.ready") == "yes"
        assert asked == [path.as_uri()]
        assert said == []
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        assert page.evaluate("window.pwned") is None


def test_a_report_asks_for_nothing_and_fits_a_desk(shown: Shown) -> None:
    assert shown.asked == [written(usual).as_uri()]
    assert shown.said == []
    assert shown.page.evaluate("document.documentElement.scrollWidth") == 1280


def test_verdict_and_warnings_stand_before_every_figure(shown: Shown) -> None:
    order = shown.page.evaluate("[...document.querySelectorAll('main section')].map(s => s.id)")

    assert order == [
        *("verdict", "figures", "equity", "months", "trades", "funnel"),
        *("scores", "exits", "costs", "sensitivity", "groups", "facts"),
    ]


def test_every_trade_opens_its_chart_and_its_story(shown: Shown) -> None:
    run, page = usual(), shown.page
    for row in run.trades.tail(3).iter_rows(named=True):
        page.locator(f'[data-trade="{row["trade_id"]}"]').click()

        story = page.locator("#trade-story .story")
        assert story.is_visible()
        assert row["symbol"] in story.inner_text()
        assert row["symbol"] in page.locator("#trade-title").inner_text()
        assert page.url.endswith(f"#trade-{row['trade_id']}")
        assert page.locator("#trade-plot .main-svg").count() > 0
    buttons = page.locator("#trades .open").count()

    content = unpacked(written(usual))
    assert shown.said == []
    assert buttons == run.trades.height
    assert set(content["stories"]) == set(run.trades["trade_id"])
    assert set(content["windows"]) == set(run.trades["trade_id"])


def test_the_trades_shown_are_those_asked_for(shown: Shown) -> None:
    symbol = usual().trades["symbol"][0]
    count = usual().trades.filter(pl.col("symbol") == symbol).height

    shown.page.fill("#trade-filter", symbol.lower())
    found = shown.page.locator("#trade-count").inner_text()
    shown.page.fill("#trade-filter", "")

    assert found == f"{count} of {usual().trades.height}"


def test_a_trade_is_marked_where_and_when_it_filled() -> None:
    run = usual()
    trade = run.trades.row(0, named=True)
    window = unpacked(written(usual))["windows"][trade["trade_id"]]
    entry = next(mark for mark in window["marks"] if mark["way"] == "in")
    place = int(entry["x"] + 0.5)

    low, high = window["bars"]["l"][place], window["bars"]["h"][place]
    local = trade["entry_ts"].astimezone().strftime("%Y-%m-%d")
    assert entry["y"] == pytest.approx(trade["entry_price"], rel=0.01)
    assert low * 0.99 <= entry["y"] <= high * 1.01
    assert window["bars"]["t"][place].startswith(local)


def test_dark_follows_the_system_and_the_switch_and_charts_follow_too(shown: Shown) -> None:
    page = shown.page
    ground = "getComputedStyle(document.body).backgroundColor"
    ink = "getComputedStyle(document.querySelector('[data-chart] svg text')).fill"

    dark, dark_ink = page.evaluate(ground), page.evaluate(ink)
    page.select_option("#theme", "light")
    light, light_ink = page.evaluate(ground), page.evaluate(ink)
    page.select_option("#theme", "")

    assert (dark, light, page.evaluate(ground)) == (DARK, "rgb(255, 255, 255)", DARK)
    assert dark_ink != light_ink


def test_the_horizon_chosen_is_the_one_shown(shown: Shown) -> None:
    shown.page.select_option("#horizon", label="2 hours")
    said = shown.page.locator(".card >> nth=0").locator("> p:visible").all_inner_texts()
    title = shown.page.locator('[data-chart="score-0"] .ytitle').text_content()

    assert len(said) == 1
    assert "over 2 hours" in said[0]
    assert title == "bps over 2 hours"


def test_text_is_readable_in_light_and_dark(shown: Shown) -> None:
    for theme in ("light", ""):
        shown.page.select_option("#theme", theme)
        worst = shown.page.evaluate(_CONTRAST)

        # WCAG 2.2, AA: 4.5 for text.
        assert worst["ratio"] >= 4.5, worst


# The least ratio of luminances of text and what lies behind it, with its words.
_CONTRAST = """() => {
  const rgba = (text) => (text.match(/[\\d.]+/g) || [0, 0, 0, 0]).map(Number);
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const solid = (text, under) => {
    canvas.fillStyle = under; canvas.fillRect(0, 0, 1, 1);
    canvas.fillStyle = text; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = (rgb) => rgb.map((v) => v / 255)
    .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, k) => sum + v * [0.2126, 0.7152, 0.0722][k], 0);
  const behind = (node) => {
    const layers = [];
    for (let at = node; at; at = at.parentElement)
      layers.push(getComputedStyle(at).backgroundColor);
    return layers.reverse().reduce((under, layer) => `rgb(${solid(layer, under)})`, 'white');
  };
  let worst = { ratio: 99, text: '' };
  for (const node of document.querySelectorAll('main *, header *, nav *, footer *')) {
    const own = [...node.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || node.closest('svg') || node.closest('.story') || !node.checkVisibility()) continue;
    const under = behind(node);
    const ink = solid(getComputedStyle(node).color, under);
    const pair = [light(ink), light(rgba(under).slice(0, 3))];
    const ratio = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
    if (ratio < worst.ratio) worst = { ratio, text: node.textContent.slice(0, 60), under };
  }
  return worst;
}"""


_NAMES = """() => {
  const all = (selector) => [...document.querySelectorAll(selector)];
  const ours = (node) => !node.closest('.story');
  return {
    levels: all('h1, main :is(h2, h3, h4)').filter(ours).map((h) => Number(h.tagName[1])),
    nameless: all('main table:not(:has(caption))').filter(ours).length,
    headless: all('main thead th:not([scope])').filter(ours).length,
    mute: all('[role=img]:not([aria-label])').length,
    fields: all('input, select').filter((field) => !field.labels.length).length,
    language: document.documentElement.lang,
  };
}"""


def test_headings_tables_and_charts_are_named_for_who_cannot_see(shown: Shown) -> None:
    found = shown.page.evaluate(_NAMES)

    leaps = [b - a for a, b in zip(found["levels"], found["levels"][1:], strict=False)]
    assert found["levels"][0] == 1
    assert max(leaps) <= 1
    assert (found["nameless"], found["headless"], found["mute"], found["fields"]) == (0, 0, 0, 0)
    assert found["language"] == "en"


def test_without_script_every_table_is_there(browser: Browser) -> None:
    with opened(browser, written(usual), script=False) as (page, asked, _):
        shown = page.locator("main").inner_text()

        assert "Charts, and the stories behind the trades, need a script" in shown
        assert page.locator("#trades tbody tr").count() == usual().trades.height
        assert len(asked) == 1


def test_hostile_headlines_are_text_and_nothing_else(browser: Browser) -> None:
    run = hostile()
    assert run.trades.height
    with opened(browser, written(hostile)) as (page, asked, said):
        for button in page.locator("#trades .open").all()[: len(HOSTILE)]:
            button.click()
        page.locator("#trade-news summary").click()

        assert page.evaluate("window.pwned") is None
        assert page.locator("main img, main script").count() == 0
        assert page.locator("#trade-news li").count() > 0
        assert len(asked) == 1
        assert said == []
    text = json.dumps(unpacked(written(hostile))["windows"], ensure_ascii=False)
    assert "\u202e" not in text
    assert "\u2066" not in text


def test_even_unescaped_markup_could_run_no_script(browser: Browser, tmp_path: Path) -> None:
    # As if escaping had failed somewhere: the page's policy knows its own two scripts only.
    broken = tmp_path / "broken.html"
    page_text = written(usual).read_text(encoding="utf-8")
    broken.write_text(
        page_text.replace("<main>", '<main><script>window.pwned = 1</script><img src="x">', 1),
        encoding="utf-8",
    )
    with opened(browser, broken) as (page, _, said):
        assert page.evaluate("window.pwned") is None
        assert page.evaluate("document.documentElement.dataset.ready") == "yes"
        assert any("Content Security Policy" in text for text in said)


def test_a_report_prints_on_white_with_every_chart(shown: Shown) -> None:
    page = shown.page
    ground = "getComputedStyle(document.body).backgroundColor"

    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    white, undrawn = page.evaluate(ground), page.locator("[data-chart]:not([data-drawn])").count()
    page.evaluate("dispatchEvent(new Event('afterprint'))")

    assert (white, undrawn) == ("rgb(255, 255, 255)", 0)
    assert page.locator("[data-chart] .main-svg").count() >= 2 * 9
    assert page.evaluate(ground) == DARK


def test_the_same_run_gives_the_same_bytes_also_when_saved_and_opened(tmp_path: Path) -> None:
    saved = replay(small_lake(), _spec(**LOOSE), end=small_lake().days("5m")[10])
    saved.save(tmp_path / "run", report=True)
    first = (tmp_path / "run/report.html").read_bytes()

    again = Result.open(tmp_path / "run", small_lake()).report(tmp_path / "again.html")

    assert again.read_bytes() == first
    assert len(first) < 4_000_000


def test_a_run_without_trades_says_what_bound_it() -> None:
    text = written(without_trades).read_text(encoding="utf-8")

    assert "There are no trades, so there is nothing to judge." in text
    assert "failed price_max 1.5" in text


def test_a_position_still_open_is_told_too() -> None:
    run = held_at_the_end()
    text = written(held_at_the_end).read_text(encoding="utf-8")

    assert run.summary["open_positions"]
    assert text.count("Still held at the end</h3>") == 1


def test_one_trade_on_one_day_is_no_conclusion() -> None:
    run = one_trade()

    assert run.trades.height == 1
    assert "No conclusion: 1 closed trade on 1 day can&#x27;t" in written(one_trade).read_text()


def test_a_run_opened_without_its_lake_has_no_report(tmp_path: Path) -> None:
    run = without_trades()
    with pytest.raises(InputError, match="opened without its lake"):
        Result(run.params, run.folder).report(tmp_path / "report.html")


def test_a_report_that_cannot_be_written_says_so() -> None:
    with pytest.raises(OutputError, match="can't be written"):
        without_trades().report(scratch() / "missing" / "report.html")


def test_the_charts_are_figures_that_plotly_knows() -> None:
    go = pytest.importorskip("plotly.graph_objects")

    cell = Interval(1.0, 0.5, 2.0, 5, 25)
    empty = Interval(float("nan"), float("nan"), float("nan"), 0, 0)
    table = ScoreTable("a", "b", ("0 to 10", "10 to 20"), ((cell,), (empty,)), (), (0.0,), (0,))
    rows = pl.DataFrame(
        {"minutes": [0], "mean": [1.0], "low": [0.0], "high": [2.0], "trades": [3], "days": [2]}
    )
    for chart in (
        equity_chart(usual().benchmarks),
        equity_chart(usual().benchmarks.head(1)),
        equity_chart(usual().benchmarks.head(0)),
        funnel_chart([Stage("a", "b", 0, 0)]),
        score_chart(table, 0, "over 2 hours"),
        sensitivity_chart(rows),
    ):
        plain = json.loads(re.sub(r'"@[a-z-]+"', '"#123456"', json.dumps(chart)))

        assert go.Figure(plain).to_dict()["layout"]


def test_the_command_writes_a_saved_runs_report_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CATALYST_HOME", str(tmp_path / "home"))
    lake = str(small_lake().root)
    for arguments in (
        ["backtest", "--lake", lake, "--end", str(small_lake().days("5m")[7]), "--sensitivity"],
        ["report", "--json"],
    ):
        monkeypatch.setattr("sys.argv", ["catalyst", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()

        assert not ended.value.code
        if arguments[0] == "backtest":
            first = (tmp_path / "runs/latest/report.html").read_bytes()
            assert "report.html" in capsys.readouterr().out
    told = json.loads(capsys.readouterr().out)

    assert (tmp_path / told["report"]).read_bytes() == first
    assert told["bytes"] == len(first)
    assert b"nothing to move" in first
