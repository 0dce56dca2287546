"""A small research project: an idea, a variant, a notebook, and how to go on."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from catalyst.errors import OutputError

_SUFFIX = ".txt"
_HIDDEN = {"gitignore": ".gitignore"}


def project_files() -> dict[str, str]:
    """Return the text of each file of a new project, by its name."""
    folder = resources.files("catalyst.data") / "project_files"
    return {
        _HIDDEN.get(name := item.name.removesuffix(_SUFFIX), name): item.read_text(encoding="utf-8")
        for item in sorted(folder.iterdir(), key=lambda item: item.name)
        if item.name.endswith(_SUFFIX)
    }


def write_project(folder: Path) -> list[Path]:
    """Write a new project into a folder, all of it or nothing.

    Parameters
    ----------
    folder
        Made with its parents; may exist, as long as none of the files does.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    OutputError
        If a file is there already, or the folder can't be written; nothing is written then.
    """
    texts = {folder / name: text for name, text in project_files().items()}
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder} is a file; name a folder for the project")
    there = [path.name for path in texts if path.exists() or path.is_symlink()]
    if there:
        raise OutputError(
            f"{folder} holds {', '.join(there)} already, and nothing is overwritten; name another "
            "folder for the project"
        )
    written: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in texts.items():
            with path.open("x", encoding="utf-8") as file:
                written.append(path)
                file.write(text)
    except OSError as error:
        for path in written:
            path.unlink(missing_ok=True)
        raise OutputError(
            f"{folder} can't be written ({error.strerror}); name another folder for the project"
        ) from None
    return written
