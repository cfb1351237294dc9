"""Where webhooks arrive: an HTTP server that keeps what it was sent."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

Json = dict[str, Any]


class Received(NamedTuple):
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes

    @property
    def event(self) -> str:
        return self.headers["x-github-event"]

    @property
    def payload(self) -> Json:
        told: Json = json.loads(self.body)
        return told

    @property
    def name(self) -> str:
        """As in "pull_request.opened"."""
        action = self.payload.get("action")
        return self.event if action is None else f"{self.event}.{action}"


class Receiver:
    """Answers `status`; `received`: everything so far."""

    def __init__(self) -> None:
        self.status = 202
        self.received: list[Received] = []
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"owner": self}))
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}/webhooks/github"

    def stop(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    @property
    def names(self) -> list[str]:
        return [each.name for each in self.received]

    def of(self, name: str) -> Json:
        """The payload of the newest of that name."""
        return next(each.payload for each in reversed(self.received) if each.name == name)


class _Handler(BaseHTTPRequestHandler):
    owner: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.owner.received.append(Received({name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(self.owner.status)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *args: Any) -> None:
        pass
