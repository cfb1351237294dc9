"""The Schedule of ReconcileWorkflow: every minute, and at worker start."""

from datetime import timedelta

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
)

from workflows.reconcile import ReconcileWorkflow

SCHEDULE_ID = "catalyst-reconcile"


async def ensure_schedule(client: Client, task_queue: str, every: timedelta) -> None:
    """Make it or bring it up to date, and run it once now. Idempotent."""
    wanted = Schedule(
        action=ScheduleActionStartWorkflow(ReconcileWorkflow.run, id="reconcile", task_queue=task_queue),
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=every)]),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=every),
    )

    async def renewed(found: ScheduleUpdateInput) -> ScheduleUpdate:
        return ScheduleUpdate(schedule=wanted)

    try:
        await client.create_schedule(SCHEDULE_ID, wanted, trigger_immediately=True)
    except ScheduleAlreadyRunningError:
        handle = client.get_schedule_handle(SCHEDULE_ID)
        await handle.update(renewed)
        await handle.trigger(overlap=ScheduleOverlapPolicy.SKIP)
