"""Lives played on the running platform, several at a time."""

import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from deploy.demo.samples import prebuilt_saying
from deploy.local.people import PeopleRefused
from tests.e2e.world import Platform, Preview, sample, until
from tests.soak.lives import CHAOS, Act, Life

SETTLED = frozenset({"Ready", "Failed", "Degraded", "Deleted"})
SETTLED_SECONDS = 300
BACK_SECONDS = 90
BROKEN = {"Dockerfile": "FROM busybox:1.35\nRUN exit 3\n"}
TRIES = 5


class Player:
    """`done` counts acts by name. Methods raise AssertionError (pytest's) with the evidence."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._machine = threading.Lock()
        """The worker and the API are one each: two that kill or stop them take turns."""
        self.done: Counter[str] = Counter()
        self.previews: list[Preview] = []

    def play(self, life: Life) -> None:
        """From opened to closed; not until it is gone."""
        preview = self._platform.opened(sample(life.sample))
        self.previews.append(preview)
        self.done["open"] += 1
        acts = iter(life.acts)
        for act in acts:
            self.done[act] += 1
            if act is Act.DEAF:
                with self._deaf():
                    self._do(preview, life, next(acts, Act.PUSH))
            else:
                self._do(preview, life, act)
        if preview.is_open:
            self.done["close"] += 1
            _again(preview.closed)

    def _do(self, preview: Preview, life: Life, act: Act) -> None:
        if act in CHAOS:
            self._kill("worker" if act is Act.KILL_WORKER else "api")
        elif act is Act.PUSH:
            _again(lambda: preview.pushed(_change(life.sample)))
        elif act is Act.BREAK:
            _again(lambda: preview.pushed(BROKEN if life.sample == "dockerfile" else _change(life.sample)))
        elif act is Act.CLOSE:
            _again(preview.closed)
        elif act is Act.REOPEN:
            _again(preview.reopened)
        elif act is Act.WAIT:
            self._wait(preview)
        else:
            self._ask(preview, act)

    def _ask(self, preview: Preview, act: Act) -> None:
        """May be refused, and the API may be away: a wish like people's."""
        path = f"/api/v1/environments/{preview.namespace}/{act.value}"
        try:
            self._platform.api.post(path, json={})
        except httpx.TransportError:
            self.done[f"{act.value} unanswered"] += 1

    def _wait(self, preview: Preview) -> None:
        preview.until(
            lambda: preview.report().get("phase") in SETTLED, SETTLED_SECONDS, f"{preview.namespace} is settled"
        )

    def _kill(self, program: str) -> None:
        machine = self._platform.machine
        with self._machine:
            before = machine.pid(program)
            machine.kill(program)
            until(
                lambda: (machine.pid(program) or before) != before,
                BACK_SECONDS,
                f"{program} is back",
                lambda: machine.log_tail(program),
            )

    @contextmanager
    def _deaf(self) -> Iterator[None]:
        with self._machine:
            self._platform.machine.stop("api")
            try:
                yield
            finally:
                self._platform.machine.start("api")
                until(self._platform.is_answering, BACK_SECONDS, "the API is ready")


def _change(kind: str) -> dict[str, str]:
    text = f"soak {uuid.uuid4().hex}"
    return prebuilt_saying(text) if kind == "prebuilt" else {"index.html": f"{text}\n"} | _mended()


def _mended() -> dict[str, str]:
    """A push after a broken one brings the Dockerfile back."""
    return {"Dockerfile": sample("dockerfile")["Dockerfile"]}


def _again(act: object) -> None:
    """The forge on a busy machine answers late now and then; what was done in spite of it is refused the second time."""
    assert callable(act)
    for attempt in range(TRIES):
        try:
            act()
            return
        except PeopleRefused:
            if attempt == TRIES - 1:
                raise
            time.sleep(1)
