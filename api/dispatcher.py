"""Hands stored deliveries to Temporal until it has accepted them (design: rule 1).

Where it stands is in the database, so a restart loses nothing; two of them at once only say "look" twice.
"""

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby

import structlog
from opentelemetry.trace import TracerProvider

from activities.protocols import GatewayError, Owners
from api.events import CommentEvent, Event, Ignored, PullRequestEvent, PushEvent, parse_event
from api.metrics import Metrics
from api.traces import NO_TRACES, handing_on
from environments.model import BranchKey, PullRequestKey
from environments.work import CommentRequest, Request
from gateways.cancellation import obey_cancellation
from store.deliveries import Deliveries, Delivery
from store.index import DatabaseIndex

PAGE = 200
AT_ONCE = 8
"""Pull requests that are handed on side by side."""
POLL = timedelta(seconds=5)
"""How long a delivery that another process stored lies here at most."""
GATHER_SECONDS = 0.1
"""Between two passes: the first delivery after a quiet time goes at once, a burst shares its transactions."""
CALL = timedelta(seconds=10)
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 10.0
"""Seconds between attempts for one pull request, doubling: what comes back is noticed within ten seconds."""

log = structlog.get_logger()

Subject = PullRequestKey | BranchKey
Handable = PullRequestEvent | PushEvent | CommentEvent


@dataclass
class Pause:
    """After a failure of one subject's delivery."""

    seconds: float = FIRST_PAUSE
    until: float = 0.0
    """By time.monotonic."""

    def begin(self) -> None:
        self.until = time.monotonic() + self.seconds
        self.seconds = min(self.seconds * 2, LONGEST_PAUSE)


@dataclass
class Round:
    """What became of one page."""

    held: set[Subject]
    """Their later deliveries must not overtake the one that failed or pauses."""
    accepted: list[int] = field(default_factory=list)
    """Deliveries, not yet noted as handed."""
    failed: int = 0


class Dispatcher:
    """One per process; `run` until cancelled."""

    def __init__(
        self,
        deliveries: Deliveries,
        index: DatabaseIndex,
        owners: Owners,
        metrics: Metrics,
        traces: TracerProvider = NO_TRACES,
    ) -> None:
        self._deliveries = deliveries
        self._index = index
        self._owners = owners
        self._metrics = metrics
        self._tracer = traces.get_tracer("catalyst.api")
        self._news = asyncio.Event()
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._pauses: dict[Subject, Pause] = {}

    def wake(self) -> None:
        """Something was stored."""
        self._news.set()

    async def run(self) -> None:
        while True:
            self._news.clear()
            began, pause = time.monotonic(), 0.0
            try:
                await self.hand_on()
            except* GatewayError as errors:
                log.warning("the database doesn't answer", error=str(errors.exceptions[0]))
                pause = FIRST_PAUSE
            except* Exception:
                # A mistake of ours must not end the only task that hands on; it shows in the log and in the lag.
                log.exception("handing on failed")
                pause = LONGEST_PAUSE
            obey_cancellation()
            await asyncio.sleep(pause)
            await self._wait()
            await asyncio.sleep(began + GATHER_SECONDS - time.monotonic())

    async def hand_on(self) -> None:
        """One pass over all that waits. Raises DatabaseUnavailable."""
        held: set[Subject] = set()
        page: Sequence[Delivery] = ()
        while page := await self._deliveries.pending(PAGE, page[-1].id if page else 0):
            done = await self._hand_page(page, held)
            # When only failures came of it, Temporal is away and the rest would fail too.
            if len(page) < PAGE or (done.failed and not done.accepted):
                break

    async def _hand_page(self, page: Sequence[Delivery], held: set[Subject]) -> Round:
        now = Round(held)
        groups: dict[Subject, list[tuple[Delivery, Handable]]] = defaultdict(list)
        for delivery in page:
            event = _event(delivery)
            if isinstance(event, Ignored):
                await self._deliveries.ignored(delivery.id, reason=event.reason)
            else:
                groups[event.key].append((delivery, event))
        async with asyncio.TaskGroup() as tasks:
            for key, group in groups.items():
                tasks.create_task(self._hand_group(key, group, now))
        if now.accepted:
            # Dying before this line hands them on twice, which only says "look" twice.
            await self._deliveries.handed(*now.accepted)
        return now

    async def _hand_group(self, key: Subject, group: Sequence[tuple[Delivery, Handable]], now: Round) -> None:
        """In order, and none after one that failed."""
        pause = self._pauses.get(key)
        if key in now.held or (pause and pause.until > time.monotonic()):
            now.held.add(key)
            return
        async with self._slots:
            # Redeliveries and bursts of pushes say the same: the last of a run speaks for it. Each comment is another.
            for _, run in groupby(group, lambda each: (kind(each[1]), getattr(each[1], "comment", None))):
                if not await self._hand(list(run), now):
                    now.failed += 1
                    now.held.add(key)
                    self._pauses.setdefault(key, Pause()).begin()
                    return
        self._pauses.pop(key, None)

    async def _hand(self, run: Sequence[tuple[Delivery, Handable]], now: Round) -> bool:
        delivery, event = run[-1]
        try:
            with handing_on(self._tracer, [each for each, _ in run], kind(event), event.key):
                async with asyncio.timeout(CALL.total_seconds()):
                    accepted = await self._wake(delivery, event)
        except Exception as error:  # noqa: BLE001
            # Whatever it is, the delivery stays: it is said, counted and tried again.
            said = str(error) or type(error).__name__
            log.warning("delivery not accepted", delivery=delivery.delivery, attempt=delivery.attempts + 1, error=said)
            self._metrics.handed.labels("failed").inc()
            await self._deliveries.failed(delivery.id, said)
            return False
        if accepted:
            self._note_accepted([each for each, _ in run], now)
        else:
            reason = f"No preview of it runs, and {kind(event)!r} starts none."
            await self._deliveries.ignored(*(each.id for each, _ in run), reason=reason)
        self._metrics.handed.labels("accepted" if accepted else "nobody").inc(len(run))
        return True

    def _note_accepted(self, run: Sequence[Delivery], now: Round) -> None:
        for delivery in run:
            now.accepted.append(delivery.id)
            self._metrics.lag.observe((datetime.now(UTC) - delivery.received_at).total_seconds())

    async def _wake(self, delivery: Delivery, event: Handable) -> bool:
        asks_for_url = kind(event) in ("push", "opened", "reopened", "synchronized")
        asked_at = delivery.received_at if asks_for_url else None
        request = Request(by=event.sender, delivery=delivery.delivery, asked_at=asked_at)
        if isinstance(event, PushEvent):
            return await self._wake_branch(event.key, request)
        if isinstance(event, CommentEvent):
            asked = CommentRequest(by=event.sender, delivery=delivery.delivery, comment=event.comment)
            return await self._owners.wake_pull_request(event.key, "commented", asked, may_start=False)
        signal = {"synchronized": "new_commit", "closed": "close"}.get(event.action, "look")
        return await self._owners.wake_pull_request(event.key, signal, request, may_start=asks_for_url)

    async def _wake_branch(self, branch: BranchKey, request: Request) -> bool:
        """Seconds sooner than the forge's event for the pull request, which comes besides and alone may start one."""
        keys = await self._index.pull_requests_of(branch)
        woken = [await self._owners.wake_pull_request(key, "look", request, may_start=False) for key in keys]
        return any(woken)

    async def _wait(self) -> None:
        """Until something is stored, a pause is over, or it is time to look for what others stored."""
        moments = [pause.until - time.monotonic() for pause in self._pauses.values()]
        seconds = min([POLL.total_seconds(), *(max(moment, 0.01) for moment in moments)])
        try:
            await asyncio.wait_for(self._news.wait(), seconds)
        except TimeoutError:
            pass  # nothing new here: what waits is looked at again


def kind(event: Handable) -> str:
    return event.action if isinstance(event, PullRequestEvent) else event.type


def _event(delivery: Delivery) -> Event:
    try:
        payload = json.loads(delivery.body)
    except (ValueError, RecursionError) as error:
        return Ignored(reason=f"The stored payload can't be read: {error}")
    return parse_event(delivery.forge, delivery.event, payload)
