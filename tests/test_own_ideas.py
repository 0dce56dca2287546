"""A user's own components: from a file, a variant or a cell; what is wrong is one sentence."""

from __future__ import annotations

import pickle
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numba import njit
from worlds import LOOSE, small_lake

from catalyst import Params, replay
from catalyst.data import own_modules
from catalyst.data.settings import settings
from catalyst.errors import ComponentError, ParamsError
from catalyst.research.result import Result
from catalyst.strategy.components import SIGNATURES, code_hash

SPEC = Params()
KINDS = sorted(SIGNATURES)
SCORE = """
from my_threshold import LIMIT


def score(bars, params):
    return bars.count * 0.0 + LIMIT
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give a current folder with an idea, its helper and a variant in a folder below."""
    monkeypatch.chdir(tmp_path)
    below = tmp_path / "ideas"
    below.mkdir()
    (below / "my_idea.py").write_text(SCORE, encoding="utf-8")
    (below / "my_threshold.py").write_text("LIMIT = 60.0\n", encoding="utf-8")
    (below / "mine.yaml").write_text("technical_score: my_idea:score\n", encoding="utf-8")
    yield tmp_path
    own_modules._forget(list(own_modules._LOADED))


def refusal(build: Callable[[], object]) -> str:
    with pytest.raises(ParamsError) as caught:
        build()
    return str(caught.value)


def given(kind: str, function: object) -> dict[str, Any]:
    """Give a function as the only component of a kind, as a variant would."""
    if kind == "scored":
        return {kind: [(function, 0.5)]}
    return {kind: [function] if kind in {"patterns", "entry_filters", "exits"} else function}


# --- the ways in -------------------------------------------------------------------------------


@pytest.mark.usefixtures("project")
def test_a_module_beside_the_variant_is_found() -> None:
    assert Params.load("ideas/mine.yaml").technical_score.name == "my_idea:score"


@pytest.mark.usefixtures("project")
def test_a_file_is_named_by_its_path_from_the_current_folder() -> None:
    by_set = Params.load("spec", settings=["technical_score=ideas/my_idea.py:score"])

    assert by_set.technical_score.name == "ideas.my_idea:score"
    assert (
        by_set.technical_score.source_hash
        == Params.load("ideas/mine.yaml").technical_score.source_hash
    )


def test_a_file_is_named_by_its_path_from_the_variants_folder(project: Path) -> None:
    variant = project / "ideas" / "file.yaml"
    variant.write_text("technical_score: my_idea.py:score\n", encoding="utf-8")

    assert Params.load("ideas/file.yaml") == Params.load("ideas/mine.yaml").replace(variant="file")


def test_a_file_may_be_named_where_a_list_or_a_weight_is_expected(project: Path) -> None:
    (project / "more.py").write_text(
        "def keep(view, rows, params):\n    return rows >= 0\n"
        "def calm(view, row, side, params):\n    return 50.0\n",
        encoding="utf-8",
    )
    params = Params.load(
        "spec",
        settings=["entry_filters=[more.py:keep]", "scored={more.py:calm: 0.4, catalyst: 0.5}"],
    )

    assert [c.name for c in params.entry_filters] == ["more:keep"]
    assert [(c.name, w) for c, w in params.scored] == [("more:calm", 0.4), ("catalyst", 0.5)]


def test_a_variant_is_laid_over_another_beside_it(project: Path) -> None:
    over = project / "ideas" / "over.yaml"
    over.write_text("over: mine.yaml\nscreen: {price_max: 77}\n", encoding="utf-8")
    params = Params.load("ideas/over.yaml")

    assert (params.technical_score.name, params.screen.price_max) == ("my_idea:score", 77.0)


@pytest.mark.usefixtures("project")
def test_loading_leaves_the_way_of_imports_as_it_was() -> None:
    before = (list(sys.path), list(sys.meta_path))
    Params.load("ideas/mine.yaml")

    assert (sys.path, sys.meta_path) == before


@pytest.mark.parametrize("edited", ["my_idea.py", "my_threshold.py"])
def test_an_edited_file_gives_its_new_code_and_another_hash(project: Path, edited: str) -> None:
    first = Params.load("ideas/mine.yaml")
    path = project / "ideas" / edited
    # As long as before, and within the same second: Python's own cache would not notice.
    path.write_text(path.read_text().replace("60.0", "70.0").replace("* 0.0", "* 1.0"))
    second = Params.load("ideas/mine.yaml")

    assert second.hash != first.hash
    assert second.technical_score.function is not first.technical_score.function


@pytest.mark.usefixtures("project")
def test_a_file_that_was_not_edited_is_read_once() -> None:
    one, two = Params.load("ideas/mine.yaml"), Params.load("ideas/mine.yaml")

    assert one.technical_score.function is two.technical_score.function


def test_two_folders_may_hold_files_of_one_name(project: Path) -> None:
    other = project / "other"
    other.mkdir()
    (other / "my_idea.py").write_text("def score(bars, params):\n    return 1\n")
    (other / "mine.yaml").write_text("technical_score: my_idea:score\n")
    hashes = [Params.load(f"{name}/mine.yaml").hash for name in ("ideas", "other", "ideas")]

    assert hashes[0] == hashes[2] != hashes[1]


def test_a_module_that_a_notebook_imported_stays_the_notebooks(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(project / "ideas")
    theirs = __import__("my_idea")
    Params.load("ideas/mine.yaml")
    kept = sys.modules.pop("my_idea")
    sys.modules.pop("my_threshold")

    assert kept is theirs


@pytest.mark.parametrize("name", ["statistics", "yaml", "catalyst"])
def test_a_file_called_like_another_module_is_refused(project: Path, name: str) -> None:
    (project / f"{name}.py").write_text("def score(bars, params):\n    return 1\n")

    for told in (f"{name}:score", f"{name}.py:score"):
        message = refusal(partial(Params.load, "spec", settings=[f"technical_score={told}"]))

        assert f"{name}.py has the same name as the module {name}" in message
    assert statistics.mean([1, 3]) == 2


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ("nowhere.py:score", "names the file nowhere.py, which is not in"),
        ("nowhere:score", "there is no nowhere.py in"),
        ("ideas/my_idea.py:scor", "has no scor; did you mean score?"),
        ("ideas/my_idea.py:LIMIT", "has no LIMIT"),
        ("broken.py:score", "broken.py is not Python at line 2"),
        ("missing.py:score", "missing.py can't be loaded at line 2: ModuleNotFoundError"),
        ("__main__:score", "was defined in a notebook or a script"),
        ("math:sqrt", "no Python code"),
    ],
)
def test_what_can_not_be_loaded_is_told(project: Path, told: str, message: str) -> None:
    (project / "broken.py").write_text("def score(bars, params):\n    return (\n")
    (project / "missing.py").write_text("\nimport no_such_module\n")

    assert message in refusal(partial(Params.load, "spec", settings=[f"technical_score={told}"]))


def test_another_process_rebuilds_the_component_from_its_file(project: Path) -> None:
    params = Params.load("ideas/mine.yaml")
    (project / "params.pickle").write_bytes(pickle.dumps(params))
    program = (
        "import pickle; from pathlib import Path; import numpy as np\n"
        "params = pickle.loads(Path('params.pickle').read_bytes())\n"
        "class Bars: count = np.arange(2)\n"
        "print(params.hash, params.technical_score.function(Bars, params))"
    )
    told = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=project
    )

    assert told.stdout.split(maxsplit=1) == [params.hash, "[60. 60.]\n"]


def test_a_function_of_a_cell_goes_to_another_process_as_sweeps_send_it(project: Path) -> None:
    # joblib's workers get what cloudpickle makes of it.
    send = (
        "from pathlib import Path; import cloudpickle; from catalyst import Params\n"
        "def cell(bars, params): return bars * 2.0\n"
        "params = Params().replace(technical_score=cell)\n"
        "Path('sent').write_bytes(cloudpickle.dumps(params)); print(params.hash, 6.0)"
    )
    receive = (
        "import pickle; from pathlib import Path\n"
        "params = pickle.loads(Path('sent').read_bytes())\n"
        "print(params.hash, params.technical_score.function(3, params))"
    )
    told = [
        subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=project
        ).stdout
        for program in (send, receive)
    ]

    assert told[0] == told[1]


def test_another_process_refuses_a_file_that_was_edited_meanwhile(project: Path) -> None:
    frozen = pickle.dumps(Params.load("ideas/mine.yaml"))
    (project / "ideas" / "my_threshold.py").write_text("LIMIT = 61.0\n")

    assert "has changed since the run began" in refusal(lambda: pickle.loads(frozen))  # noqa: S301 - our own bytes


def test_a_saved_run_finds_the_component_beside_its_variant(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from catalyst.data.component_places import remember_components

    monkeypatch.setenv("CATALYST_HOME", str(project / "home"))
    settings.cache_clear()
    params = Params.load("ideas/mine.yaml")
    run = replay(small_lake(), params, start=small_lake().days("5m")[-1])
    run.save("runs/mine")
    remember_components(params)
    monkeypatch.chdir(project / "runs")
    opened = Result.open("mine")
    settings.cache_clear()

    assert opened.params == params


# --- told when it is given ---------------------------------------------------------------------


def argued(arguments: str, body: str = "return None", *, name: str = "f") -> Callable[..., Any]:
    space: dict[str, Any] = {"__name__": "my_ideas"}
    exec(f"def {name}({arguments}):\n    {body}\n", space)  # noqa: S102 - the user's code under test
    function: Callable[..., Any] = space[name]
    return function


@pytest.mark.parametrize("kind", KINDS)
def test_the_documented_signature_is_taken(kind: str) -> None:
    arguments = ", ".join(SIGNATURES[kind])

    assert SPEC.replace(**given(kind, argued(arguments))).hash != SPEC.hash


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("more", ["*args", "_a, *rest", "*args, limit=3", "**more"])
def test_arguments_may_be_gathered_but_must_fit(kind: str, more: str) -> None:
    if more == "**more":
        assert "takes ()" in refusal(partial(SPEC.replace, **given(kind, argued(more))))
    else:
        assert SPEC.replace(**given(kind, argued(more))).hash != SPEC.hash


@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_number_of_arguments_is_told_with_the_right_ones(kind: str) -> None:
    arguments = SIGNATURES[kind]
    for wrong in (arguments[:-1], (*arguments, "more"), (*arguments, "*", "needed")):
        message = refusal(partial(SPEC.replace, **given(kind, argued(", ".join(wrong)))))

        assert f"component my_ideas:f of {kind} takes (" in message
        assert f"expected f({', '.join(arguments)})" in message


def test_the_arguments_of_another_kind_are_told() -> None:
    exit_ = argued("view, row, entry, params")

    assert "takes (view, row, entry, params), as exits does" in refusal(
        partial(SPEC.replace, **given("scored", exit_))
    )


def test_arguments_in_another_order_are_told() -> None:
    assert "takes (params, bars); expected f(bars, params)" in refusal(
        partial(SPEC.replace, technical_score=argued("params, bars"))
    )


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (argued("bars, params", "yield 1"), "is a generator"),
        (len, "no Python code"),
        (partial(argued("a, bars, params"), 1), "no Python code"),
        ("".join, "no Python code"),
        (njit(argued("bars, params")), "compiled by njit, which can't take bars or params"),
        (3, "technical_score is 3; expected one of: spec"),
    ],
    ids=["generator", "builtin", "partial", "method", "njit", "number"],
)
def test_what_is_no_plain_function_is_told(value: object, message: str) -> None:
    assert message in refusal(partial(SPEC.replace, technical_score=value))


def test_a_component_may_stand_once_in_a_list() -> None:
    keep = argued("view, rows, params")

    assert "my_ideas:f twice" in refusal(partial(SPEC.replace, entry_filters=[keep, keep]))


# --- told when it is called --------------------------------------------------------------------


@cache
def tail() -> Any:  # noqa: ANN401 - a date
    return small_lake().days("5m")[-2]


def failure(kind: str, function: Callable[..., Any]) -> ComponentError:
    params = SPEC.replace(**given(kind, function), **LOOSE)
    few = small_lake().symbols("5m")[:5]
    with pytest.raises(ComponentError) as caught:
        replay(small_lake(), params, start=tail(), symbols=few)
    assert "\n" not in str(caught.value)
    return caught.value


FAULTS: list[tuple[str, str, str]] = [
    (kind, "return None", "returned None (is a return missing?); ") for kind in KINDS
]
FAULTS += [(kind, "return 1 / 0", "failed with ZeroDivisionError: division by") for kind in KINDS]
FAULTS += [(kind, "return 'much'", "returned str 'much'; ") for kind in KINDS]
FAULTS += [(kind, "return float('nan')", "returned") for kind in KINDS]
FAULTS += [
    ("technical_score", "return bars.count * float('nan')", "returned nan; expected float64["),
    ("technical_score", "return bars.count * 0 - 5", "returned -5; expected float64["),
    ("technical_score", "return bars.count[:-1] * 0.0", "returned float64["),
    ("technical_score", "return bars.count > 1", "returned bool["),
    ("technical_score", "return bars.close", "returned float64["),
    ("technical_score", "return [[1], [1, 2]]", "returned a list of 2; expected float64["),
    ("volume_score", "return rvol * 0 + 101", "returned 101; expected float64["),
    ("catalyst_score", "return n_symbols * [50.0]", "; expected a pair (score, direction)"),
    (
        "catalyst_score",
        "import numpy; return numpy.full(n_symbols, 50.0), numpy.full(n_symbols, 2.0)",
        "returned direction: 2; expected float64[",
    ),
    ("entry_filters", "return rows * 1.0", "returned float64["),
    ("entry_filters", "return True", "returned bool True; expected bool["),
    ("patterns", "return close", "returned float64["),
    ("exits", "return 1", "returned int 1; expected True or False"),
    ("scored", "return 250", "returned 250; expected a number from 0 to 100"),
]


@pytest.mark.parametrize(("kind", "body", "message"), FAULTS)
def test_what_a_component_gives_wrongly_is_one_sentence(kind: str, body: str, message: str) -> None:
    error = failure(kind, argued(", ".join(SIGNATURES[kind]), body))

    assert str(error).startswith("component my_ideas:f, called at 20")
    assert message in str(error)
    assert bool(error.symbols) == (kind != "catalyst_score")


def test_an_error_names_the_line_of_the_users_file(project: Path) -> None:
    (project / "shaky.py").write_text(
        "def deeper(x):\n    return x[10_000]\n\n\n"
        "def shaky(open_, high, low, close, volume):\n    return deeper(close)\n"
    )
    params = Params.load("spec", settings=["patterns=[shaky.py:shaky]"]).replace(**LOOSE)
    with pytest.raises(ComponentError, match=r"IndexError: .* \(shaky.py, line 2\); mend") as told:
        replay(small_lake(), params, start=tail())

    assert " New York time on " in str(told.value)
    assert pickle.loads(pickle.dumps(told.value)).args == told.value.args  # noqa: S301 - our own bytes


def test_a_compiled_pattern_decides_as_the_plain_one() -> None:
    plain = argued("o, h, l, c, v", "return 100 if c[-1] > o[-1] else 0")
    found = []
    for function in (njit(plain), plain):
        run = replay(small_lake(), SPEC.replace(patterns=[function], **LOOSE), start=tail())
        found.append(run.patterns.drop("pattern_id", "pattern").rows())

    assert found[0] == found[1]
    assert len(found[0]) > 50


def test_a_symbol_that_none_passed_asks_no_component() -> None:
    never = argued("bars, params", "return bars.close.max() / 0")

    run = replay(small_lake(), SPEC.replace(technical_score=never, price_max=1.0), start=tail())

    assert run.signals.height == 0


def test_a_refusal_says_which_filter_it_was() -> None:
    all_ = argued("view, rows, params", "return rows >= 0")
    none = argued("view, rows, params", "return rows < 0", name="none")

    run = replay(small_lake(), SPEC.replace(entry_filters=[all_, none], **LOOSE), start=tail())
    refused = run.candidates.filter(run.candidates["reason"] == "entry_filter")

    assert set(refused["value"]) == {1.0}
    assert run.params.entry_filters[1].name == "my_ideas:none"
    assert refused.height > 10


def test_an_exit_sees_whole_windows_between_scans() -> None:
    seen = argued("view, row, entry, params", "return bool(view.base.count[row] < 200)")
    frames = argued("view, row, entry, params", "return not view.frames", name="frames")
    params = SPEC.replace(exits=["flatten", seen, frames], scan_minutes=30, **LOOSE)
    run = replay(small_lake(), params, start=tail())

    assert run.trades.height > 3
    assert "manual" not in set(run.trades["exit_reason"])


# --- the hash ----------------------------------------------------------------------------------

PLAIN = "def f(x):\n    return None if x else (1, g(x, k=2), [y for y in x])\n"
HELP = "def g(x, k):\n    return k\n"


def hashed(code: str, *, file: str = "mine.py", **names: Any) -> str:  # noqa: ANN401 - anything a module may hold
    space: dict[str, Any] = {"__name__": "mine"} | names
    exec(compile(code, file, "exec"), space)  # noqa: S102 - the user's code under test
    return code_hash(space["f"])


@pytest.mark.parametrize(
    "code",
    [
        "\n\n# a note\n" + PLAIN + HELP,
        PLAIN.replace("    return", '    """Say what."""\n    return') + HELP,
        PLAIN + HELP.replace("    return", '    """Say what."""\n\n    return'),
    ],
    ids=["lines", "docstring", "docstring of a helper"],
)
def test_notes_do_not_change_the_hash(code: str) -> None:
    assert hashed(code) == hashed(PLAIN + HELP)


def test_a_cell_that_is_run_twice_has_one_hash() -> None:
    # A notebook gives each run of a cell a file name of its own.
    assert hashed(PLAIN + HELP, file="ipykernel_7/1.py") == hashed(
        PLAIN + HELP, file="ipykernel_7/2.py"
    )


@pytest.mark.parametrize(
    "code",
    [
        PLAIN.replace("None if x", "x if None") + HELP,
        PLAIN.replace("k=2", "k=3") + HELP,
        PLAIN + HELP.replace("return k", "return x"),
        PLAIN.replace("[y", "[-y") + HELP,
    ],
)
def test_code_changes_the_hash(code: str) -> None:
    assert hashed(code) != hashed(PLAIN + HELP)


def test_a_helper_called_through_its_module_changes_the_hash() -> None:
    from types import ModuleType

    code = "def f(x):\n    return tools.g(x)\n"
    found = set()
    for k in (1, 2):
        tools = ModuleType("tools")
        tools.__file__ = "tools.py"
        exec(f"def g(x):\n    return x + {k}\n", vars(tools))  # noqa: S102 - the user's code under test
        found.add(hashed(code, tools=tools))

    assert len(found) == 2


def test_the_place_of_an_installed_module_does_not_count() -> None:
    from types import ModuleType

    found = set()
    for home in ("one", "two"):
        module = ModuleType("library")
        module.__file__ = f"/{home}/lib/python3.11/site-packages/library.py"
        found.add(hashed("def f(x):\n    return np.g(x)\n", np=module))

    assert len(found) == 1


def test_functions_of_installed_packages_count_by_name() -> None:
    code = "def f(x):\n    return h(x)\n"

    assert hashed(code, h=np.mean) != hashed(code, h=np.median)
    assert hashed(code, h=statistics.mean) != hashed(code, h=statistics.median)


def test_a_helper_that_remembers_its_answers_changes_the_hash() -> None:
    code = "@cache\ndef g(x):\n    return {}\ndef f(x):\n    return g(x)\n"

    assert hashed(code.format(1), cache=cache) != hashed(code.format(2), cache=cache)


def test_a_value_in_a_module_of_ones_own_changes_the_hash() -> None:
    from types import ModuleType

    found = set()
    for value in (1.0, 2.0):
        table = ModuleType("table")
        table.__file__ = "table.py"
        vars(table)["T"] = np.full(3, value)
        found.add(hashed("def f(x):\n    return table.T\n", table=table))

    assert len(found) == 2


def test_a_method_of_an_object_is_refused() -> None:
    code = "class C:\n    def m(self):\n        return 1\nm = C().m\ndef f(x):\n    return m()\n"

    assert "no Python code of its own" in refusal(partial(hashed, code))


def test_a_method_of_a_users_class_changes_the_hash() -> None:
    code = "class C:\n    def m(self):\n        return {}\ndef f(x):\n    return C().m()\n"

    assert hashed(code.format(1)) != hashed(code.format(2))


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ({"a": np.arange(5000)}, {"a": np.arange(5000)[::-1].copy()}),
        (np.array([1, 2]), np.array([1.0, 2.0])),
        ([1, [2, 3]], [[1, 2], 3]),
    ],
)
def test_what_a_component_holds_changes_the_hash(one: object, two: object) -> None:
    code = "def f(x):\n    return K\n"

    assert hashed(code, K=one) != hashed(code, K=two)


def test_a_table_from_outside_is_refused() -> None:
    import polars as pl

    with pytest.raises(ParamsError, match="a DataFrame from outside its arguments"):
        hashed("def f(x):\n    return K\n", K=pl.DataFrame({"a": [1]}))


def test_compiling_for_speed_at_the_cost_of_bits_changes_the_hash() -> None:
    plain = argued("x", "return x")

    assert code_hash(njit(plain)) == code_hash(plain) != code_hash(njit(fastmath=True)(plain))
