"""A real browser without a screen, as the visitor of a preview."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

from deploy.local import chromium
from deploy.local.cache import ensure
from deploy.local.errors import SetupError
from tests.missing import missing

WAIT_SECONDS = 60
"""Of whatever the page is waited for; generous, because the machine may be busy."""


@contextmanager
def page(folder: Path, resolve: str = "", network: int | None = None) -> Iterator[Page]:
    """An empty page. `resolve`: Chromium's rules where hosts are (`MAP *.example.org 127.0.0.1`); `network`: of this
    process, by id, instead of the machine's. `folder`: for what it writes."""
    browser = _browser()
    arguments = ["--no-sandbox", "--disable-gpu", *([f"--host-resolver-rules={resolve}"] if resolve else [])]
    with sync_playwright() as play:
        running = play.chromium.launch(
            executable_path=_started_in(network, browser.program, folder),
            args=arguments,
            env={**browser.environment(), "HOME": str(folder), "PATH": "/usr/bin:/bin"},
        )
        try:
            made = running.new_page()
            made.set_default_timeout(WAIT_SECONDS * 1000)
            expect.set_options(timeout=WAIT_SECONDS * 1000)
            yield made
        finally:
            running.close()


def _browser() -> chromium.Chromium:
    try:
        return chromium.Chromium(ensure(chromium.artifact()))
    except (SetupError, subprocess.CalledProcessError, OSError) as error:
        missing(f"The browser can't be unpacked: {error}")


def _started_in(network: int | None, program: Path, folder: Path) -> Path:
    """Playwright speaks to it by a pipe, which leads into any network."""
    if network is None:
        return program
    script = folder / "browser"
    script.write_text(_script("nsenter", f"--net=/proc/{network}/ns/net", str(program)))
    script.chmod(0o755)
    return script


def _script(*words: str) -> str:
    return f'#!/bin/sh\nexec {" ".join(words)} "$@"\n'
