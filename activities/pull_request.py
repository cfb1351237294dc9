"""What a pull request's workflow does to the world: look at the forge, declare or remove its Environment."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from temporalio import activity

from activities.errors import gateway_errors
from activities.kinds import environment_ref, namespace_ref, project_ref
from activities.lateness import refuse_if_late
from activities.protocols import Cluster, ClusterConflict, Forge, Owners
from activities.traces import current_traceparent
from environments import labels
from environments.catalyst_yaml import FILE, MAX_LENGTH
from environments.model import EnvironmentKey, EnvironmentUid, KubernetesObject, PullRequest, PullRequestKey
from environments.names import InvalidName, environment_namespace, environment_workflow_id, team_namespace
from environments.policy import identity_of
from environments.preview_rules import read_rules
from environments.project import project_object
from environments.refusals import needs_paths, refusal_by
from environments.resources import (
    environment_key,
    preview_object,
    project_namespace_object,
    team_namespace_object,
)
from environments.work import Declared, DeclareRequest, DeclareResult, RemoveRequest, SeenPullRequest


class NamespaceHeld(Exception):
    """A namespace of that name belongs to somebody else; the message says to whom."""


@dataclass(frozen=True)
class PullRequestActivities:
    forges: Mapping[str, Forge]
    """By the name in PullRequestKey.forge."""
    cluster: Cluster
    owners: Owners

    @activity.defn
    @gateway_errors
    async def look(self, key: PullRequestKey) -> SeenPullRequest | None:
        """State and head as the forge has them now (design: rule 1), and what the project's rules say of it."""
        found = await self.forges[key.forge].pull_request(key.repository_id, key.number)
        if found is None:
            return None
        seen = SeenPullRequest.model_validate(found.model_dump())
        return await self._judged(seen) if seen.is_open else seen

    @activity.defn
    @gateway_errors
    async def declare(self, request: DeclareRequest) -> DeclareResult:
        """Namespaces where missing, then the Environment resource at the pull request's head. Idempotent."""
        key = environment_key(request.identity)
        stored = await self.cluster.get(environment_ref(key))
        if stored and "deletionTimestamp" in stored["metadata"]:
            text = "The environment before it is still being removed; this one starts as soon as it is gone."
            return DeclareResult(blocked=text, reason="BeingRemoved", may_change=True)
        if stored and not _belongs_to(stored, request.pull_request.key):
            text = (
                f"The Environment {key.namespace}/{key.name} exists and isn't this pull request's: delete or rename it."
            )
            return DeclareResult(blocked=text, reason="EnvironmentHeld")
        if datetime.now(UTC) > datetime.fromisoformat(request.not_after):
            text = "This attempt woke up too late and wrote nothing."
            return DeclareResult(blocked=text, reason="TooLate", may_change=True)
        try:
            applied = await self._apply(request)
        except NamespaceHeld as error:
            return DeclareResult(blocked=str(error), reason="NamespaceHeld")
        except ClusterConflict as error:
            return DeclareResult(blocked=f"Somebody else set a field of it: {error}", reason="FieldConflict")
        await self.owners.wake_environment(key)
        return DeclareResult(declared=_declared(key, request, applied))

    @activity.defn
    @gateway_errors
    async def remove(self, request: RemoveRequest) -> bool:
        """Begin deleting the Environment; True once it is gone. Its own workflow tears down and lets it go (design: rule 3)."""
        ref = environment_ref(request.key)
        stored = await self.cluster.get(ref)
        if stored is None or not _belongs_to(stored, request.pull_request):
            return True
        is_new = "deletionTimestamp" not in stored["metadata"]
        if is_new:
            refuse_if_late()
            await self.cluster.delete(ref, uid=stored["metadata"]["uid"])
        # Once is enough: asked again and again, the environment would look again and again.
        if is_new or not await self.owners.runs(environment_workflow_id(request.key)):
            await self.owners.wake_environment(request.key)
        return await self.cluster.get(ref) is None

    async def _judged(self, seen: SeenPullRequest) -> SeenPullRequest:
        forge = self.forges[seen.key.forge]
        text, project = await asyncio.gather(
            forge.text_file(seen.repository.id, seen.base_sha or seen.base_branch, FILE, MAX_LENGTH),
            self._project_of(seen),
        )
        # In threads: what people write may take seconds, and heartbeats of others are due meanwhile.
        rules, note = await asyncio.to_thread(read_rules, text, seen.base_branch, project)
        paths = await forge.changed_paths(seen.key) if needs_paths(rules, seen) else None
        refusal = await asyncio.to_thread(refusal_by, rules, seen, paths)
        return seen.model_copy(update={"refusal": refusal, "note": note})

    async def _project_of(self, pull_request: PullRequest) -> KubernetesObject | None:
        try:
            identity = identity_of(pull_request)
        except InvalidName:
            return None
        return await self.cluster.get(project_ref(team_namespace(identity.team), identity.project))

    async def _apply(self, request: DeclareRequest) -> KubernetesObject:
        """Both upper namespaces just in time (FR-ENV-022), the Project where it is missing, then the Environment."""
        identity, pull_request = request.identity, request.pull_request
        await asyncio.gather(
            self._ensure_namespace(team_namespace_object(identity, pull_request)),
            self._ensure_namespace(project_namespace_object(identity, pull_request)),
        )
        await self._ensure_project(project_object(identity, pull_request))
        wanted = preview_object(identity, pull_request, request.retry)
        wanted["metadata"]["annotations"][labels.DECLARED_AT] = str(request.decided_at)
        if (traceparent := current_traceparent()) is not None:
            wanted["metadata"]["annotations"][labels.TRACEPARENT] = traceparent
        return await self.cluster.apply(wanted, manager=labels.MANAGER)

    async def _ensure_project(self, wanted: KubernetesObject) -> None:
        """People edit it: what they set of our fields stays theirs (design: rule 10)."""
        with suppress(ClusterConflict):
            await self.cluster.apply(wanted, manager=labels.MANAGER)

    async def _ensure_namespace(self, wanted: KubernetesObject) -> None:
        ref = namespace_ref(wanted["metadata"]["name"])
        stored = await self.cluster.get(ref)
        if stored is None:
            try:
                await self.cluster.create(wanted)
                return
            except ClusterConflict:  # made by another pull request of the same team at this moment
                stored = await self.cluster.get(ref)
        _refuse_if_held(wanted, stored)


def _refuse_if_held(wanted: KubernetesObject, stored: KubernetesObject | None) -> None:
    """Names alone prove nothing: `a` + `b-c` and `a-b` + `c` make the same namespace (design: Names)."""
    metadata = stored["metadata"] if stored else {}
    found = {**metadata.get("labels", {}), **metadata.get("annotations", {})}
    expected = {**wanted["metadata"]["labels"], **wanted["metadata"]["annotations"]}
    if any(found.get(name) != value for name, value in expected.items()):
        holder = found.get(labels.OWNER) or found.get(labels.REPOSITORY) or "something that is not Catalyst's"
        raise NamespaceHeld(
            f"The namespace {wanted['metadata']['name']} belongs to {holder}: rename the repository or its owner."
        )


def _belongs_to(stored: KubernetesObject, key: PullRequestKey) -> bool:
    annotations = stored["metadata"].get("annotations", {})
    return bool(annotations.get(labels.PULL_REQUEST) == labels.pull_request_annotation(key))


def _declared(key: EnvironmentKey, request: DeclareRequest, applied: KubernetesObject) -> Declared:
    identity = request.identity
    return Declared(
        key=key,
        namespace=environment_namespace(identity.team, identity.project, identity.environment),
        uid=EnvironmentUid(applied["metadata"]["uid"]),
        generation=applied["metadata"].get("generation", 0),
        sha=request.pull_request.head_sha,
        retry=request.retry,
    )
