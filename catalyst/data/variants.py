"""Variants: named parameters in YAML, laid over one another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

import catalyst.data.param_story  # noqa: F401 - lets a notebook show Params
from catalyst.data.own_components import component_named
from catalyst.errors import ParamsError
from catalyst.strategy.components import BUILT_IN
from catalyst.strategy.params import Params

__all__ = ["Params", "fitted", "from_mapping", "load", "names", "unfitted"]

_HERE = Path()
_MONTHLY = "monthly"


def names() -> list[str]:
    """Return the names of the bundled variants."""
    return sorted(
        item.name.removesuffix(".yaml")
        for item in _folder().iterdir()
        if item.name.endswith(".yaml")
    )


def load(
    source: str | Path, *, timeframe: str | None = None, settings: Sequence[str] = ()
) -> Params:
    """Read a variant.

    Parameters
    ----------
    source
        Name of a bundled variant, or a YAML file. Its ``over`` names the variant it is laid over
        (default ``spec``); it and files with components are looked for beside the file, then in the
        current folder.
    timeframe
        ``1d`` lays the numbers of ``daily`` under the variant's own.
    settings
        Single fields laid over it, such as ``screen.price_max=1000``.

    Raises
    ------
    ParamsError
        If there is no such variant, a field is unknown or out of range, or the variant has to be
        fitted on a lake (`catalyst.research.contenders.contender` does).

    Examples
    --------
    >>> load("spec", settings=["screen.price_max=1000"]).screen.price_max
    1000.0
    """
    params = unfitted(source, timeframe=timeframe, settings=settings)
    if fitted(source) is not None:
        raise ParamsError(
            f"variant {source} has no weights of its own: it is fitted on a lake; run it on one "
            "with catalyst backtest or compare, see what it learns with catalyst learn, or call "
            "catalyst.research.contenders.contender"
        )
    return params


def fitted(source: str | Path) -> str | None:
    """Return how often a variant is fitted on a lake, ``monthly``; None if it isn't.

    Raises
    ------
    ParamsError
        If there is no such variant, or it says anything else.
    """
    told = [tree["fitted"] for tree, _ in _layers(str(source), ()) if "fitted" in tree]
    if told and told[-1] != _MONTHLY:
        raise ParamsError(
            f"variant {source} has fitted: {told[-1]!r}; expected {_MONTHLY}, or no such line"
        )
    return _MONTHLY if told else None


def unfitted(
    source: str | Path, *, timeframe: str | None = None, settings: Sequence[str] = ()
) -> Params:
    """Read a variant as its file has it, whether or not it has to be fitted; see `load`."""
    layers = _layers(str(source), ())
    under = [(_read("daily"), [_HERE])] if timeframe == "1d" and str(source) != "daily" else []
    params = Params()
    for layer, folders in [*under, *layers]:
        tree = {name: value for name, value in layer.items() if name != "fitted"}
        params = params.updated(_resolved(tree, str(source), folders))
    _, folders = layers[-1]
    for setting in settings:
        params = params.updated(_setting(setting, folders))
    return params


def from_mapping(tree: Mapping[str, Any], source: str) -> Params:
    """Rebuild the parameters of a run from what `Params.as_mapping` gave.

    Parameters
    ----------
    tree
        Nested names and values, as in ``params`` of a run's ``summary.json``.
    source
        What to call it in errors.

    Raises
    ------
    ParamsError
        If a component can't be imported by its name, or a field is unknown or out of range.
    """
    return Params().updated(_resolved(tree, source, [_HERE], saved=True))


def _layers(
    source: str, seen: tuple[str, ...], folders: Sequence[Path] = ()
) -> list[tuple[Mapping[str, Any], list[Path]]]:
    beside = next((str(f / source) for f in folders if (f / source).is_file()), source)
    source = source if source in names() else beside
    if source in seen:
        raise ParamsError(
            f"variant {source} is laid over itself ({' over '.join((*seen, source))}); "
            "remove one 'over'"
        )
    tree = dict(_read(source))
    below = str(tree.pop("over", "spec"))
    tree.setdefault("variant", Path(source).stem)
    own = [_HERE] if source in names() else list(dict.fromkeys([Path(source).parent, _HERE]))
    if source == "spec":
        return [(tree, own)]
    return [*_layers(below, (*seen, source), own), (tree, own)]


def _read(source: str) -> Mapping[str, Any]:
    if source in names():
        text = (_folder() / f"{source}.yaml").read_text(encoding="utf-8")
    else:
        path = Path(source)
        if not path.is_file():
            raise ParamsError(
                f"there is no variant {source!r}; expected one of {', '.join(names())}, "
                "or a YAML file"
            )
        text = _text(path)
    try:
        tree = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark else ""
        raise ParamsError(
            f"variant {source} is not YAML{where}; expected lines such as "
            "'screen: {price_max: 1000}'"
        ) from None
    if tree is None:
        return {}
    if not isinstance(tree, Mapping):
        raise ParamsError(
            f"variant {source} holds {type(tree).__name__}; expected names with values, "
            "such as 'risk: {...}'"
        )
    return tree


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ParamsError(f"variant {path} is not UTF-8 text; save it as UTF-8") from None
    except OSError as error:
        raise ParamsError(f"variant {path} can't be read ({error.strerror}); check it") from None


def _setting(text: str, folders: Sequence[Path]) -> dict[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise ParamsError(
            f"setting {text!r} has no value; expected section.field=value, "
            "such as screen.price_max=1000"
        )
    try:
        parsed = yaml.safe_load(value)
    except yaml.YAMLError:
        raise ParamsError(
            f"setting {text!r} has a value that is not YAML; expected a number, true, false or "
            "a list"
        ) from None
    section, dot, leaf = name.strip().partition(".")
    tree = {section: {leaf: parsed}} if dot else {section: parsed}
    return _resolved(tree, f"--set {text}", folders)


def _resolved(
    tree: Mapping[str, Any], source: str, folders: Sequence[Path], *, saved: bool = False
) -> dict[str, Any]:
    """Replace ``module:function`` and ``file.py:function`` by the function."""

    def found(value: object) -> object:
        if isinstance(value, str) and ":" in value:
            return component_named(value, source, folders=folders, saved=saved)
        return value

    out = dict(tree)
    for kind in BUILT_IN:
        value = out.get(kind)
        if isinstance(value, str):
            out[kind] = found(value)
        elif isinstance(value, list):
            out[kind] = [found(v) for v in value]
        elif isinstance(value, Mapping):
            out[kind] = [(found(k), v) for k, v in value.items()]
    dates = out.get("by_date")
    if isinstance(dates, Mapping):
        out["by_date"] = {
            day: _resolved(entry, source, folders, saved=saved)
            if isinstance(entry, Mapping)
            else entry
            for day, entry in dates.items()
        }
    return out


def _folder() -> resources.abc.Traversable:
    return resources.files("catalyst.data") / "variant_files"


# The strategy may not read files, so its Params are given their loader here.
Params.load = staticmethod(load)
