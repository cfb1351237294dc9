"""The last step to Ready: the URL answers through the ingress."""

import asyncio
from dataclasses import dataclass

from activities.protocols import Probe
from environments import names
from environments.deployment.objects import DEFAULT_PORT
from environments.model import DeploymentMethod, Phase, PlatformAddress
from environments.readiness import AWAY, NOT_ANSWERING, not_answering
from environments.work import DeployWork, Verdict

PROBE_SECONDS = 0.1
"""Between two questions to the ingress, which needs some 0.3 s to learn of a new host."""


@dataclass(frozen=True)
class Answering:
    probe: Probe
    address: PlatformAddress

    async def verdict(self, work: DeployWork, limit: asyncio.Timeout) -> Verdict:
        """For at most what is left of the limit, which is lifted: past it there is something better to say than that time is over.
        The generic shell is Ready without a URL until something listens (FR-ENV-008)."""
        until, answer = limit.when() or 0, None
        limit.reschedule(None)
        host, url = names.host(work.request.namespace, self.address.domain), self.address.url(work.request.namespace)
        while asyncio.get_running_loop().time() < until:
            answer = await self.probe.get(host)
            if answer is not None and answer.status not in AWAY:
                return Verdict(phase=Phase.READY, url=url)
            if work.template.method is DeploymentMethod.SHELL:
                return Verdict(phase=Phase.READY)
            await asyncio.sleep(PROBE_SECONDS)
        port = work.template.port or DEFAULT_PORT
        message = not_answering(url, answer.status if answer else None, port)
        return Verdict(phase=Phase.DEGRADED, reason=NOT_ANSWERING, message=message)
