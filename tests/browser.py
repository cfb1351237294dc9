"""A real browser without a screen, as the visitor of a preview."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer

from playwright.sync_api import Page, expect, sync_playwright

from deploy.local import chromium
from deploy.local.cache import ensure
from deploy.local.errors import SetupError
from tests.missing import missing

WAIT_SECONDS = 60
"""Of whatever the page is waited for; generous, because the machine may be busy."""
LONGEST_SECONDS = 300
"""Of all that is done with one page: Playwright has waits without an end, closing among them."""

PID = "browser.pid"


@contextmanager
def page(folder: Path, resolve: str = "", network: int | None = None) -> Iterator[Page]:
    """An empty page. `resolve`: Chromium's rules where hosts are (`MAP *.example.org 127.0.0.1`); `network`: of this
    process, by id, instead of the machine's. `folder`: for what it writes."""
    browser = _browser()
    arguments = ["--no-sandbox", "--disable-gpu", *([f"--host-resolver-rules={resolve}"] if resolve else [])]
    with _ended_at_last(folder), sync_playwright() as play:
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


@contextmanager
def _ended_at_last(folder: Path) -> Iterator[None]:
    """Whatever waits for a browser that was killed fails with a sentence."""
    timer = Timer(LONGEST_SECONDS, lambda: os.killpg(int((folder / PID).read_text()), signal.SIGKILL))
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _started_in(network: int | None, program: Path, folder: Path) -> Path:
    """A program that says which process it is; Playwright speaks to it by a pipe, which leads into any network."""
    within = () if network is None else ("nsenter", f"--net=/proc/{network}/ns/net")
    script = folder / "browser"
    script.write_text(f'#!/bin/sh\necho $$ > {folder / PID}\nexec {" ".join((*within, str(program)))} "$@"\n')
    script.chmod(0o755)
    return script
