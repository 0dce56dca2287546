"""Components of a user are held to the laws: clean ones pass, each breach is named."""

from __future__ import annotations

import json
import math
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from component_samples import CLEAN, IMPURE, Any_
from typer.testing import CliRunner
from worlds import small_lake

from catalyst import Params
from catalyst.cli.app import app
from catalyst.data.feed import Feed
from catalyst.errors import InputError
from catalyst.research.audit.cases import cases_of
from catalyst.research.audit.component_files import Found, components_in
from catalyst.research.audit.component_verdicts import ComponentAudit, ComponentsAudit
from catalyst.research.audit.components import audit_components, plugged
from catalyst.research.audit.looks import looks
from catalyst.strategy.components import Component

#: A partial and a callable object have no code of their own, so no variant may name them.
REFUSED = {"breakout", "ten_bars"}
#: A third of them: reading them all is tested beside this, at a fraction of the time.
AUDITED = list(IMPURE)[::3]
READS = {
    "sma50_position": 50,
    "weighted_mean": 20,
    "momentum": 6,
    "long_weights": 250,
    "big_body": 1,
    "inside_bar": 2,
    "three_up": 3,
    "narrow": 20,
    "quick_loss": 1,
    "sector_filter": 0,
}


@cache
def _clean() -> dict[str, ComponentAudit]:
    found = [Found(name, kind, function) for name, (kind, function) in CLEAN.items()]
    audit = audit_components(found, small_lake(), sessions=1, views=4)
    return {one.name: one for one in audit.components}


@cache
def _impure(only: str = "") -> dict[str, ComponentAudit]:
    found = [
        Found(name, kind, function)
        for name, (kind, function, _) in IMPURE.items()
        if (name == only if only else name in AUDITED)
    ]
    audit = audit_components(found, small_lake(), sessions=1, views=2)
    return {one.name: one for one in audit.components}


def doubled(rvol: Any_, params: Any_) -> Any_:
    return 300.0 + np.nan_to_num(rvol)


def spread(bars: Any_, params: Any_) -> Any_:
    last = [close[: int(n)] for close, n in zip(bars.close, bars.count, strict=True)]
    return np.array([50.0 + 10.0 * (c[-1] - c.min()) / (c.max() - c.min()) for c in last])


def needs_thirty(bars: Any_, params: Any_) -> Any_:
    rows = range(len(bars.count))
    return np.array([50.0 if bars.close[r, : bars.count[r]][-30] > 0 else 40.0 for r in rows])


def ranked(rvol: Any_, params: Any_) -> Any_:
    return np.argsort(np.argsort(np.nan_to_num(rvol))) * 1.0


def projected(bars: Any_, params: Any_) -> Any_:
    last = np.stack([c[n - 60 : n] for c, n in zip(bars.close, bars.count, strict=True)])
    return 50.0 + np.tanh(last @ np.full(60, 1e-3)) * 10.0


def last_column(bars: Any_, params: Any_) -> Any_:
    return np.where(np.nan_to_num(bars.close[:, -1]) > 0.0, 80.0, 20.0)


def hidden(rvol: Any_, params: Any_) -> Any_:
    module = __import__("emit"[::-1])
    return np.full(len(rvol), getattr(module, "emit"[::-1])() % 100.0)


OWN = (doubled, spread, needs_thirty, ranked, projected, last_column, hidden)


@cache
def _own() -> dict[str, ComponentAudit]:
    audit = audit_components(OWN, small_lake(), sessions=1, views=2)
    return {one.name: one for one in audit.components}


def _breaches(name: str) -> dict[str, str]:
    return {finding.law: finding.what for finding in _own()[name].findings}


@pytest.mark.parametrize("name", [name for name in CLEAN if name not in REFUSED])
def test_a_clean_component_keeps_every_law(name: str) -> None:
    assert _clean()[name].findings == ()


@pytest.mark.parametrize("name", AUDITED)
def test_an_impure_component_breaks_purity(name: str) -> None:
    laws = {finding.law for finding in _impure()[name].findings}

    assert "purity" in laws


@pytest.mark.parametrize("name", READS)
def test_how_many_bars_a_component_reads_is_found_exactly(name: str) -> None:
    assert _clean()[name].reads == READS[name]


def test_a_component_that_writes_into_its_arguments_spoils_no_view() -> None:
    view = looks(Feed(small_lake()), Params(), sessions=1, views=1)[0]
    before = view.base.close.copy()
    case = cases_of("technical_score", view, Params())[0]

    case.asked(Component("own", "", IMPURE["writes_arguments"][1]))

    assert np.array_equal(view.base.close, before, equal_nan=True)


def test_a_result_out_of_range_is_named_with_what_was_expected() -> None:
    assert "expected float64[" in _breaches("doubled")["result"]


def test_a_score_that_fails_on_prices_that_never_moved_is_a_finding() -> None:
    assert "prices that never moved" in _breaches("spread")["result"]


def test_a_score_that_needs_the_funnels_bars_is_worth_a_note_only() -> None:
    one = _own()["needs_thirty"]

    assert (one.ok, "20 bars" in one.notes[0].what) == (True, True)


def test_a_rank_among_the_others_breaks_the_law_of_subsets() -> None:
    assert "other symbols are gone" in _breaches("ranked")["subset"]


def test_a_matrix_product_that_differs_in_last_bits_is_no_breach() -> None:
    assert _breaches("projected") == {}


def test_reading_behind_count_breaks_causality() -> None:
    assert "behind count" in _breaches("last_column")["causality"]


def test_what_is_put_together_at_run_time_is_seen_when_it_runs() -> None:
    told = [finding.what for finding in _own()["hidden"].findings]

    assert any("reads the clock" in what for what in told)


def test_what_a_component_prints_is_not_printed(capsys: pytest.CaptureFixture[str]) -> None:
    _impure("prints")

    assert capsys.readouterr().out == ""


def test_an_audit_shows_itself_as_text_and_as_html() -> None:
    audit = ComponentsAudit(tuple(_impure().values())[:2], "Tried on <views>.")

    assert ("FOUND" in repr(audit), "&lt;views&gt;" in audit._repr_html_()) == (True, True)


def test_the_components_of_a_variant_are_audited_by_their_place() -> None:
    params = Params().replace(technical_score=CLEAN["flat_score"][1])

    audit = audit_components(params, small_lake(), sessions=1, views=1)

    assert [(one.kind, one.ok) for one in audit.components] == [("technical_score", True)]


def test_the_cost_is_measured_with_the_clock_that_is_given() -> None:
    ticks = iter(range(10_000_000))

    audit = audit_components(
        CLEAN["flat_score"][1],
        small_lake(),
        sessions=1,
        views=1,
        clock=lambda: float(next(ticks)),
    )

    assert audit.components[0].cost_us == 1e6
    assert math.isfinite(audit.components[0].step_frac)


def test_components_are_plugged_beside_those_there_are() -> None:
    found = [Found(name, *CLEAN[name]) for name in ("inside_bar", "news_count", "rsi_fade")]

    params = plugged(Params(), found)

    assert [one.name.rpartition(":")[2] for one in params.patterns] == [
        "candlesticks",
        "events",
        "inside_bar",
    ]
    assert math.isclose(sum(weight for _, weight in params.scored), 1.0)


def test_a_function_of_no_kind_is_refused_by_name() -> None:
    def odd(one: Any_, two: Any_) -> Any_:
        return one + two

    with pytest.raises(InputError, match="odd is of no kind"):
        audit_components(odd, small_lake())


def _file(folder: Path, text: str, name: str) -> Path:
    path = folder / f"{name}.py"
    path.write_text(text, encoding="utf-8")
    return path


def test_components_are_found_by_the_names_of_their_arguments(tmp_path: Path) -> None:
    text = (
        "import numpy as np\n"
        "def quiet(view, rows, params):\n    return np.full(len(rows), True)\n"
        "def _rvol(rvol, params):\n    return rvol\n"
        "def mean(x):\n    return x.mean()\n"
        "def hammer(open, high, low, close, volume):\n    return 0\n"
        "def scor(bars, param):\n    return bars\n"
    )

    found, near = components_in(_file(tmp_path, text, "found_ideas"))

    assert [(one.name, one.kind) for one in found] == [
        ("found_ideas:quiet", "entry_filters"),
        ("found_ideas:hammer", "patterns"),
    ]
    assert [(one.name, one.kind) for one in near] == [("found_ideas:scor", "technical_score")]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "there is no file"),
        ("def score(bars, params)\n    return 1\n", "line 1"),
        ("import no_such_module_at_all\n", "no_such_module_at_all"),
        ("X = 1\n", "holds no component; expected a function f"),
        ("def score(bar, params):\n    return 1\n", "nearest kind, technical_score"),
    ],
)
def test_a_file_without_components_is_one_sentence(
    tmp_path: Path, text: str | None, told: str
) -> None:
    path = tmp_path / "bad_ideas.py"
    if text is not None:
        _file(tmp_path, text, "bad_ideas")

    with pytest.raises(InputError, match=told):
        components_in(path)


_IDEAS = """
import numpy as np
import datetime as dt

def score(bars, params):
    return np.full(len(bars.count), 50.0)
"""
_CLOCK = """
def early(view, rows, params):
    return np.full(len(rows), dt.datetime.now().hour < 16)
"""


@pytest.mark.parametrize(("text", "status"), [(_IDEAS, 0), (_IDEAS + _CLOCK, 1)])
def test_the_command_prints_json_and_tells_a_finding_by_its_status(
    tmp_path: Path, text: str, status: int
) -> None:
    path = _file(tmp_path, text, f"ideas_{status}")

    command = ["audit", "--components", str(path), "--lake", str(small_lake().root), "--json"]
    done = CliRunner().invoke(app, command)
    told = json.loads(done.stdout)

    assert (done.exit_code, told["ok"]) == (status, status == 0)
    assert told["lookahead"]["instants"] == 12
    assert told["components"][0]["cost_us"] > 0


def test_the_command_prints_a_table_with_the_sentence_of_each_breach(tmp_path: Path) -> None:
    path = _file(tmp_path, _IDEAS + _CLOCK, "table_ideas")

    command = ["audit", "--components", str(path), "--lake", str(small_lake().root)]
    done = CliRunner().invoke(app, command)

    assert "reads the clock (use view.asof_ns" in done.stdout


def test_the_command_without_anything_to_audit_says_what_it_needs() -> None:
    done = CliRunner().invoke(app, ["audit", "--json"])

    assert "name files with --components" in str(done.exception)
