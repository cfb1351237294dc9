"""The end of an environment: over only when cluster and registry say that everything is gone (design: rules 3 and 6)."""

from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.teardown import TeardownActivities
    from environments.model import EnvironmentUid, NamespaceName, Phase
    from environments.report import TEARDOWN_BLOCKED
    from environments.work import Observation, Remaining, TearDownRequest
    from workflows.calling import CALL, FEW, HEARTBEAT, ONCE
    from workflows.memory import Memory
    from workflows.pauses import Pauses

LOOK_AGAIN_AT_MOST = timedelta(seconds=30)
"""Between two looks at what is still there, each of which waits some seconds itself."""
TEARDOWN_CALL = timedelta(seconds=60)
DEADLINE = timedelta(minutes=5)
"""SC-002: past it, what blocks a teardown is found, removed where that is safe, and told."""


class Teardown:
    """Asks for removal until nothing remains. Methods raise ActivityError: the main loop calls again, with pauses that a signal ends."""

    def __init__(self, memory: Memory, pauses: Pauses) -> None:
        self._memory = memory
        self._pauses = pauses

    async def is_done(self, seen: Observation, namespace: NamespaceName, uid: EnvironmentUid) -> bool:
        """One step further; whether nothing of it remains."""
        self._begin(seen, namespace, uid)
        request = TearDownRequest(
            key=self._memory.key, namespace=namespace, uid=uid, identity=self._memory.state.identity
        )
        await self._unblock_past_deadline(request)
        remaining = await workflow.execute_activity_method(
            TeardownActivities.tear_down,
            request,
            start_to_close_timeout=TEARDOWN_CALL,
            heartbeat_timeout=HEARTBEAT,
            retry_policy=ONCE,
        )
        return self._is_nothing(remaining)

    async def release(self) -> None:
        """The resource's finalizer, once nothing is left."""
        await workflow.execute_activity_method(
            TeardownActivities.release, self._memory.key, start_to_close_timeout=CALL, retry_policy=FEW
        )
        self._memory.report(phase=Phase.DELETED, url=None, reason="", message="Everything of it is gone.")

    def is_suspect(self) -> bool:
        """Whether something that a dead worker left behind may still write; it is looked again once nothing can."""
        until = self._memory.state.suspect_until
        if until is None or workflow.now() >= until:
            return False
        self._pauses.wake_in(until - workflow.now())
        return True

    def _begin(self, seen: Observation, namespace: NamespaceName, uid: EnvironmentUid) -> None:
        memory = self._memory
        if memory.state.deleting_since is None:
            memory.keep(deleting_since=workflow.now(), unblocked_at=None)
        memory.keep(namespace=namespace, identity=memory.state.identity or seen.identity)
        if seen.uid is None or seen.is_deleting:
            memory.keep(uid=uid, pull_request=memory.state.pull_request or seen.pull_request)
            generation = max(seen.generation, memory.state.report.generation)
            deleted_by = seen.deleted_by or memory.state.report.deleted_by
            memory.report(uid=uid, namespace=namespace, generation=generation, deleted_by=deleted_by)
        report = memory.state.report
        if report.phase is not Phase.DELETED and report.reason != TEARDOWN_BLOCKED:
            memory.report(phase=Phase.DELETING, url=None, reason="", message="It is being removed.", failed_log=None)

    async def _unblock_past_deadline(self, request: TearDownRequest) -> None:
        since = self._memory.state.unblocked_at or self._memory.state.deleting_since
        if since is None or workflow.now() - since < DEADLINE:
            return
        self._memory.keep(unblocked_at=workflow.now())
        found = await workflow.execute_activity_method(
            TeardownActivities.unblock, request, start_to_close_timeout=CALL, retry_policy=FEW
        )
        text = f"It is not gone after 5 minutes. {' '.join(found)}"
        self._memory.report(phase=Phase.DELETING, reason=TEARDOWN_BLOCKED, message=text[:1000])

    def _is_nothing(self, remaining: Remaining) -> bool:
        if remaining.is_nothing:
            self._pauses.begin_anew()
            return True
        if self._memory.state.report.reason != TEARDOWN_BLOCKED:
            self._memory.report(message=remaining.sentence())
        self._pauses.grow(LOOK_AGAIN_AT_MOST)
        return False
