"""A trivial environment while twenty others wait for a forge that doesn't answer them."""

import json
import secrets
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from deploy.demo.platform import Platform, eventually
from deploy.demo.pull_request import PullRequest, sample
from environments import labels, names
from tests.bench.lives import WELCOME, pull_request
from tests.bench.series import Measured

BESIDE_SLOW = "a trivial environment beside 20 slow clones: webhook to URL"
MANY = 20
CLONING_SECONDS = 60


def slow_clones(platform: Platform, measured: Measured) -> None:
    """The floor is the same environment alone, just before."""
    model = pull_request(platform, "slow")
    alone = _seconds(platform, model)
    with _tarpit() as (url, guests), _cloning(platform, model, url):
        eventually(lambda: len(guests) >= MANY, CLONING_SECONDS, lambda: f"Only {len(guests)} clones began.")
        other = pull_request(platform, "beside")
        measured.note(BESIDE_SLOW, _seconds(platform, other), alone)
        _end(other)
    _end(model)


def _seconds(platform: Platform, change: PullRequest) -> float:
    change.open(sample("prebuilt"))
    seconds = change.answered(WELCOME)
    change.reached("Ready")
    return seconds


def _end(change: PullRequest) -> None:
    change.close()
    change.gone()
    change.remove_repository()


@contextmanager
def _tarpit() -> Iterator[tuple[str, list[socket.socket]]]:
    """Takes connections and never says a word. Yields its URL and who hangs in it."""
    guests: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def welcome() -> None:
            while True:
                try:
                    guests.append(server.accept()[0])
                except OSError:
                    return  # closed: the measurement is over

        threading.Thread(target=welcome, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}/slow.git", guests
        finally:
            server.shutdown(socket.SHUT_RDWR)
            for guest in guests:
                guest.close()


@contextmanager
def _cloning(platform: Platform, model: PullRequest, url: str) -> Iterator[None]:
    """Twenty environments made by hand in the model's project, whose repository is now the tarpit."""
    team, project = names.team_namespace(model.owner), names.project_namespace(model.owner, model.name)
    patch = json.dumps({"spec": {"sources": [{"name": "main", "repositoryUrl": url, "branch": "main"}]}})
    platform.kubectl("patch", "projects", model.name, f"--namespace={team}", "--type=merge", f"--patch={patch}")
    objects = [_environment(project, model.name, f"slow-{number}") for number in range(MANY)]
    made = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    platform.kubectl("create", "--filename=-", given=made)
    try:
        yield
    finally:
        platform.kubectl("delete", "--filename=-", "--wait=true", "--timeout=180s", given=made)


def _environment(namespace: str, project: str, name: str) -> dict[str, object]:
    source = {"name": "main", "commitSha": secrets.token_hex(20), "branch": name}
    spec = {"projectRef": {"name": project}, "type": "development", "sources": [source]}
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": labels.API_VERSION, "kind": "Environment", "metadata": metadata, "spec": spec}
