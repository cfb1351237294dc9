"""How a development pod fares in steady state: the sidecar's word, with the command's last ones written down."""

from collections.abc import Sequence
from dataclasses import dataclass

from activities.capture import write_last_words
from activities.protocols import Logs, PodRef, SidecarGone, Sidecars
from environments.model import KubernetesObject, Phase, Template
from environments.readiness import Readiness, living_pod
from environments.sidecar import verdict_of, waiting_for
from environments.work import RolloutRequest, Verdict


@dataclass(frozen=True)
class LivingHealth:
    sidecars: Sidecars
    logs: Logs

    async def verdict(
        self,
        request: RolloutRequest,
        template: Template,
        deployments: Sequence[KubernetesObject],
        pods: Sequence[KubernetesObject],
    ) -> Verdict:
        """Ready (its URL is the caller's to add) or Degraded."""
        found = living_pod(request.rollout, deployments, pods)
        if isinstance(found, Readiness):
            text = " ".join(part for part in (found.message, found.hint) if part)
            return Verdict(phase=Phase.DEGRADED, reason=found.reason, message=text)
        try:
            state = await self.sidecars.state(PodRef(request.namespace, found))
        except SidecarGone as error:
            return Verdict(phase=Phase.DEGRADED, reason="SidecarGone", message=str(error))
        verdict = verdict_of(state, request, template)
        if verdict is None:
            text = waiting_for(state, template)
            return Verdict(phase=Phase.DEGRADED, reason="Starting", message=text)
        if verdict.phase is not Phase.READY:
            write_last_words(self.logs, request, state)
        return verdict
