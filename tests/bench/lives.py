"""One pull request through its whole life, each step beside its floor."""

import uuid

from deploy.demo.floor import Floor
from deploy.demo.platform import Platform
from deploy.demo.pull_request import PullRequest, sample
from deploy.demo.samples import prebuilt_saying
from tests.bench.series import Measured
from tests.bench.way import Ways

OWNER = "bench"
OPENED = "prebuilt: webhook to URL"
PUSHED = "prebuilt: push to new content"
GONE = "pull request closed to namespace gone"
NODE = "node, cold: webhook to URL"
NODE_PUSHED = "node: push to new content"
WELCOME = "Welcome to nginx!"
"""What the prebuilt sample answers."""


def pull_request(platform: Platform, kind: str) -> PullRequest:
    return PullRequest(platform, OWNER, f"{kind}-{uuid.uuid4().hex[:5]}")


def prebuilt(platform: Platform, measured: Measured, opening: Ways, pushing: Ways) -> None:
    change, text = pull_request(platform, "prebuilt"), f"hello from {uuid.uuid4().hex}"
    change.open(sample("prebuilt"))
    opened = change.answered(WELCOME)
    change.reached("Ready")
    opening.take(change)
    floor = Floor(platform, change.namespace)
    measured.note(OPENED, opened, floor.applied(WELCOME))
    change.push(prebuilt_saying(text))
    pushed = change.answered(text)
    change.reached("Ready")
    pushing.take(change)
    measured.note(PUSHED, pushed, floor.applied(text))
    change.close()
    measured.note(GONE, change.gone(), floor.deleted())
    change.remove_repository()


def node(platform: Platform, measured: Measured, pushes: int) -> None:
    change, text = pull_request(platform, "node"), "hello from the node sample"
    change.open(sample("node"))
    opened = change.answered(text)
    change.reached("Ready")
    floor = Floor(platform, change.namespace)
    measured.note(NODE, opened, floor.applied(text))
    floor.deleted()
    for _ in range(pushes):
        said = f"hello from {uuid.uuid4().hex}"
        change.push({"server.js": sample("node")["server.js"].replace("hello from", said)})
        measured.note(NODE_PUSHED, change.answered(said))
        change.reached("Ready")
    change.close()
    change.gone()
    change.remove_repository()
