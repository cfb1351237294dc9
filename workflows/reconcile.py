"""Started by a Schedule and at worker start: finds what has no living owner, starts and signals it, deletes nothing itself."""

from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.reconcile import ReconcileActivities
    from environments.work import Reconciled
    from workflows.calling import HEARTBEAT, RETRY

AT_MOST = timedelta(minutes=5)
"""The next run comes anyway; one that hangs must not hold it up."""


@workflow.defn
class ReconcileWorkflow:
    """Webhooks are hints; this is the guarantee (design: "Workflows: who owns what")."""

    @workflow.run
    async def run(self) -> Reconciled:
        return await workflow.execute_activity_method(
            ReconcileActivities.reconcile,
            start_to_close_timeout=AT_MOST,
            schedule_to_close_timeout=AT_MOST,
            heartbeat_timeout=HEARTBEAT,
            retry_policy=RETRY,
        )
