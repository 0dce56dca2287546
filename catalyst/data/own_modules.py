"""A user's own modules: found in their folders, read afresh when edited, never in another's place.

Python's own import would keep an edited module, would look in no variant's folder, and a file that
is called like an installed module would hide it, or be hidden, without a word.
"""

from __future__ import annotations

import atexit
import importlib
import importlib.util
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

from catalyst.errors import ParamsError


@dataclass(frozen=True)
class _Loaded:
    path: Path
    source: bytes
    module: ModuleType


_LOADED: dict[str, _Loaded] = {}
_OURS = "catalyst"


def own_module(name: str, folders: Sequence[Path]) -> ModuleType | None:
    """Return a module that lies in one of some folders, as its file is now.

    Parameters
    ----------
    name
        Dotted, such as ``my_ideas`` or ``ideas.volume``.
    folders
        Where to look, best first.

    Returns
    -------
    ModuleType or None
        None if none of the folders holds it.

    Raises
    ------
    ParamsError
        If a module of another place has the same name, or the file can't be loaded; the message
        names its line.
    """
    finder = _Finder(tuple(dict.fromkeys(folder.resolve() for folder in folders)))
    path = finder.file(name)
    if path is None:
        return None
    importlib.invalidate_caches()
    if other := finder.other(name):
        raise ParamsError(
            f"{path.name} has the same name as the module {name.partition('.')[0]} of {other}; "
            "rename your file, so that neither takes the other's place"
        )
    _forget_if_edited()
    known = _LOADED.get(name)
    if known is not None and known.path == path and sys.modules.get(name) is known.module:
        return known.module
    with _importing(name, finder):
        try:
            return importlib.import_module(name)
        except ParamsError:
            raise
        except SyntaxError as error:
            raise ParamsError(
                f"{Path(error.filename or path).name} is not Python at line {error.lineno} "
                f"({error.msg}); mend that line"
            ) from None
        except Exception as error:
            raise ParamsError(
                f"{path.name} can't be loaded{_line(error, path)}: {type(error).__name__}: "
                f"{error}; mend that line"
            ) from error


def module_of(path: Path, folders: Sequence[Path]) -> tuple[str, Path]:
    """Return what a file is called as a module, and the folder that this name starts from.

    Below one of the folders the name is dotted: ``ideas/volume.py`` is ``ideas.volume``; else it is
    the file's own.
    """
    absolute = path.resolve()
    for folder in folders:
        if absolute.is_relative_to(folder.resolve()):
            parts = absolute.relative_to(folder.resolve()).with_suffix("").parts
            if all(part.isidentifier() for part in parts):
                return ".".join(parts), folder.resolve()
    return absolute.stem, absolute.parent


@dataclass(frozen=True)
class _Finder:
    """Find modules in some folders, where Python has none of that name in another place."""

    folders: tuple[Path, ...]

    def file(self, name: str) -> Path | None:
        for folder in self.folders:
            below = folder.joinpath(*name.split("."))
            for path in (below / "__init__.py", below.with_name(f"{below.name}.py")):
                if path.is_file():
                    return path
        return None

    def other(self, name: str) -> str:
        """Say where Python would take a module of that name from, empty if from nowhere else."""
        top = name.partition(".")[0]
        if top in sys.stdlib_module_names:
            return "Python's own library"
        if top == _OURS:
            return "catalyst itself"
        spec = PathFinder.find_spec(top)
        if spec is None or spec.origin is None:
            return ""
        origin = Path(spec.origin).resolve()
        ours = any(origin.is_relative_to(folder / top) for folder in self.folders)
        ours |= any(origin == folder / f"{top}.py" for folder in self.folders)
        return "" if ours else str(origin)

    def holds(self, name: str, module: object) -> bool:
        """Tell whether a module is a file that lies in one of the folders, not below."""
        file = getattr(module, "__file__", None)
        return isinstance(file, str) and any(
            file == str(folder / f"{name}.py") for folder in self.folders
        )

    def find_spec(
        self, name: str, _path: object = None, _target: object = None
    ) -> ModuleSpec | None:
        path, parts = self.file(name), name.split(".")
        if path is None:
            spaces = [str(p) for f in self.folders if (p := f.joinpath(*parts)).is_dir()]
            if not spaces or parts[0] == _OURS or PathFinder.find_spec(parts[0]) is not None:
                return None
            spec = ModuleSpec(name, None, is_package=True)
            spec.submodule_search_locations = spaces
            return spec
        if self.other(name):
            return None
        return importlib.util.spec_from_file_location(
            name,
            path,
            loader=_Loader(path),  # type: ignore[arg-type] # a loader by its methods
            submodule_search_locations=[str(path.parent)] if path.name == "__init__.py" else None,
        )


@dataclass(frozen=True)
class _Loader:
    """Read a module from its source; Python's own cache compares times to the second only."""

    path: Path

    def create_module(self, _spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        source = self.path.read_bytes()
        _LOADED[module.__name__] = _Loaded(self.path, source, module)
        try:
            exec(compile(source, str(self.path), "exec"), vars(module))  # noqa: S102 - the user's own code
        except BaseException:
            del _LOADED[module.__name__]
            raise


def _forget_if_edited() -> None:
    for loaded in list(_LOADED.values()):
        try:
            same = loaded.path.read_bytes() == loaded.source
        except OSError:
            same = False
        if not same:
            # What imports an edited module holds its old functions: all are read again.
            _forget(list(_LOADED))
            return


def _forget(names: Sequence[str]) -> None:
    for name in names:
        if sys.modules.get(name) is _LOADED.pop(name).module:
            del sys.modules[name]


@contextmanager
def _importing(name: str, finder: _Finder) -> Iterator[None]:
    """Let imports find the folders' modules; then leave Python's import as it was."""
    # Of two folders with files of one name, the other folder's must not answer.
    _forget([key for key, old in _LOADED.items() if finder.file(key) not in (None, old.path)])
    # A notebook may have imported the file itself: its module stays the notebook's.
    theirs = {
        key: module
        for key, module in list(sys.modules.items())
        if key not in _LOADED and (key == name or finder.holds(key, module))
    }
    for key in theirs:
        del sys.modules[key]
    numba = sys.modules.get("numba")
    kept = numba.config.CACHE_DIR if numba else ""
    if numba:
        numba.config.CACHE_DIR = str(_kernels())
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        if numba:
            numba.config.CACHE_DIR = kept
        sys.modules.update(theirs)


@cache
def _kernels() -> Path:
    # numba's cache on disk does not notice that a helper in another file was edited, and would let
    # the old kernel decide: what a user's file compiles is kept no longer than the process.
    folder = Path(tempfile.mkdtemp(prefix="catalyst-kernels-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _line(error: BaseException, path: Path) -> str:
    trace, line = error.__traceback__, None
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            line = trace.tb_lineno
        trace = trace.tb_next
    return f" at line {line}" if line else ""
