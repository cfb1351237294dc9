"""Deliveries of webhooks: signed, sent in order by a thread of their own, logged, and lost or late when a test wants it.

GitHub delivers once and never again by itself; only the API's `attempts` (or a person's button) sends a delivery anew."""

import hmac
import itertools
import json
import random
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

import httpx

from emulators.github.clock import Clock
from emulators.github.model import Hook, Json

KEPT = timedelta(days=3)
"""How long a delivery can be read, and sent again."""
MOST_BYTES = 25 * 1024 * 1024
"""Of a payload: a larger one is not sent."""
USER_AGENT = "GitHub-Hookshot/0a1b2c3"
Order = Literal["sent", "reversed", "shuffled"]


@dataclass(frozen=True)
class Delivery:
    """One attempt."""

    id: int
    guid: str
    """X-GitHub-Delivery: the same for every hook that is told of one event, and for every attempt."""
    hook: Hook
    event: str
    action: str | None
    payload: bytes
    installation_id: int | None
    repository_id: int | None
    redelivery: bool = False
    delivered_at: datetime | None = None
    """None until it was tried."""
    duration: float = 0
    """Seconds."""
    status: str = ""
    status_code: int = 0
    response_headers: dict[str, str] = field(default_factory=dict)
    response: str = ""

    def headers(self) -> dict[str, str]:
        hook = self.hook
        told = {
            "Accept": "*/*",
            "Content-Type": "application/json",
            "User-Agent": USER_AGENT,
            "X-GitHub-Delivery": self.guid,
            "X-GitHub-Event": self.event,
            "X-GitHub-Hook-ID": str(hook.id),
            "X-GitHub-Hook-Installation-Target-ID": str(hook.target_id),
            "X-GitHub-Hook-Installation-Target-Type": "integration" if hook.app_id else "repository",
        }
        return told | ({} if hook.secret is None else signatures(hook.secret, self.payload))


def signatures(secret: str, payload: bytes) -> dict[str, str]:
    """https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries."""
    sums = {name: hmac.new(secret.encode(), payload, name).hexdigest() for name in ("sha1", "sha256")}
    return {"X-Hub-Signature": f"sha1={sums['sha1']}", "X-Hub-Signature-256": f"sha256={sums['sha256']}"}


@dataclass
class _Fault:
    """What happens to the next deliveries of an event ("" for any)."""

    kind: Literal["lost", "doubled", "late"]
    times: int
    event: str
    seconds: float = 0


class Webhooks:
    """`log`: every attempt, the newest last. All methods may be called from any thread."""

    def __init__(self, clock: Clock, next_id: Callable[[], int]) -> None:
        self.log: list[Delivery] = []
        self.timeout: float = 10
        """Seconds that a receiver has to answer."""
        self._clock, self._next_id = clock, next_id
        self._faults: list[_Fault] = []
        self._held: list[Delivery] | None = None
        self._queue: list[tuple[float, int, Delivery]] = []
        self._sending = 0
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._stopped = False

    # What tests make go wrong
    def lose(self, times: int = 1, event: str = "") -> None:
        """The next deliveries don't arrive; the log says that they timed out."""
        self._add(_Fault("lost", times, event))

    def double(self, times: int = 1, event: str = "") -> None:
        """The next deliveries arrive twice, with the same GUID."""
        self._add(_Fault("doubled", times, event))

    def delay(self, seconds: float, times: int = 1, event: str = "") -> None:
        """The next deliveries arrive that much later, and so after others."""
        self._add(_Fault("late", times, event, seconds))

    def _add(self, fault: _Fault) -> None:
        with self._changed:
            self._faults.append(fault)

    def hold(self) -> None:
        """Nothing is sent until `release`."""
        with self._changed:
            self._held = self._held or []

    def release(self, order: Order = "sent", seed: int = 0) -> None:
        """What was held is sent, in this order."""
        with self._changed:
            held, self._held = self._held or [], None
            if order == "reversed":
                held.reverse()
            elif order == "shuffled":
                random.Random(seed).shuffle(held)
            for delivery in held:
                self._enqueue(delivery, 0)

    def settle(self, limit: float = 30) -> None:
        """Wait until everything is sent that isn't held. Raises TimeoutError."""
        with self._changed:
            if not self._changed.wait_for(lambda: not self._queue and not self._sending, limit):
                raise TimeoutError(f"{len(self._queue)} deliveries were not sent after {limit} s")

    # What GitHub does
    def send(self, hook: Hook, guid: str, event: str, payload: Json, ids: tuple[int | None, int | None]) -> None:
        """`ids`: of installation and repository."""
        content = json.dumps(payload, separators=(",", ":")).encode()
        if hook.active and len(content) <= MOST_BYTES:
            self._submit(Delivery(self._next_id(), guid, hook, event, payload.get("action"), content, *ids))

    def redeliver(self, delivery: Delivery) -> None:
        """The same payload and GUID, a new id."""
        again = replace(delivery, id=self._next_id(), redelivery=True, delivered_at=None)
        with self._changed:
            self._enqueue(again, 0)

    def kept(self, hook: Hook) -> list[Delivery]:
        """Of the last three days, newest first."""
        since = self._clock.now() - KEPT
        with self._changed:
            mine = [each for each in self.log if each.hook is hook]
        return [each for each in reversed(mine) if each.delivered_at and each.delivered_at >= since]

    def stop(self) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(self.timeout + 5)

    def _submit(self, delivery: Delivery) -> None:
        with self._changed:
            fault = self._fault_for(delivery)
            if fault is not None and fault.kind == "lost":
                self._note(replace(delivery, status="timed out", status_code=504))
                return
            for _ in range(2 if fault is not None and fault.kind == "doubled" else 1):
                if self._held is not None:
                    self._held.append(delivery)
                else:
                    self._enqueue(delivery, fault.seconds if fault is not None else 0)

    def _fault_for(self, delivery: Delivery) -> _Fault | None:
        for fault in self._faults:
            if fault.times > 0 and fault.event in ("", delivery.event):
                fault.times -= 1
                return fault
        return None

    def _enqueue(self, delivery: Delivery, seconds: float) -> None:
        self._queue.append((time.monotonic() + seconds, next(self._numbers), delivery))
        self._queue.sort(key=lambda each: each[:2])
        self._changed.notify_all()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="github-webhooks", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        with httpx.Client(trust_env=False) as client:
            while (delivery := self._next()) is not None:
                done = self._attempt(client, delivery)
                with self._changed:
                    self._note(done)
                    self._sending = 0
                    self._changed.notify_all()

    def _next(self) -> Delivery | None:
        """The next that is due; None once stopped."""
        with self._changed:
            while not self._stopped:
                wait = self._queue[0][0] - time.monotonic() if self._queue else None
                if wait is not None and wait <= 0:
                    self._sending = 1
                    return self._queue.pop(0)[2]
                self._changed.wait(wait)
            return None

    def _note(self, delivery: Delivery) -> None:
        self.log.append(replace(delivery, delivered_at=self._clock.now()))

    def _attempt(self, client: httpx.Client, delivery: Delivery) -> Delivery:
        begun = time.monotonic()
        try:
            answer = client.post(
                delivery.hook.url, content=delivery.payload, headers=delivery.headers(), timeout=self.timeout
            )
        except httpx.TimeoutException:
            return replace(delivery, status="timed out", status_code=504, duration=time.monotonic() - begun)
        except (httpx.HTTPError, httpx.InvalidURL):
            return replace(delivery, status="failed to connect to host", status_code=502)
        status = "OK" if answer.is_success else f"Invalid HTTP Response: {answer.status_code}"
        told = replace(delivery, status=status, status_code=answer.status_code, duration=time.monotonic() - begun)
        return replace(told, response_headers=dict(answer.headers), response=answer.text[:10_000])


def new_guid() -> str:
    return str(uuid.uuid4())
