"""`python -m tests.bench` on the running local platform: a JSON list of figures on standard output, progress on standard error.

Each run takes a pull request through its whole life and measures the floor of each step in between. Exits with 1 when
something didn't come, and with 0 whether or not the limits hold: `ok` says that.
"""

import asyncio
import json
import subprocess
import sys
import uuid
from collections import defaultdict
from typing import Annotated, Any

import httpx
import typer

from deploy.demo import leftovers
from deploy.demo.floor import Floor
from deploy.demo.platform import NotAsExpected, Platform
from deploy.demo.pull_request import PullRequest, sample
from deploy.demo.samples import prebuilt_saying
from deploy.local.people import PeopleRefused
from tests.bench.figures import Limit, figure
from tests.bench.webhooks import answer_p95

OWNER = "bench"
OPENED, PUSHED, GONE = (
    "prebuilt: webhook to URL",
    "prebuilt: push to new content",
    "pull request closed to namespace gone",
)
NODE, WEBHOOK = "node, cold: webhook to URL", "webhook answer, p95 at 50/s"
LIMITS = {
    OPENED: Limit(3, above_floor=True),
    PUSHED: Limit(3, above_floor=True),
    GONE: Limit(15),
    NODE: Limit(90),
    WEBHOOK: Limit(30),
}
UNITS = defaultdict(lambda: "s", {WEBHOOK: "ms"})

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


class Bench:
    """Values and floors by figure, in the order in which they were measured."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._values: dict[str, list[float]] = defaultdict(list)
        self._floors: dict[str, list[float]] = defaultdict(list)

    def prebuilt(self) -> None:
        pull_request, text = self._pull_request("prebuilt"), f"hello from {uuid.uuid4().hex}"
        welcome = "Welcome to nginx!"
        pull_request.open(sample("prebuilt"))
        opened = pull_request.answered(welcome)
        pull_request.reached("Ready")
        floor = Floor(self._platform, pull_request.namespace)
        self._note(OPENED, opened, floor.applied(welcome))
        pull_request.push(prebuilt_saying(text))
        pushed = pull_request.answered(text)
        pull_request.reached("Ready")
        self._note(PUSHED, pushed, floor.applied(text))
        pull_request.close()
        self._note(GONE, pull_request.gone(), floor.deleted())
        pull_request.remove_repository()

    def node(self) -> None:
        pull_request, text = self._pull_request("node"), "hello from the node sample"
        pull_request.open(sample("node"))
        opened = pull_request.answered(text)
        pull_request.reached("Ready")
        floor = Floor(self._platform, pull_request.namespace)
        self._note(NODE, opened, floor.applied(text))
        floor.deleted()
        pull_request.close()
        pull_request.gone()
        pull_request.remove_repository()

    def webhooks(self, seconds: float) -> None:
        value, floor = asyncio.run(answer_p95(dict(self._platform.local), seconds))
        self._note(WEBHOOK, value, floor)

    def figures(self) -> list[dict[str, Any]]:
        return [
            figure(name, UNITS[name], values, self._floors[name], LIMITS[name]) for name, values in self._values.items()
        ]

    def _pull_request(self, kind: str) -> PullRequest:
        return PullRequest(self._platform, OWNER, f"{kind}-{uuid.uuid4().hex[:5]}")

    def _note(self, name: str, value: float, floor: float) -> None:
        self._values[name].append(value)
        self._floors[name].append(floor)
        print(f"{name}: {value:.2f} {UNITS[name]}, floor {floor:.2f} {UNITS[name]}", file=sys.stderr)


@app.command()
def bench(
    runs: Annotated[int, typer.Option(min=1, help="of each figure")] = 5,
    webhook_seconds: Annotated[float, typer.Option(min=1, help="of the webhook load, once")] = 20,
) -> None:
    """Measure the running platform."""
    platform = Platform.running()
    leftovers.remove(platform, OWNER)
    measured = Bench(platform)
    for _ in range(runs):
        measured.prebuilt()
        measured.node()
    measured.webhooks(webhook_seconds)
    print(json.dumps(measured.figures(), indent=2))


def main() -> None:
    try:
        app()
    except (NotAsExpected, PeopleRefused, httpx.HTTPError, OSError, subprocess.SubprocessError) as error:
        print(f"✗ {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
