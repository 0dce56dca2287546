"""A user's own functions, by the names that variants give them."""

from __future__ import annotations

import copyreg
import difflib
import importlib
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from catalyst.data.component_places import remembered_place
from catalyst.data.own_modules import module_of, own_module
from catalyst.errors import ParamsError
from catalyst.strategy.components import Component, code_hash

_SUFFIX = ".py"


def component_named(
    name: str, source: str, *, folders: Sequence[Path], saved: bool = False
) -> Component:
    """Return the component of a function's name.

    Parameters
    ----------
    name
        ``module:function``, or ``path/to/file.py:function``. The module may lie in one of the
        folders, else it is an installed one.
    source
        What names it, for errors: a variant, a setting, a run.
    folders
        Where files and modules are looked for, best first.
    saved
        Whether a run is opened again: what is in no folder is looked for where it last was.

    Raises
    ------
    ParamsError
        If the file, the module or the function is not there, or can't be loaded.
    """
    where, _, function = name.rpartition(":")
    if where == "__main__" or "<" in function:
        raise ParamsError(
            f"component {name} of {source} was defined in a notebook or a script, which can't be "
            "read again; expected module:function or file.py:function, so move it into a file"
        )
    path = None
    if where.endswith(_SUFFIX):
        path = _path(where, name, source, folders)
        where, root = module_of(path, folders)
        folders = [root, path.parent, *folders]
        # Errors and results name it as a person would import it.
        name = f"{where}:{function}"
    module = own_module(where, folders)
    if module is None and saved and (place := remembered_place(name)):
        path = Path(place.rpartition(":")[0])
        module = own_module(where, [path.parents[_depth(path, where)]])
    if module is None:
        module = _installed(where, name, source, folders)
    elif path is None:
        path = Path(str(module.__file__))
    found: object = module
    for part in function.split("."):
        found = getattr(found, part, None)
    if not callable(found):
        raise ParamsError(_missing(function, name, source, module))
    place = f"{path.resolve()}:{function}" if path is not None else ""
    return Component(name, code_hash(found), found, place)


def _path(where: str, name: str, source: str, folders: Sequence[Path]) -> Path:
    told = Path(where).expanduser()
    for folder in folders:
        if (folder / told).is_file():
            return folder / told
    raise ParamsError(
        f"component {name} of {source} names the file {where}, which is not in "
        f"{_shown(folders)}; expected a file relative to the variant's folder or the current one"
    )


def _installed(where: str, name: str, source: str, folders: Sequence[Path]) -> ModuleType:
    try:
        return importlib.import_module(where)
    except ModuleNotFoundError as error:
        reason = (
            f"there is no {where.replace('.', '/')}.py in {_shown(folders)}, and no installed "
            f"module {where}"
            if error.name == where.partition(".")[0] or error.name == where
            else str(error)
        )
    except Exception as error:  # noqa: BLE001 - a module runs whatever its author wrote
        reason = f"{type(error).__name__}: {error}"
    raise ParamsError(
        f"component {name} of {source} can't be imported ({reason}); expected module:function or "
        "file.py:function"
    )


def _missing(function: str, name: str, source: str, module: ModuleType) -> str:
    known = sorted(
        key
        for key, value in vars(module).items()
        if callable(value) and getattr(value, "__module__", None) == module.__name__
    )
    near = difflib.get_close_matches(function, known, 1)
    hint = f"did you mean {near[0]}?" if near else f"expected one of: {', '.join(known) or 'none'}"
    return f"component {name} of {source} is not there: {module.__name__} has no {function}; {hint}"


def _shown(folders: Sequence[Path]) -> str:
    return " or ".join(dict.fromkeys(str(folder) for folder in folders))


def _rebuilt(name: str, source_hash: str, place: str) -> Component:
    where, _, function = place.rpartition(":")
    path = Path(where)
    root = path.parents[_depth(path, name.rpartition(":")[0])]
    built = component_named(f"{path}:{function}", "another process", folders=[root])
    if built.source_hash != source_hash:
        raise ParamsError(
            f"component {name} has changed since the run began: {path.name} now gives the hash "
            f"{built.source_hash}, expected {source_hash}; start the run again"
        )
    return built


def _depth(path: Path, module: str) -> int:
    """Count the folders between a module's file and the one its dotted name starts from."""
    return module.count(".") + (path.name == "__init__.py")


def _reduced(component: Component) -> tuple[object, ...]:
    if component.place:
        return _rebuilt, (component.name, component.source_hash, component.place)
    return Component, (component.name, component.source_hash, component.function)


# Another process has no module of a user's file; it reads the file, and refuses an edited one.
copyreg.pickle(Component, _reduced)  # type: ignore[arg-type] # a tuple as pickle documents it
