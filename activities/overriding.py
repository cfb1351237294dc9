"""Writing what people override: onto one Environment, or onto the Project for all of its environments (FR-ENV-011, design: rule 10)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from temporalio import activity

from activities.declarations import project_of
from activities.errors import ChangedMeanwhile, gateway_errors
from activities.kinds import ENVIRONMENT, environment_ref, namespace_ref
from activities.protocols import Audit, Cluster, ClusterConflict, GatewayError, Kind, ObjectRef, Owners
from environments import labels
from environments.declared import override_object, parse_environment
from environments.model import EnvironmentKey, KubernetesObject
from environments.overriding import environment_override, override_refusal, project_override
from environments.work import OverrideWork

NO_PROJECT = (
    "There is no Project resource that it could be set on; nothing was changed. "
    "With the scope `environment` it is set for this environment alone."
)


class OverrideRefused(GatewayError):
    """Nothing was changed; the message says why."""

    retryable = False


@dataclass(frozen=True)
class OverrideActivities:
    cluster: Cluster
    audit: Audit
    owners: Owners

    @activity.defn
    @gateway_errors
    async def override(self, work: OverrideWork) -> str:
        """Set what a person asked for; a sentence for them. Raises OverrideRefused, ChangedMeanwhile."""
        if why := override_refusal(work.request.model_dump()):
            raise OverrideRefused(why)
        stored = await self.cluster.get(environment_ref(work.key))
        if stored is None or stored["metadata"]["uid"] != work.uid:
            raise OverrideRefused("The environment is gone; nothing was changed.")
        if work.request.scope == "project":
            return await self._override_project(work, stored)
        return await self._override_environment(work)

    async def _override_environment(self, work: OverrideWork) -> str:
        # What detection wrote gives way to a person; what another person wrote by kubectl doesn't.
        nothing = override_object(work.key, work.uid, None, {})
        stored = await self.cluster.apply(nothing, manager=labels.DETECTION_MANAGER)
        await self._apply(environment_override(stored, work.request.model_dump(), datetime.now(UTC)))
        await self._record(work, f"{work.key.namespace}/{work.key.name}")
        await self._wake([work.key])
        return "The overrides were reset." if work.request.reset else "The override was set."

    async def _override_project(self, work: OverrideWork, stored: KubernetesObject) -> str:
        home = await self.cluster.get(namespace_ref(work.key.namespace))
        declared = parse_environment(stored, home) if home else None
        project = await project_of(self.cluster, declared) if declared else None
        if declared is None or project is None:
            raise OverrideRefused(NO_PROJECT)
        await self._apply(project_override(project, declared.type, work.request.model_dump(), datetime.now(UTC)))
        await self._record(work, f"{project['metadata']['namespace']}/{project['metadata']['name']}")
        environments = await self.cluster.list(ENVIRONMENT, work.key.namespace)
        await self._wake(
            EnvironmentKey(namespace=work.key.namespace, name=each["metadata"]["name"]) for each in environments
        )
        what = "The project's overrides were reset" if work.request.reset else "The override was set for the project"
        return f"{what}, for its environments of type {declared.type}."

    async def _apply(self, wanted: KubernetesObject) -> None:
        """Unforced: what somebody set by kubectl stays theirs (design: rule 10)."""
        try:
            await self.cluster.apply(wanted, manager=labels.OVERRIDE_MANAGER)
        except ClusterConflict as error:
            metadata = wanted["metadata"]
            kind = Kind(wanted["apiVersion"], wanted["kind"])
            now = await self.cluster.get(ObjectRef(kind, metadata["namespace"], metadata["name"]))
            if now is not None and now["metadata"]["resourceVersion"] != metadata["resourceVersion"]:
                raise ChangedMeanwhile(f"The {kind.kind} was changed at the same moment: {error}") from error
            text = f"Nothing was changed, because somebody else set it on the {kind.kind}: {error}"
            raise OverrideRefused(text) from error

    async def _record(self, work: OverrideWork, subject: str) -> None:
        detail = work.request.model_dump(exclude={"by", "env"}, exclude_none=True)
        await self.audit.record(work.request.by, "override", subject, detail)

    async def _wake(self, environments: Iterable[EnvironmentKey]) -> None:
        """A watch tells them of neither: the Project is another resource, and who and when are no part of a spec."""
        for each in environments:
            await self.owners.wake_environment(each)
