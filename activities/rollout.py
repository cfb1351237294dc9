"""What one rollout does to the world: prepare, inspect, build, deploy, wait. Every write is fenced (design: rule 2)."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from temporalio import activity

from activities.checkouts import Checkouts, repository_for
from activities.declarations import Superseded, declaration_for, declared_for, refuse_if_other_commit
from activities.egress import BuildEgress, Egress
from activities.errors import ChangedMeanwhile, gateway_errors
from activities.guards import Guards
from activities.heartbeats import heartbeats
from activities.kinds import environment_ref, namespace_ref
from activities.protocols import (
    Builder,
    BuildRequest,
    Cluster,
    ClusterConflict,
    ClusterGone,
    ClusterRefused,
    GatewayError,
    Kind,
    Logs,
    ObjectRef,
    Registry,
    Source,
)
from environments import labels, names
from environments.deployment import render
from environments.detection import detect
from environments.dev_hosts import with_host_note
from environments.isolation import environment_namespace_object
from environments.model import (
    DeploymentMethod,
    Detection,
    KubernetesObject,
    Message,
    Overrides,
    PlatformImages,
    RenderRequest,
    Template,
)
from environments.plan import plan
from environments.sidecar import is_living
from environments.template import InvalidTemplate, choose_template
from environments.work import BuildWork, DeployWork, Images, Inspection, RolloutRequest

OTHER_VERSION = "This rollout was begun by another version of Catalyst; it is begun anew."
FENCE_WORDS = "catalyst fence"
"""How the admission policy's refusals begin (environments.fencing)."""


class StillThere(GatewayError):
    """The namespace of the environment before is still being removed."""

    retryable = True


class TemplateInvalid(GatewayError):
    """The repository's own configuration makes no sense; its author must act."""

    retryable = False


@dataclass(frozen=True)
class RolloutActivities:
    cluster: Cluster
    guards: Guards
    checkouts: Checkouts
    source: Source
    builder: Builder
    registry: Registry
    logs: Logs
    images: PlatformImages
    egress: Egress
    ca_bundle: str | None = None
    """PEM text for pods."""
    build_timeout: timedelta = timedelta(minutes=20)

    @activity.defn
    @gateway_errors
    async def prepare(self, request: RolloutRequest) -> Message | None:
        """The namespace with its guards, and the fence set to this rollout; why not, when it is somebody else's.
        The only place that creates an environment namespace (design: rule 2)."""
        declared = await declared_for(self.cluster, request)
        if not declared.has_finalizer:
            await self._hold(request)
        held = await self._take_namespace(request)
        if held is None:
            await self.guards.apply(request)
        return held

    @activity.defn
    @gateway_errors
    async def inspect(self, request: RolloutRequest) -> Inspection:
        """The files at the commit, what they are, and how that is deployed. Raises SourceRefused, TemplateInvalid."""
        declaration = await declaration_for(self.cluster, request)
        declared, repository = declaration.environment, repository_for(request, declaration)
        async with heartbeats():
            snapshot = await self.source.snapshot(await self.checkouts.checkout(request, repository))
        detection = detect(snapshot, declared.overrides.workdir)
        try:
            overrides = declared.overrides.model_copy(update={"env": ()})
            template = choose_template(
                snapshot,
                detection,
                repository.templates.get(declared.type),
                overrides,
                request.target.sha,
                declared.type,
            )
        except InvalidTemplate as error:
            raise TemplateInvalid(str(error)) from error
        template = with_host_note(template, snapshot, self.guards.address.domain)
        image, conflict = await asyncio.gather(self._resolve(template), self._record(request, detection))
        return Inspection(
            template=template, detection=detection, image=image, conflict=conflict, ignored=declared.notes
        )

    @activity.defn
    @gateway_errors
    async def build(self, work: BuildWork) -> Images:
        """Build and push what the template needs; the output is in the log store while it comes. Raises BuildFailed."""
        request, template = work.request, work.template
        if is_living(template):
            raise Superseded(OTHER_VERSION)
        declaration = await declaration_for(self.cluster, request)
        repository = repository_for(request, declaration)
        # What a stranger's build leaves behind is for its own pull request only (issue 6).
        cache = request.namespace if declaration.environment.is_from_fork else request.key.namespace
        async with heartbeats():
            folder = await self.checkouts.checkout(request, repository)
            egress = await self.egress.of_build(request)
            wanted = self._build_request(request, template, folder, egress).model_copy(update={"cache": cache})
            with self.logs.open(request.log_id("build")) as log:
                reference = await self.builder.build(wanted, log)
        return Images(image=reference)

    @activity.defn
    @gateway_errors
    async def deploy(self, work: DeployWork) -> int:
        """Apply what the template renders to, prune what older rollouts left; how many objects. Raises Superseded."""
        request = work.request
        declared = await declared_for(self.cluster, request)
        refuse_if_other_commit(declared, request)
        if work.images.source_image is not None:
            raise Superseded(OTHER_VERSION)
        await self._check_fence(request)
        fetching = await self.egress.variables(request)
        desired = render(self._render_request(work, declared.overrides, fetching))
        observed = await self._observed(request)
        steps = plan(desired, observed, request.rollout)
        for each in steps.apply:
            await self._apply(each)
        for name in steps.prune:
            ref = ObjectRef(Kind(name.api_version, name.kind), request.namespace, name.name)
            await self.cluster.delete(ref)
        return len(desired)

    # --- the fence -----------------------------------------------------------------------------------------------

    async def _hold(self, request: RolloutRequest) -> None:
        """Who made the resource by hand didn't write our finalizer: it comes before anything exists for it (design: rule 3)."""
        ref = environment_ref(request.key)
        stored = await self.cluster.get(ref)
        if stored is None or stored["metadata"]["uid"] != request.uid:
            raise Superseded("The Environment of this rollout is gone.")
        kept = [*(stored["metadata"].get("finalizers") or ()), labels.FINALIZER]
        version = stored["metadata"]["resourceVersion"]
        try:
            await self.cluster.patch(ref, {"metadata": {"finalizers": kept, "resourceVersion": version}})
        except ClusterConflict as error:
            raise ChangedMeanwhile(f"The Environment was changed at the same moment: {error}") from error

    async def _take_namespace(self, request: RolloutRequest) -> Message | None:
        wanted = environment_namespace_object(
            request.identity,
            request.namespace,
            request.uid,
            request.key,
            request.rollout,
            request.target.branch,
            names.host(request.namespace, self.guards.address.domain),
        )
        stored = await self.cluster.get(namespace_ref(request.namespace))
        if stored is None:
            try:
                await self.cluster.create(wanted)
                return None
            except ClusterConflict:
                stored = await self.cluster.get(namespace_ref(request.namespace))
        if stored is None or "deletionTimestamp" in stored["metadata"]:
            raise StillThere(f"The namespace {request.namespace} is still being removed.")
        if held := _held(stored, request):
            return held
        _refuse_if_newer(stored, request)
        wanted["metadata"]["uid"] = stored["metadata"]["uid"]
        await self._apply(wanted)
        return None

    async def _check_fence(self, request: RolloutRequest) -> None:
        stored = await self.cluster.get(namespace_ref(request.namespace))
        if stored is None or stored["metadata"].get("labels", {}).get(labels.UID) != request.uid:
            raise Superseded(f"The namespace {request.namespace} isn't this environment's any more.")
        _refuse_if_newer(stored, request)

    async def _apply(self, obj: KubernetesObject) -> None:
        """Forced: what we declare in an environment namespace is ours. Raises Superseded, ClusterRefused."""
        try:
            await self.cluster.apply(obj, manager=labels.MANAGER, force=True)
        except ClusterRefused as error:
            if FENCE_WORDS in str(error):
                raise Superseded(str(error)) from error
            raise
        except (ClusterGone, ClusterConflict) as error:
            raise Superseded(f"The namespace went away while it was written to: {error}") from error

    # --- source, template, images --------------------------------------------------------------------------------

    async def _resolve(self, template: Template) -> str | None:
        if template.method is not DeploymentMethod.PREBUILT or template.image is None:
            return None
        image = f"{template.image}:{template.tag}" if template.tag else template.image
        return await self.registry.resolve(image) or image

    async def _record(self, request: RolloutRequest, detection: Detection) -> str | None:
        """What was detected goes onto the resource (FR-ENV-006), unless a person holds the field; then who (design: rule 10)."""
        found = {
            "devCommand": detection.dev_command,
            "workdir": detection.workdir if detection.workdir != "." else None,
        }
        spec = {name: value for name, value in found.items() if value}
        wanted = {
            "apiVersion": labels.API_VERSION,
            "kind": "Environment",
            "metadata": {"namespace": request.key.namespace, "name": request.key.name, "uid": request.uid},
            "spec": spec,
        }
        try:
            await self.cluster.apply(wanted, manager=labels.DETECTION_MANAGER)
        except ClusterConflict as error:
            return str(error)
        return None

    def _build_request(
        self, request: RolloutRequest, template: Template, folder: Path, egress: BuildEgress
    ) -> BuildRequest:
        return BuildRequest(
            context=folder / template.workdir,
            dockerfile=template.dockerfile,
            repository=f"{request.namespace}/web",
            tag=request.target.sha,
            timeout=self.build_timeout,
            arguments=egress.arguments,
            hosts=egress.hosts,
        )

    # --- objects -------------------------------------------------------------------------------------------------

    async def _observed(self, request: RolloutRequest) -> list[KubernetesObject]:
        # The first rollout made the namespace itself: nothing of ours can be there that would have to go.
        if request.rollout == 1:
            return []
        return list(await self.cluster.list_all(request.namespace, {labels.UID: request.uid}))

    def _render_request(self, work: DeployWork, overrides: Overrides, fetching: Mapping[str, str]) -> RenderRequest:
        request = work.request
        given = {each.name: each for each in (*work.template.env, *overrides.env)}
        return RenderRequest(
            identity=request.identity,
            namespace=request.namespace,
            uid=request.uid,
            rollout=request.rollout,
            sha=request.target.sha,
            branch=request.target.branch,
            template=work.template.model_copy(update={"env": tuple(given.values())}),
            image=work.images.image,
            shell_image=self.images.shell,
            sidecar_image=self.images.sidecar,
            ingress_address=self.guards.ingress_address,
            address=self.guards.address,
            ca_bundle=self.ca_bundle,
            fetching=fetching,
            url=self.guards.address.url(request.namespace),
        )


def _held(stored: KubernetesObject, request: RolloutRequest) -> Message | None:
    """Names alone prove nothing: `a` + `b-c` and `a-b` + `c` make the same namespace (design: Names)."""
    metadata = stored["metadata"]
    resource = metadata.get("annotations", {}).get(labels.RESOURCE)
    is_ours = metadata.get("labels", {}).get(labels.MANAGED_BY) == labels.MANAGER
    if is_ours and resource == f"{request.key.namespace}/{request.key.name}":
        return None
    holder = f"the environment {resource}" if is_ours and resource else "something that is not Catalyst's"
    text = f"The namespace {request.namespace} belongs to {holder}: rename the repository or its owner."
    return Message(reason="NamespaceHeld", text=text)


def _refuse_if_newer(stored: KubernetesObject, request: RolloutRequest) -> None:
    metadata = stored["metadata"]
    if metadata.get("labels", {}).get(labels.UID) != request.uid:
        raise StillThere(
            f"The namespace {request.namespace} is the one of the environment before; it is removed first."
        )
    fence = metadata.get("annotations", {}).get(labels.FENCE, "0")
    if fence == labels.DELETING or (fence.isdigit() and int(fence) > request.rollout):
        raise Superseded(f"The namespace {request.namespace} is at {fence}, past rollout {request.rollout}.")
