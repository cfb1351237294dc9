"""From a development pod to the pull request's branch: commits are taken out, checked, and pushed with the platform's credential."""

import asyncio
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from temporalio import activity

from activities.errors import gateway_errors
from activities.heartbeats import heartbeats
from activities.kinds import DEPLOYMENT, POD
from activities.lateness import refuse_if_late
from activities.protocols import (
    Audit,
    Branches,
    BranchPush,
    Cluster,
    Forge,
    GatewayError,
    PodRef,
    PushRefused,
    Sidecars,
    Taking,
)
from environments import labels
from environments.model import KubernetesObject, PlatformAddress, PullRequest
from environments.pushing import NO_LONGER_KNOWN, author_of, nothing_to_push, pushed, refusal
from environments.readiness import SIDECAR, Readiness, living_pod
from environments.work import PushResult, PushWork

NO_TERMINAL = "This environment runs an image, in which nothing can be committed."


@dataclass(frozen=True)
class PushActivities:
    forges: Mapping[str, Forge]
    cluster: Cluster
    sidecars: Sidecars
    branches: Branches
    audit: Audit
    address: PlatformAddress
    most_bytes: int = 50 << 20
    """Of the pack that a pod may send."""
    patience: timedelta = timedelta(seconds=100)
    """For all of it: somebody waits (sidecar/push.go, pushPatience)."""

    @activity.defn
    @gateway_errors
    async def push(self, work: PushWork) -> PushResult:
        """Whatever is in the way is the result, and told where somebody waits: people try again sooner than we should for them."""
        pod: PodRef | None = None
        async with heartbeats():
            try:
                async with asyncio.timeout(self.patience.total_seconds()):
                    pod = await self._pod(work)
                    result = await self._push(work, pod)
            except GatewayError as error:
                result = PushResult(message=str(error))
            except TimeoutError:
                seconds = self.patience.total_seconds()
                result = PushResult(message=f"It took longer than {seconds:.0f} s and was given up: push again.")
            if pod is not None and work.request.id:
                await self.sidecars.answer(pod, work.request.id, result.is_done, result.message)
        return result

    async def _pod(self, work: PushWork) -> PodRef:
        """Raises PushRefused."""
        mine = {labels.UID: work.uid}
        deployments, pods = await asyncio.gather(
            self.cluster.list(DEPLOYMENT, work.namespace, mine), self.cluster.list(POD, work.namespace, mine)
        )
        if deployments and not any(map(_is_living, deployments)):
            raise PushRefused(NO_TERMINAL)
        # Whatever rollout the pod is of: commits made in it are as good as any.
        found = living_pod(max(map(_rollout, deployments), default=0), deployments, pods)
        if isinstance(found, Readiness):
            raise PushRefused(f"Its pod doesn't run just now: {found.message} Push again when it does.")
        return PodRef(work.namespace, found)

    async def _push(self, work: PushWork, pod: PodRef) -> PushResult:
        forge, pull_request = self.forges[work.pull_request.forge], await self._pull_request(work)
        repository = pull_request.repository
        credential = await forge.clone_credential(repository.id, repository.clone_url)
        with tempfile.TemporaryDirectory(prefix="catalyst-push-") as folder:
            pack = Path(folder, "pack")
            outgoing = await self.sidecars.take(pod, self._taking(work), pack)
            if outgoing.commits == 0:
                return PushResult(is_done=not outgoing.is_dirty, message=nothing_to_push(outgoing))
            refuse_if_late()
            push = BranchPush(
                repository_id=repository.id,
                clone_url=repository.clone_url,
                branch=pull_request.head_branch,
                expected=pull_request.head_sha,
                base=outgoing.base,
                sha=outgoing.sha,
                pack=pack,
            )
            await self.branches.push(push, credential)
        detail = {"commit": outgoing.sha, "commits": outgoing.commits, "branch": pull_request.head_branch}
        await self.audit.record(work.request.by, "push", work.namespace, detail)
        return PushResult(is_done=True, sha=outgoing.sha, message=pushed(outgoing, pull_request.head_branch))

    async def _pull_request(self, work: PushWork) -> PullRequest:
        """As the forge has it now. Raises PushRefused."""
        key = work.pull_request
        found = await self.forges[key.forge].pull_request(key.repository_id, key.number)
        if found is None:
            raise PushRefused(NO_LONGER_KNOWN)
        if why := refusal(found):
            raise PushRefused(why)
        return found

    def _taking(self, work: PushWork) -> Taking:
        request = work.request
        return Taking(
            tip=request.tip,
            message=request.message,
            author=author_of(request.by, work.namespace, self.address.domain) if request.message else "",
            most_bytes=self.most_bytes,
        )


def _is_living(deployment: KubernetesObject) -> bool:
    before = deployment["spec"]["template"]["spec"].get("initContainers") or ()
    return any(each.get("name") == SIDECAR for each in before)


def _rollout(deployment: KubernetesObject) -> int:
    number = (deployment["metadata"].get("labels") or {}).get(labels.ROLLOUT, "0")
    return int(number) if number.isdigit() else 0
