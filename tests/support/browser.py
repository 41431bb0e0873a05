"""A real browser, without a window, that can reach nothing: for what people open."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
# As root there is no sandbox; the rest keeps Chrome from looking for things on the network by itself.
_OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def executable() -> str:
    """The browser on PATH. A missing one fails the test, and says how to get it."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    assert found, (
        f"These tests need Chrome or Chromium on PATH ({', '.join(NAMES)}), and there is none. "
        "On Debian or Ubuntu: apt-get install chromium. On a Mac: brew install --cask chromium."
    )
    return found


@contextmanager
def started() -> Iterator[Browser]:
    """The browser, started; it ends with the context."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=list(_OPTIONS))
        try:
            yield browser
        finally:
            browser.close()
