"""`python -m tests.gateways.record_gitea_webhooks`: record a real Gitea's deliveries into tests/data/gitea-webhooks.

Run it again when Gitea's version changes. Each file: `headers` as they came, `body` as text, byte for byte, because the signature is
over those bytes. The secret is SECRET: these files are public.
"""

import json
import queue
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

from deploy.local import forge_server
from deploy.local.forge_server import ForgeSecrets
from deploy.local.people import GiteaPeople
from tests.gateways.gitea_server import GiteaProcess

FOLDER = Path(__file__).parents[1] / "data" / "gitea-webhooks"
SECRET = "a-secret-for-recordings-only"
KEPT_HEADERS = ("Content-Type", "User-Agent", "X-Gitea-", "X-Hub-", "X-GitHub-")
DELIVERY_SECONDS = 30

Step = Callable[[], Any]


class Delivery(NamedTuple):
    event: str
    """`X-Gitea-Event-Type`."""
    action: str
    """Empty for a push."""
    headers: dict[str, str]
    body: str


class Recorder:
    """Takes every delivery on a free port of loopback."""

    def __init__(self) -> None:
        self._arrived: queue.Queue[Delivery] = queue.Queue()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"arrived": self._arrived}))
        threading.Thread(target=self._http.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}/webhooks/gitea"

    def next(self, event: str, action: str) -> Delivery:
        """The next delivery of that kind; those before it are dropped."""
        while (delivery := self._arrived.get(timeout=DELIVERY_SECONDS))[:2] != (event, action):
            pass
        return delivery

    def stop(self) -> None:
        self._http.shutdown()
        self._http.server_close()


class _Handler(BaseHTTPRequestHandler):
    arrived: "queue.Queue[Delivery]"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        headers = {name: value for name, value in self.headers.items() if name.startswith(KEPT_HEADERS)}
        event = self.headers["X-Gitea-Event-Type"]
        self.arrived.put(Delivery(event, json.loads(body).get("action", ""), headers, body))
        self.send_response(202)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


def record() -> None:
    recorder = Recorder()
    gitea = _gitea_with_known_secret(recorder.url)
    try:
        people = gitea.people()
        people.create_user("bob", "Correct-horse-1")
        _record_steps(recorder, people)
    finally:
        gitea.stop()
        recorder.stop()


def _gitea_with_known_secret(url: str) -> GiteaProcess:
    gitea = GiteaProcess(url)
    made = ForgeSecrets.read(gitea.server.secrets)
    made.model_copy(update={"webhook_secret": SECRET}).write(gitea.server.secrets)
    forge_server.prepare(gitea.server)
    gitea.restart()
    return gitea


def _record_steps(recorder: Recorder, people: GiteaPeople) -> None:
    shop, bob = ("acme", "shop"), people.acting_as("bob")

    def save(name: str, event: str, action: str, step: Step) -> Any:
        answer = step()
        delivery = recorder.next(event, action)
        FOLDER.mkdir(parents=True, exist_ok=True)
        content = {"headers": delivery.headers, "body": delivery.body}
        (FOLDER / f"{name}.json").write_text(json.dumps(content, indent=2, sort_keys=True) + "\n")
        return answer

    save("repository_created", "repository", "created", lambda: people.create_repository(*shop))
    save("push", "push", "", lambda: people.push(*shop, "main", {"README.md": "shop"}, "first"))
    for branch in ("change", "other", "third"):
        people.push(*shop, branch, {"page.html": branch}, f"begin {branch}")
    number = save("opened", "pull_request", "opened", lambda: people.open_pull_request(*shop, "change"))
    more = {"page.html": "2"}
    save("synchronized", "pull_request_sync", "synchronized", lambda: people.push(*shop, "change", more, "go on"))
    save("edited", "pull_request", "edited", lambda: people.edit(*shop, number, title="WIP: A better change"))
    save("label_updated", "pull_request_label", "label_updated", lambda: people.label(*shop, number, "preview"))
    save("commented", "pull_request_comment", "created", lambda: people.comment(*shop, number, "Nice."))
    save("closed", "pull_request", "closed", lambda: people.close(*shop, number))
    save("reopened", "pull_request", "reopened", lambda: people.reopen(*shop, number))
    people.add_collaborator(*shop, "bob")
    merged = save("opened_by_bob", "pull_request", "opened", lambda: bob.open_pull_request(*shop, "other"))
    save("merged", "pull_request", "closed", lambda: people.merge(*shop, merged))
    people.create_organisation("rivals")
    people.fork(*shop, "rivals")
    people.push("rivals", "shop", "evil", {"page.html": "3"}, "from a fork")
    save("opened_from_fork", "pull_request", "opened", lambda: people.open_pull_request(*shop, "rivals:evil"))
    save("branch_deleted", "delete", "", lambda: people.delete_branch(*shop, "third"))
    save("repository_deleted", "repository", "deleted", lambda: people.delete_repository(*shop))


if __name__ == "__main__":
    record()
