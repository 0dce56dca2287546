"""Parameters: names, ranges, types, the hash, the way through YAML."""

from __future__ import annotations

import ast
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml

from catalyst.errors import ParamsError
from catalyst.strategy.candles import PATTERNS
from catalyst.strategy.components import PATTERN_NAMES, code_hash
from catalyst.strategy.params import SECTIONS, Params

SPEC = Params()
LEAVES = [(section, f) for section, cls in SECTIONS.items() for f in fields(cls)]
IDS = [f"{section}.{f.name}" for section, f in LEAVES]


def another(section: str, name: str) -> Any:  # noqa: ANN401 - a value of the leaf's type
    """Give a legal value of a leaf that is not the default."""
    value = getattr(getattr(SPEC, section), name)
    meta = next(f for s, f in LEAVES if s == section and f.name == name).metadata
    if isinstance(value, bool):
        return not value
    if value == ():
        return (meta["high"],)
    if isinstance(value, tuple):
        return (*value[:-1], value[-1] / 2 if isinstance(value[-1], float) else value[-1] * 2)
    options = (value - 1, value + 1, value / 2, meta["high"])
    return next(x for x in options if meta["low"] <= x <= meta["high"] and x != value)


def test_the_defaults_are_those_of_the_page() -> None:
    assert SPEC.variant == "spec"
    assert (SPEC.screen.active_count, SPEC.screen.catalyst_count, SPEC.screen.final_count) == (
        50,
        20,
        5,
    )
    assert [(c.name, w) for c, w in SPEC.scored] == [
        ("catalyst", 0.35),
        ("pattern", 0.35),
        ("technical", 0.20),
        ("volume", 0.10),
    ]
    assert (SPEC.risk.positions_max, SPEC.risk.entries_a_day, SPEC.risk.daily_loss_frac) == (
        5,
        20,
        0.05,
    )


@pytest.mark.parametrize(("section", "leaf"), LEAVES, ids=IDS)
def test_every_number_changes_the_hash(section: str, leaf: Any) -> None:  # noqa: ANN401 - a dataclass field
    changed = SPEC.replace(**{leaf.name: another(section, leaf.name)})

    assert getattr(getattr(changed, section), leaf.name) != getattr(
        getattr(SPEC, section), leaf.name
    )
    assert changed.hash != SPEC.hash


@pytest.mark.parametrize(("section", "leaf"), LEAVES, ids=IDS)
def test_every_number_has_a_range_and_refuses_what_lies_outside(section: str, leaf: Any) -> None:  # noqa: ANN401
    value = getattr(getattr(SPEC, section), leaf.name)
    if isinstance(value, bool):
        for wrong in (1, 0, "true", None):
            with pytest.raises(
                ParamsError, match=f"{section}.{leaf.name} is {wrong!r}; expected true or false"
            ):
                SPEC.replace(**{leaf.name: wrong})
        return
    wrongs: list[Any] = [
        leaf.metadata["low"] - 1,
        leaf.metadata["high"] + 1,
        float("nan"),
        float("inf"),
        "7",
        None,
        True,
    ]
    if isinstance(value, int):
        wrongs.append(leaf.metadata["low"] + 0.5)
    for wrong in wrongs:
        given = (*value[:-1], wrong) if isinstance(value, tuple) else wrong
        with pytest.raises(ParamsError, match=f"{section}.{leaf.name} is"):
            SPEC.replace(**{leaf.name: given})


def test_a_refusal_says_value_range_unit() -> None:
    with pytest.raises(
        ParamsError, match=r"risk.trail_frac is 2; expected a number from 0.0001 to 0.5"
    ):
        SPEC.replace(trail_frac=2)


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"rsk": {}}, "there is no parameter 'rsk'"),
        ({"risk": {"trail": 0.1}}, "there is no parameter 'risk.trail'"),
        ({"risk": {"price_max": 5}}, "did you mean screen.price_max"),
        ({"price_max": 5}, "did you mean screen.price_max"),
        ({"risk": 5}, "parameter section risk is 5"),
        ({"patterns": "candlesticks"}, "expected a list"),
        ({"patterns": ["CDLNOTHING"]}, "CDLNOTHING"),
        ({"patterns": ["wizardry"]}, "wizardry"),
        ({"exits": ["hope"]}, "hope"),
        ({"catalyst_score": "best"}, "best"),
        ({"scored": {}}, "expected component names with weights"),
        ({"scored": {"catalyst": "much"}}, "expected a number from 0 to 1"),
        ({"scored": {"catalyst": float("nan")}}, "expected a number from 0 to 1"),
        ({"scored": {"catalyst": 0.9, "pattern": 0.9}}, "add up"),
        ({"scored": {"magic": 0.5}}, "magic"),
        (
            {"screen": {"price_min": 500, "price_max": 1}},
            "price_min is 500.0, above screen.price_max",
        ),
        ({"signal": {"half_from": 10}}, "signal.quarter_from"),
        ({"pattern": {"timeframes": [5, 5]}}, "each timeframe once"),
        ({"pattern": {"timeframes": []}}, "timeframes"),
        ({"catalyst": {"tier_weights": [1, 2]}}, "expected 5 numbers"),
    ],
)
def test_what_is_wrong_is_one_clear_error(tree: dict[str, Any], message: str) -> None:
    with pytest.raises(ParamsError, match=message):
        SPEC.updated(tree)


def test_the_name_of_a_variant_is_not_in_the_hash() -> None:
    assert SPEC.replace(variant="other").hash == SPEC.hash
    assert SPEC.replace(variant="other").variant == "other"


def test_what_is_equal_has_an_equal_hash() -> None:
    assert Params().hash == SPEC.hash
    assert SPEC.replace(price_max=500).hash == SPEC.hash
    assert SPEC.replace(price_max=1000).replace(price_max=500) == SPEC


def test_a_section_and_a_leaf_of_it_may_be_given_together() -> None:
    section = {"stop_frac": 0.03}
    both = SPEC.replace(trail_frac=0.02, risk=section)

    assert (both.risk.stop_frac, both.risk.trail_frac) == (0.03, 0.02)
    assert SPEC.replace(risk=section, trail_frac=0.02) == both
    assert section == {"stop_frac": 0.03}


def test_parameters_cannot_be_changed_in_place() -> None:
    with pytest.raises(AttributeError):
        SPEC.risk.trail_frac = 0.5  # type: ignore[misc]
    with pytest.raises(ValueError, match="read-only"):
        SPEC.catalyst.arrays[0][0] = 5.0


@pytest.mark.parametrize(
    "params",
    [
        SPEC,
        SPEC.replace(
            price_max=1000,
            allow_short=True,
            timeframes=(5, 30),
            entry_filters=[],
            exits=["flatten"],
        ),
        SPEC.replace(
            patterns=["CDLDOJI", "events"], scored={"catalyst": 0.5, "volume": 0.5}, variant="mine"
        ),
    ],
    ids=["spec", "numbers", "components"],
)
def test_parameters_survive_the_way_through_yaml(params: Params) -> None:
    again = SPEC.updated(yaml.safe_load(yaml.safe_dump(params.as_mapping())))

    assert again == params
    assert again.hash == params.hash
    assert again.variant == params.variant


@pytest.mark.parametrize("name", PATTERNS)
def test_a_variant_may_name_each_candlestick(name: str) -> None:
    assert [c.name for c in SPEC.replace(patterns=[name]).patterns] == [name]


def test_the_names_of_candlesticks_are_those_that_are_detected() -> None:
    assert tuple(PATTERNS) == PATTERN_NAMES


# The hash of a user's own code

CODE = """
def f(o, h, l, c, v, *, limit=2):
    return limit if str(o) in {'alpha', 'beta', 'gamma'} else K
"""


def compiled(code: str, **names: Any) -> Any:  # noqa: ANN401 - a function
    space: dict[str, Any] = {"K": 1, "__name__": "mine"} | names
    exec(compile(code, "mine.py", "exec"), space)  # noqa: S102 - the user's code under test
    return space["f"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("limit=2", "limit=3"),
        ("'gamma'", "'delta'"),
        ("limit if", "-limit if"),
        ("else K", "else K + 1"),
    ],
)
def test_a_components_code_changes_the_hash(old: str, new: str) -> None:
    one = SPEC.replace(patterns=[compiled(CODE)])
    two = SPEC.replace(patterns=[compiled(CODE.replace(old, new))])

    assert one.hash != two.hash
    assert one.hash == SPEC.replace(patterns=[compiled(CODE)]).hash


def test_a_constant_that_a_component_reads_changes_the_hash() -> None:
    assert code_hash(compiled(CODE, K=1)) != code_hash(compiled(CODE, K=2))


def test_a_function_that_a_component_calls_changes_the_hash() -> None:
    code = "def g(x):\n    return x + {}\ndef f(o, h, l, c, v):\n    return g(1)\n"

    assert code_hash(compiled(code.format(1))) != code_hash(compiled(code.format(2)))


def test_a_captured_value_changes_the_hash() -> None:
    code = (
        "def outer(n):\n    def f(o, h, l, c, v):\n        return n\n    return f\nf = outer({})\n"
    )

    assert code_hash(compiled(code.format(1))) != code_hash(compiled(code.format(2)))


def test_a_components_hash_is_the_same_in_every_process() -> None:
    program = (
        "from catalyst.strategy.components import code_hash\n"
        f"exec({CODE!r}, space := {{'K': 1, '__name__': 'mine'}})\n"
        "def outer(g):\n    def inner(o): return g(o)\n    return inner\n"
        "def twice(x): return 2 * x\n"
        "print(code_hash(space['f']), code_hash(outer(twice)))\n"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2", "3")
    }

    assert len(told) == 1


def test_what_has_no_lasting_content_is_refused() -> None:
    thing = object()

    with pytest.raises(ParamsError, match="no lasting content"):
        code_hash(lambda: thing)
    with pytest.raises(ParamsError, match="no Python code"):
        code_hash(len)


# No threshold outside the parameters

ALLOWED = {0.0, 0.5, 1.0, 2.0, 50.0, 100.0, 10_000.0, 1e-9, 1e-6, 1e6, 1e9}
"""Axes, units and signs: neutral elements, halves, scales of scores, bps, binary dust, micro."""

KERNELS = {"param_sections.py", "params.py", "candle_rules.py", "indicators.py", "candles.py"}
"""The parameters themselves, and TA-Lib's definitions."""


NEUTRAL = {0, 1, 2, 1e-9, 1e-6, 86_400_000_000_000}
"""What a comparison may name: nothing, one, a pair, binary dust, the length of a day."""


def test_incident_15_no_threshold_stands_outside_the_parameters(repository: Path) -> None:
    found = [
        f"{path.name}:{node.lineno} {node.value}"
        for path in sorted((repository / "catalyst" / "strategy").glob("*.py"))
        if path.name not in KERNELS
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, float)
        and node.value not in ALLOWED
    ]

    assert found == []


def test_incident_17_nothing_is_compared_with_a_number_of_its_own(
    repository: Path,
) -> None:
    found = [
        f"{path.name}:{node.lineno} {x.value}"
        for path in sorted((repository / "catalyst" / "strategy").glob("*.py"))
        if path.name not in KERNELS
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Compare)
        for x in (node.left, *node.comparators)
        if isinstance(x, ast.Constant)
        and isinstance(x.value, (int, float))
        and x.value not in NEUTRAL
    ]

    assert found == []
