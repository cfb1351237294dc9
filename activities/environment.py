"""What an environment's workflow does to the world, apart from rollouts and teardown: observe, publish, check, delete."""

import asyncio
import hashlib
from contextlib import suppress
from dataclasses import dataclass

from temporalio import activity

from activities.declarations import project_of
from activities.errors import gateway_errors
from activities.guards import Guards
from activities.kinds import DEPLOYMENT, NAMESPACE, POD, environment_ref, namespace_ref
from activities.lateness import refuse_if_late
from activities.living_health import LivingHealth
from activities.protocols import (
    Audit,
    Cluster,
    ClusterConflict,
    ClusterGone,
    GatewayError,
    Index,
    IndexRow,
    Probe,
)
from environments import labels, names
from environments.declared import DeclaredEnvironment, parse_environment
from environments.model import EnvironmentKey, EnvironmentUid, KubernetesObject, Message, NamespaceName, Phase
from environments.overriding import overridden, with_project
from environments.readiness import AWAY, NOT_ANSWERING, Health, health
from environments.report import status_object
from environments.sidecar import is_living
from environments.work import CheckRequest, DeleteRequest, Observation, Publication, Target, Verdict

PATIENCE_SECONDS = 2
"""With a database that would say who deleted a resource: teardown needs nothing but the cluster (design: rule 3)."""


@dataclass(frozen=True)
class EnvironmentActivities:
    cluster: Cluster
    guards: Guards
    living: LivingHealth
    probe: Probe
    index: Index
    audit: Audit

    @activity.defn
    @gateway_errors
    async def observe(self, key: EnvironmentKey) -> Observation:
        """The resource as it is now, and the namespace that belongs to it; never raises for a resource that makes no sense."""
        stored, home = await asyncio.gather(
            self.cluster.get(environment_ref(key)), self.cluster.get(namespace_ref(key.namespace))
        )
        if stored is None or home is None:
            return _with_namespace(Observation(), await self._namespace_of(key))
        declared = parse_environment(stored, home)
        # Teardown needs no project (design: rule 3).
        project = None if declared.is_deleting else await project_of(self.cluster, declared)
        by = await self._deleter(key, declared.uid) if declared.is_deleting else ""
        told = {"overridden": overridden(stored, declared, project), "deleted_by": by}
        seen = _observation(with_project(declared, project)).model_copy(update=told)
        if seen.namespace is None:
            return _with_namespace(seen, await self._namespace_of(key))
        found = await self.cluster.get(namespace_ref(seen.namespace))
        return _with_namespace(seen, found if found and _is_of(found, key) else None)

    @activity.defn
    @gateway_errors
    async def publish(self, publication: Publication) -> None:
        """Status of the resource, and the index row. A resource that is gone or another one by now gets no status."""
        refuse_if_late()
        report = publication.report
        try:
            status = status_object(publication.key, report)
            await self.cluster.apply(status, manager=labels.MANAGER, force=True, subresource="status")
        except (ClusterGone, ClusterConflict):
            activity.logger.debug("no resource to write a status to any more")
        if publication.identity is None:
            return
        await self.index.put(
            IndexRow(
                namespace=report.namespace,
                uid=report.uid,
                team=publication.identity.team,
                project=publication.identity.project,
                environment=publication.identity.environment,
                pull_request=publication.pull_request,
                branch=publication.branch,
                report=report.model_dump(mode="json"),
            )
        )
        if report.phase is Phase.DELETED:
            # In whatever order reports arrive, this was the last.
            await self.index.remove(report.namespace, report.uid)

    @activity.defn
    @gateway_errors
    async def check(self, work: CheckRequest) -> Verdict:
        """A running environment, looked at again: guards are repaired, a workload that doesn't answer is told (rule 12)."""
        request = work.request
        home = await self.cluster.get(namespace_ref(request.namespace))
        if home is None or "deletionTimestamp" in home["metadata"]:
            if work.was.phase is Phase.FAILED:
                return work.was
            text = f"Its namespace {request.namespace} was deleted by hand. Retry, or a push, brings it back."
            return Verdict(phase=Phase.DEGRADED, reason="NamespaceDeleted", message=text)
        mine = {labels.UID: request.uid}
        if work.was.phase is Phase.FAILED:
            # What an older rollout started may still run there: it stays fenced in, whatever became of the newest.
            if home["metadata"].get("labels", {}).get(labels.UID) == request.uid:
                await self.guards.apply(request)
            return work.was
        _, deployments, pods = await asyncio.gather(
            self.guards.apply(request),
            self.cluster.list(DEPLOYMENT, request.namespace, mine),
            self.cluster.list(POD, request.namespace, mine),
        )
        if work.template is not None and is_living(work.template):
            found = await self.living.verdict(request, work.template, deployments, pods)
        else:
            found = _verdict(health(request.rollout, deployments, pods))
        if found.phase is not Phase.READY:
            return found.model_copy(update={"url": work.was.url})
        url = work.was.url or await self._url(request.namespace)
        return work.was if work.was.reason == NOT_ANSWERING and url is None else Verdict(phase=Phase.READY, url=url)

    @activity.defn
    @gateway_errors
    async def delete(self, request: DeleteRequest) -> None:
        """Begin deleting the resource; its own workflow tears down and lets it go."""
        with suppress(ClusterConflict):  # another resource of that name by now
            await self.cluster.delete(environment_ref(request.key), uid=request.uid)

    async def _deleter(self, key: EnvironmentKey, uid: EnvironmentUid) -> str:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await self.audit.deleter(key, uid)
        except (GatewayError, TimeoutError) as error:
            activity.logger.warning("nobody can say who deleted %s/%s: %s", key.namespace, key.name, error)
            return ""

    async def _namespace_of(self, key: EnvironmentKey) -> KubernetesObject | None:
        """By annotation: without a resource, or with an unusable one, nothing else says which namespace was its."""
        found = await self.cluster.list(NAMESPACE, None, {labels.NAMESPACE_TYPE: "environment"})
        return next((each for each in found if _is_of(each, key)), None)

    async def _url(self, namespace: NamespaceName) -> str | None:
        host = names.host(namespace, self.guards.address.domain)
        answer = await self.probe.get(host)
        return self.guards.address.url(namespace) if answer and answer.status not in AWAY else None


def _verdict(found: Health) -> Verdict:
    text = " ".join(part for part in (found.message, found.hint) if part)
    return Verdict(phase=found.phase, reason=found.reason, message=text)


def _observation(declared: DeclaredEnvironment) -> Observation:
    identity = declared.identity
    namespace = problem = None
    if identity is None:
        text = "The Environment lies in a namespace that is no project's: create it in <team>-<project>."
        problem = Message(reason="NoProject", text=text)
    else:
        try:
            namespace = names.environment_namespace(identity.team, identity.project, identity.environment)
        except names.InvalidName as error:
            problem = Message(reason="InvalidName", text=str(error))
    if declared.sha is None:
        text = "The Environment names no commit: set spec.sources[0].commitSha to a full SHA."
        problem = problem or Message(reason="NoCommit", text=text)
    return Observation(
        uid=declared.uid,
        generation=declared.generation,
        is_deleting=declared.is_deleting,
        identity=identity,
        pull_request=declared.pull_request,
        target=_target(declared),
        problem=problem,
        namespace=namespace,
        traceparent=declared.traceparent,
    )


def _target(declared: DeclaredEnvironment) -> Target | None:
    if declared.sha is None:
        return None
    settings = hashlib.sha256(f"{declared.type}\0{declared.overrides.model_dump_json()}".encode()).hexdigest()[:16]
    return Target(sha=declared.sha, branch=declared.branch, retry=declared.retry, settings=settings)


def _with_namespace(seen: Observation, found: KubernetesObject | None) -> Observation:
    if found is None:
        return seen
    metadata = found["metadata"]
    fence = metadata.get("annotations", {}).get(labels.FENCE, "0")
    update = {
        "namespace": NamespaceName(metadata["name"]),
        "namespace_uid": EnvironmentUid(metadata.get("labels", {}).get(labels.UID, "")),
        "fence": int(fence) if fence.isdigit() else 0,
    }
    return seen.model_copy(update=update)


def _is_of(namespace: KubernetesObject, key: EnvironmentKey) -> bool:
    metadata = namespace["metadata"]
    is_ours = metadata.get("labels", {}).get(labels.MANAGED_BY) == labels.MANAGER
    return bool(is_ours and metadata.get("annotations", {}).get(labels.RESOURCE) == f"{key.namespace}/{key.name}")
