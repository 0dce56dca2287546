"""What a sweep searches: the parameters that vary, and the values that each may take."""

from __future__ import annotations

import datetime as dt
import difflib
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from catalyst.data.symbols import joined_symbol
from catalyst.data.timeframes import timeframe_named
from catalyst.errors import InputError
from catalyst.research.sweep_axes import MOST_TRIALS, Axis, axis_of, combinations

SEARCHES = ("grid", "random", "optuna")
OBJECTIVES = {
    "sharpe": 1,
    "excess_sharpe": 1,
    "net_return": 1,
    "net_pnl": 1,
    "expectancy": 1,
    "hit_rate": 1,
    "max_drawdown": -1,
}
"""Figures that a search may go by: 1 where more is better, -1 where less is."""
_KEYS = (
    *("variant", "search", "grid", "trials", "seed", "objective"),
    *("timeframe", "start", "end", "symbols", "sources"),
)


@dataclass(frozen=True)
class Grid:
    """Hold a search as its file describes it.

    Attributes
    ----------
    name
        The file's, without its suffix.
    variant
        Name or file of the variant that the values are laid over.
    search
        One of `SEARCHES`.
    axes
        The parameters that vary, in the file's order.
    trials
        How many a random search or Optuna makes; 0 for a grid, which makes all.
    seed
        Of what is drawn.
    objective
        One of `OBJECTIVES`.
    timeframe, start, end, symbols, sources
        The span, where the file names it.
    folder
        Where the file is: components are looked for there first.
    """

    name: str
    variant: str
    search: str
    axes: tuple[Axis, ...]
    trials: int = 0
    seed: int = 0
    objective: str = "sharpe"
    timeframe: str | None = None
    start: dt.date | None = None
    end: dt.date | None = None
    symbols: tuple[str, ...] | None = None
    sources: tuple[str, ...] | None = None
    folder: Path = field(default=Path(), compare=False)

    def as_mapping(self) -> dict[str, Any]:
        """Return what is searched, as a file of JSON holds it; the span is not part of it."""
        axes = {
            a.name: [a.shown(v) for v in a.values]
            if a.values
            else {"low": a.low, "high": a.high, "step": a.step, "log": a.log}
            for a in self.axes
        }
        return {
            "variant": self.variant,
            "search": self.search,
            "grid": axes,
            "trials": self.trials,
            "seed": self.seed,
            "objective": self.objective,
        }

    @property
    def digest(self) -> str:
        """Hash of `as_mapping`, in the order of the axes: 16 hexadecimal digits."""
        return hashlib.sha256(json.dumps(self.as_mapping()).encode()).hexdigest()[:16]


def read_grid(path: str | Path) -> Grid:
    """Read a search from a YAML file.

    Raises
    ------
    InputError
        If the file can't be read, or anything in it is unknown, of the wrong type or out of range;
        the message names the line. A combination of values that can't be is no error: it is a
        trial that says so.
    """
    file = _File(Path(path))
    tree = file.tree
    for key in tree:
        if key not in _KEYS:
            near = difflib.get_close_matches(str(key), _KEYS, 1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(_KEYS)}"
            raise file.fault(str(key), f"there is no setting {key!r} of a sweep; {hint}")
    search = file.one_of("search", SEARCHES, "grid")
    objective = file.one_of("objective", tuple(OBJECTIVES), "sharpe")
    variant = file.text("variant") or "spec"
    folder = file.path.parent
    if (folder / variant).is_file():
        variant = str(folder / variant)
    axes = _axes(file, search)
    return Grid(
        name=file.path.stem,
        variant=variant,
        search=search,
        axes=axes,
        trials=_trials(file, search, axes),
        seed=file.whole("seed", 0, 2**32 - 1) or 0,
        objective=objective,
        timeframe=file.made("timeframe", timeframe_named),
        start=file.date("start"),
        end=file.date("end"),
        symbols=file.names("symbols", joined_symbol),
        sources=file.names("sources", str),
        folder=folder,
    )


class _File:
    """A file of YAML, and the line on which each of its settings stands."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            raise InputError(f"{path} is not UTF-8 text; save it as UTF-8") from None
        except OSError as error:
            raise InputError(
                f"the sweep {path} can't be read ({error.strerror}); name a YAML file such as "
                "examples/sweep_exits.yaml"
            ) from None
        self.lines: dict[str, int] = {}
        try:
            self._mark(yaml.compose(text, yaml.SafeLoader), "")
            tree = yaml.safe_load(text)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            where = f" at line {mark.line + 1}" if mark else ""
            raise InputError(
                f"{path} is not YAML{where}; expected lines such as "
                "'grid: {risk.stop_frac: [0.01, 0.02]}'"
            ) from None
        if not isinstance(tree, dict) or not tree.get("grid"):
            raise InputError(
                f"{path} has no grid; expected parameters with values, such as "
                "'grid: {risk.stop_frac: [0.01, 0.02]}'"
            )
        self.tree: dict[str, Any] = tree

    def _mark(self, node: yaml.Node | None, above: str) -> None:
        if not isinstance(node, yaml.MappingNode) or above.count("/") > 1:
            return
        for key, value in node.value:
            name = f"{above}{key.value}"
            if name in self.lines:
                self.lines[name] = key.start_mark.line + 1
                raise self.fault(name, f"{key.value} stands twice; expected it once")
            self.lines[name] = key.start_mark.line + 1
            self._mark(value, f"{name}/")

    def fault(self, name: str, text: str) -> InputError:
        line = self.lines.get(name)
        return InputError(f"{self.path}{f' line {line}' if line else ''}: {text}")

    def one_of(self, name: str, known: Sequence[str], usual: str) -> str:
        value = self.tree.get(name, usual)
        if value not in known:
            raise self.fault(name, f"{name} is {value!r}; expected one of {', '.join(known)}")
        return str(value)

    def text(self, name: str) -> str | None:
        value = self.tree.get(name)
        if value is not None and not isinstance(value, str):
            raise self.fault(name, f"{name} is {value!r}; expected a name")
        return value

    def whole(self, name: str, low: int, high: int) -> int | None:
        value = self.tree.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise self.fault(
                name, f"{name} is {value!r}; expected a whole number from {low:,} to {high:,}"
            )
        return value

    def made(self, name: str, make: Any) -> Any:  # noqa: ANN401 - what `make` makes
        value = self.text(name)
        try:
            return None if value is None else make(value)
        except InputError as error:
            raise self.fault(name, str(error)) from None

    def date(self, name: str) -> dt.date | None:
        value = self.tree.get(name)
        if value is None or (isinstance(value, dt.date) and not isinstance(value, dt.datetime)):
            return value
        try:
            return dt.date.fromisoformat(str(value))
        except ValueError:
            raise self.fault(
                name, f"{name} is {value!r}; expected a date such as 2024-01-02"
            ) from None

    def names(self, name: str, make: Any) -> tuple[str, ...] | None:  # noqa: ANN401 - text to text
        value = self.tree.get(name)
        if value is None:
            return None
        parts = value.split(",") if isinstance(value, str) else value
        if not isinstance(parts, list) or not parts or not all(isinstance(p, str) for p in parts):
            raise self.fault(
                name, f"{name} is {value!r}; expected names, such as [AAPL, BAC] (quote ON and NO)"
            )
        made = [make(part.strip()) for part in parts if part.strip()]
        return tuple(sorted(set(made))) if name == "symbols" else tuple(made)


def _trials(file: _File, search: str, axes: Sequence[Axis]) -> int:
    asked, count = file.whole("trials", 1, MOST_TRIALS), combinations(axes)
    if search == "grid":
        if asked is not None:
            raise file.fault(
                "trials", "a grid tries all its combinations; leave out trials, or search: random"
            )
        if count > MOST_TRIALS:
            raise file.fault(
                "grid",
                f"the grid has {count:,.0f} combinations; expected at most {MOST_TRIALS:,}: take "
                "fewer values, or search: random with trials: 200",
            )
        return 0
    if asked is None:
        raise file.fault("search", f"search: {search} needs trials, such as trials: 200")
    if search == "random" and asked > count:
        raise file.fault(
            "trials",
            f"{asked:,} trials of {count:,.0f} combinations are asked for; take fewer, or search: "
            "grid",
        )
    return asked


def _axes(file: _File, search: str) -> tuple[Axis, ...]:
    grid = file.tree["grid"]
    if not isinstance(grid, dict):
        raise file.fault(
            "grid",
            f"grid is {grid!r}; expected parameters with values, such as "
            "'risk.stop_frac: [0.01, 0.02]'",
        )
    out = []
    for name, given in grid.items():
        try:
            axis = axis_of(str(name), given, search, file.path.parent)
        except InputError as error:
            raise file.fault(f"grid/{name}", str(error)) from None
        out.append(axis)
    return tuple(out)
