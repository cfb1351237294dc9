"""Serves one emulated GitHub on a free port of 127.0.0.1."""

import tempfile
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import uvicorn

from emulators.github.app import PREFIX, make_app
from emulators.github.notifying import notify
from emulators.github.people import People
from emulators.github.state import GitHub

START_LIMIT = 20
"""Seconds until it must answer."""


class GitHubServer:
    """Runs in a thread from when it is made until `stop()`; also a context manager. State is in `github`, on disk only
    the git repositories, in `root` (without: a folder that goes with it)."""

    def __init__(self, root: Path | None = None, port: int = 0) -> None:
        self._scratch = tempfile.TemporaryDirectory(prefix="github-emulator-") if root is None else None
        self.github = GitHub(root or Path(self._scratch.name if self._scratch else ""), notify)
        config = uvicorn.Config(
            make_app(self.github),
            "127.0.0.1",
            port,
            log_level="warning",
            loop="asyncio",
            lifespan="off",
            server_header=False,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, name="github-emulator", daemon=True)
        self._thread.start()
        self.github.url = self.url = f"http://127.0.0.1:{self._port()}"
        self.people = People(self.github)

    @property
    def api_url(self) -> str:
        """As of a GitHub Enterprise Server: PyGithub's `base_url`."""
        return self.url + PREFIX

    def _port(self) -> int:
        """Raises TimeoutError when it doesn't come up."""
        limit = time.monotonic() + START_LIMIT
        while not self._server.started:
            if time.monotonic() > limit or not self._thread.is_alive():
                raise TimeoutError("the GitHub emulator did not start: is its port taken?")
            time.sleep(0.01)
        port: int = self._server.servers[0].sockets[0].getsockname()[1]
        return port

    def stop(self) -> None:
        self.github.webhooks.stop()
        self._server.should_exit = True
        self._thread.join(START_LIMIT)
        if self._scratch is not None:
            self._scratch.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
