"""A real browser without a network: what a report asks for, shows and does when pressed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

_NAMES = ("chromium", "google-chrome", "google-chrome-stable", "chromium-browser", "chrome")
# Without these it looks for its maker's hosts in the background.
_QUIET = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def chromium_path() -> str | None:
    """Find a Chromium: the one that is named, one on PATH, or the one that playwright brought."""
    named = os.environ.get("CATALYST_CHROMIUM")
    return named or next((found for name in _NAMES if (found := shutil.which(name))), None)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start Chromium, or skip the test aloud."""
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as driver:
        # Chromium's sandbox does not run as root.
        options: list[str] = ["--no-sandbox"] if os.name == "posix" and os.geteuid() == 0 else []
        try:
            browser = driver.chromium.launch(
                executable_path=chromium_path(), args=[*_QUIET, *options]
            )
        except sync_api.Error as error:
            pytest.skip(f"no Chromium can be started here: {str(error).partition(chr(10))[0]}")
        try:
            yield browser
        finally:
            browser.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@contextmanager
def opened(
    browser: Browser,
    path: Path,
    *,
    width: int = 1280,
    scheme: Literal["light", "dark"] = "light",
    script: bool = True,
) -> Iterator[tuple[Page, list[str], list[str]]]:
    """Open a file with the network closed; give the page, what it asked for, what it complained."""
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme=scheme,
        offline=True,
        java_script_enabled=script,
    )
    page = context.new_page()
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(path.absolute().as_uri())
    if script:
        page.wait_for_selector("html[data-ready]", timeout=60_000, state="attached")
    yield page, asked, said
    context.close()
