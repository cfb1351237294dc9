"""Repositories over HTTP for tests: the git program's own http-backend behind Python's server, with Basic authentication."""

import base64
import os
import subprocess
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

AUTHOR = {f"GIT_{who}_{what}": "t@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


def git(folder: Path, *arguments: str, stdin: bytes | None = None) -> str:
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"} | AUTHOR
    command = ["git", "-c", "init.defaultBranch=main", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, input=stdin, check=True, capture_output=True)
    return done.stdout.decode().strip()


def new_repository(folder: Path) -> Path:
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet")
    return folder


def commit(folder: Path, files: dict[str, str], links: dict[str, str] | None = None) -> str:
    """Write files and links, commit everything; the SHA."""
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    for path, target in (links or {}).items():
        (folder / path).symlink_to(target)
    git(folder, "add", "--all", "--force")
    git(folder, "commit", "--quiet", "--allow-empty", "--message=test")
    return git(folder, "rev-parse", "HEAD")


@dataclass
class GitServer:
    """Serves the repositories below `root`; with `password` only to user `robot`."""

    root: Path
    password: str | None = None
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    """Path and Authorization header of every request."""

    def __post_init__(self) -> None:
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"owner": self}))
        threading.Thread(target=self._http.serve_forever, daemon=True).start()

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}/{name}/.git"

    def stop(self) -> None:
        self._http.shutdown()
        self._http.server_close()

    def admits(self, header: str | None) -> bool:
        wanted = "Basic " + base64.b64encode(f"robot:{self.password}".encode()).decode()
        return self.password is None or header == wanted


class _Handler(BaseHTTPRequestHandler):
    owner: GitServer

    def do_GET(self) -> None:
        header = self.headers.get("Authorization")
        self.owner.requests.append((self.path, header))
        if not self.owner.admits(header):
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.end_headers()
            return
        self._answer()

    do_POST = do_GET

    def _answer(self) -> None:
        path, _, query = self.path.partition("?")
        environment = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self.owner.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "REMOTE_ADDR": "127.0.0.1",
        }
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        answer = subprocess.run(["git", "http-backend"], env=environment, input=body, capture_output=True, check=False)
        head, _, content = answer.stdout.partition(b"\r\n\r\n")
        lines = dict(line.split(": ", 1) for line in head.decode().splitlines())
        self.send_response(int(lines.pop("Status", "200 OK").split()[0]))
        for name, value in lines.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        pass
