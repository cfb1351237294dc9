"""What an environment's workflow knows, shared by its parts."""

from typing import Any

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from environments.model import EnvironmentKey
    from environments.report import conditions_of
    from environments.work import Verdict
    from workflows.messages import EnvironmentState


class Memory:
    """The state that survives continue-as-new; nothing else of a part may be needed after it (design: rule 7)."""

    def __init__(self, key: EnvironmentKey, state: EnvironmentState) -> None:
        self.key = key
        self.state = state

    def keep(self, **update: Any) -> None:
        """Fields of EnvironmentState."""
        self.state = self.state.model_copy(update=update)

    def report(self, **update: Any) -> None:
        """Fields of EnvironmentReport; time and conditions follow by themselves."""
        report = self.state.report.model_copy(update=update)
        if report != self.state.report:
            conditions = conditions_of(report, workflow.now(), self.state.report.conditions)
            update = {"conditions": conditions, "updated_at": workflow.now()}
            self.keep(report=report.model_copy(update=update))

    def report_verdict(self, verdict: Verdict) -> None:
        self.report(
            phase=verdict.phase,
            url=verdict.url,
            reason=verdict.reason,
            message=verdict.message,
            failed_log=verdict.failed_log,
        )
