"""A cloud's metadata service as hostile code finds it on a node: on an interface of ours that leads nowhere, and gone after the test."""

import fcntl
import http.server
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

ADDRESS, PORT = "169.254.169.254", 80
LINK = "catalyst-meta"


@contextmanager
def metadata_service() -> Iterator[None]:
    """Answers this machine itself, or its silence towards a preview would say nothing. One at a time: tests run beside each other."""
    with Path(tempfile.gettempdir(), f"{LINK}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with _served():
            yield


@contextmanager
def _served() -> Iterator[None]:
    _ip("link", "delete", LINK, check=False)  # of a run that was cut off
    _ip("link", "add", LINK, "type", "bridge")  # not every kernel has dummy interfaces
    try:
        _ip("address", "add", f"{ADDRESS}/32", "dev", LINK)
        _ip("link", "set", LINK, "up")
        with http.server.ThreadingHTTPServer((ADDRESS, PORT), http.server.BaseHTTPRequestHandler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            assert httpx.get(f"http://{ADDRESS}/", trust_env=False).status_code == 501
            yield
            server.shutdown()
    finally:
        _ip("link", "delete", LINK)


def _ip(*words: str, check: bool = True) -> None:
    subprocess.run(["ip", *words], check=check, capture_output=True)
