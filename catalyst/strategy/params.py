"""Every number and component of the strategy, as one frozen value with a hash.

Source of the defaults: the strategy's specification (variant ``spec``). Nothing below the drivers
decides anything by a literal; it reads a field of `Params`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar

from catalyst.errors import ParamsError
from catalyst.strategy.components import Component, as_component
from catalyst.strategy.param_content import content_hash, differences, shown_value
from catalyst.strategy.param_dates import check_dates, laid_over, mapping_by_date
from catalyst.strategy.param_fields import (
    check_ascending,
    checked,
    component_list,
    scored_pairs,
)
from catalyst.strategy.param_sections import (
    CATEGORIES,
    SECTIONS,
    CatalystParams,
    ControlParams,
    ExecutionParams,
    MoveParams,
    PatternParams,
    RiskParams,
    ScreenParams,
    SignalParams,
    TechnicalParams,
)

__all__ = [
    "CATEGORIES",
    "COMPONENTS",
    "SCORED",
    "SECTIONS",
    "CatalystParams",
    "ControlParams",
    "ExecutionParams",
    "MoveParams",
    "Params",
    "PatternParams",
    "RiskParams",
    "ScreenParams",
    "SignalParams",
    "TechnicalParams",
]

SCORED = (("catalyst", 0.35), ("pattern", 0.35), ("technical", 0.20), ("volume", 0.10))
_ONE = ("catalyst_score", "technical_score", "volume_score")
_MANY = ("patterns", "entry_filters", "exits")
COMPONENTS = (*_ONE, *_MANY, "scored")
_ASCENDING = (
    ("screen", "price_min", "price_max"),
    ("risk", "target_1_r", "target_2_r"),
    ("signal", "quarter_from", "half_from"),
    ("signal", "half_from", "full_above"),
    ("technical", "macd_fast", "macd_slow"),
    ("technical", "bars_min", "window"),
    ("move", "move_low", "move_high"),
    ("move", "calm_rsi_low", "calm_rsi_high"),
)
_SPEC = Component("spec")
_OWNER = {f.name: name for name, cls in SECTIONS.items() for f in fields(cls)}


@dataclass(frozen=True)
class Params:
    """Hold every number and component of one scoring variant.

    Attributes
    ----------
    variant
        Name for people; not part of the hash.
    catalyst, screen, pattern, technical, signal, risk, execution
        The numbers, by section of the specification.
    move, control
        Numbers of the technical scores by move, and of the draw by lot. A section that is as it is
        by default, and not used, is no part of the hash.
    catalyst_score, technical_score, volume_score
        Components: a built-in's name, ``module:function``, or a function.
    patterns, entry_filters, exits
        Tuples of components; a pattern is a TA-Lib name or a function.
    scored
        Pairs of scored component and weight; their weighted sum is the confidence.
    by_date
        Pairs of day (since 1970-01-01, New York date) and the parameters that sessions run with
        from that day on, ascending; see `on`.
    hash
        16 hexadecimal digits over every number and component's source, not the variant's name.

    Raises
    ------
    ParamsError
        If a field is unknown, of the wrong type or out of its range.
    """

    variant: str = "spec"
    catalyst: CatalystParams = field(default_factory=CatalystParams)
    screen: ScreenParams = field(default_factory=ScreenParams)
    pattern: PatternParams = field(default_factory=PatternParams)
    technical: TechnicalParams = field(default_factory=TechnicalParams)
    signal: SignalParams = field(default_factory=SignalParams)
    risk: RiskParams = field(default_factory=RiskParams)
    execution: ExecutionParams = field(default_factory=ExecutionParams)
    move: MoveParams = field(default_factory=MoveParams)
    control: ControlParams = field(default_factory=ControlParams)
    catalyst_score: Component = _SPEC
    technical_score: Component = _SPEC
    volume_score: Component = _SPEC
    patterns: tuple[Component, ...] = (Component("candlesticks"), Component("events"))
    entry_filters: tuple[Component, ...] = ()
    exits: tuple[Component, ...] = (
        Component("news_reversal"),
        Component("time_stop"),
        Component("flatten"),
    )
    scored: tuple[tuple[Component, float], ...] = tuple((Component(n), w) for n, w in SCORED)
    by_date: tuple[tuple[int, Params], ...] = ()

    hash: str = field(init=False, default="", compare=False, repr=False)

    load: ClassVar[Callable[..., Params]]
    _repr_html_: ClassVar[Callable[[Params], str]]

    def __post_init__(self) -> None:
        for name, cls in SECTIONS.items():
            given = getattr(self, name)
            values = {
                f.name: checked(f"{name}.{f.name}", f, getattr(given, f.name)) for f in fields(cls)
            }
            object.__setattr__(self, name, cls(**values))
        for section, low, high in _ASCENDING:
            check_ascending(section, getattr(self, section), low=low, high=high)
        object.__setattr__(self.catalyst, "arrays", self.catalyst.weights())
        check_dates(self)
        object.__setattr__(self, "hash", content_hash(self))

    def replace(self, **changes: object) -> Params:
        """Return a copy with the named fields changed.

        Parameters
        ----------
        **changes
            A leaf of any section by its own name (``price_max=1000``), a component
            (``technical_score=my_function``), a whole section as a mapping, ``variant``, or
            ``by_date``.

        Raises
        ------
        ParamsError
            If a name is unknown or a value is out of range.
        """
        tree = {name: value for name, value in changes.items() if name not in _OWNER}
        whole = self.updated(tree)
        leaves: dict[str, dict[str, object]] = {}
        for name in changes.keys() & _OWNER.keys():
            leaves.setdefault(_OWNER[name], {})[name] = changes[name]
        return whole.updated(leaves) if leaves else whole

    def updated(self, tree: Mapping[str, Any]) -> Params:
        """Return a copy with a nested mapping laid over it, as a variant's YAML file holds it.

        What takes effect by date is laid over, too, unless the mapping gives ``by_date`` anew: then
        each of its entries is laid over the copy.

        Raises
        ------
        ParamsError
            If a name is unknown or a value is out of range.
        """
        new: dict[str, Any] = {}
        for name, value in tree.items():
            if name == "by_date":
                continue
            if name == "variant":
                new[name] = str(value)
            elif name in SECTIONS:
                if not isinstance(value, Mapping):
                    raise ParamsError(
                        f"parameter section {name} is {value!r}; expected names with values, "
                        f"such as {name}: {{...}}"
                    )
                known = {f.name for f in fields(SECTIONS[name])}
                for leaf in value:
                    if leaf not in known:
                        raise ParamsError(
                            _unknown(f"{name}.{leaf}", [f"{name}.{k}" for k in sorted(known)])
                        )
                new[name] = replace(getattr(self, name), **dict(value))
            elif name == "scored":
                new[name] = scored_pairs(value)
            elif name in _MANY:
                new[name] = component_list(name, value)
            elif name in _ONE:
                new[name] = as_component(name, value)
            else:
                raise ParamsError(_unknown(name, [*SECTIONS, *COMPONENTS, "by_date", "variant"]))
        whole = replace(self, by_date=(), **new)
        if "by_date" in tree:
            dates = laid_over(whole, tree["by_date"])
        else:
            dates = tuple((day, entry.updated(tree)) for day, entry in self.by_date)
        return replace(whole, by_date=dates) if dates else whole

    def on(self, day: int) -> Params:
        """Return what a session runs with: the last entry of ``by_date`` that is not later.

        Parameters
        ----------
        day
            Days since 1970-01-01 of the session's New York date.
        """
        if not self.by_date:
            return self
        past = [entry for first, entry in self.by_date if first <= day]
        return past[-1] if past else replace(self, by_date=())

    def differences(self, other: Params | None = None) -> dict[str, tuple[object, object]]:
        """Return what differs from another variant (default ``spec``): own value, the other's."""
        return differences(self, other or Params())

    def __repr__(self) -> str:
        own = [f"{name}={shown_value(mine)}" for name, (mine, _) in self.differences().items()]
        return f"Params({'; '.join([self.variant, *own])})"

    def as_mapping(self) -> dict[str, Any]:
        """Return the nested mapping of every field, components by name, as YAML files hold it.

        A section that is no part of the hash is left out; an entry of ``by_date`` holds what it
        changes.
        """
        return mapping_by_date(self)


def _unknown(name: str, known: list[str]) -> str:
    leaf = name.rsplit(".", maxsplit=1)[-1]
    owner = _OWNER.get(leaf)
    hint = f"did you mean {owner}.{leaf}?" if owner else f"known are {', '.join(known)}"
    return f"there is no parameter {name!r}; {hint}"
