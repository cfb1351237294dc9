"""The Environment resource that a rollout was made for: still there, still the same, still wanting this commit."""

import asyncio
from dataclasses import dataclass

from activities.kinds import environment_ref, namespace_ref, project_ref
from activities.protocols import Cluster, GatewayError
from environments import names
from environments.declared import DeclaredEnvironment, parse_environment
from environments.model import KubernetesObject
from environments.overriding import with_project
from environments.work import RolloutRequest


class Superseded(GatewayError):
    """A newer rollout, or teardown, owns the namespace now: this one writes nothing more."""

    retryable = False


@dataclass(frozen=True)
class Declaration:
    """An Environment with what it is declared in."""

    environment: DeclaredEnvironment
    project: KubernetesObject | None
    """The Project resource; None also where the environment lies in no project's namespace."""
    home: KubernetesObject
    """The project namespace."""


async def declared_for(cluster: Cluster, request: RolloutRequest) -> DeclaredEnvironment:
    """Raises Superseded when it is gone, being deleted, or another one."""
    return (await declaration_for(cluster, request)).environment


async def declaration_for(cluster: Cluster, request: RolloutRequest) -> Declaration:
    """Raises Superseded when it is gone, being deleted, or another one."""
    stored, home = await asyncio.gather(
        cluster.get(environment_ref(request.key)), cluster.get(namespace_ref(request.key.namespace))
    )
    if stored is None or home is None or stored["metadata"]["uid"] != request.uid:
        raise Superseded("The Environment of this rollout is gone.")
    if "deletionTimestamp" in stored["metadata"]:
        raise Superseded("The Environment of this rollout is being deleted.")
    declared = parse_environment(stored, home)
    project = await project_of(cluster, declared)
    return Declaration(with_project(declared, project), project, home)


async def project_of(cluster: Cluster, declared: DeclaredEnvironment) -> KubernetesObject | None:
    """The Project resource; None also where the environment lies in no project's namespace."""
    if declared.identity is None:
        return None
    return await cluster.get(project_ref(names.team_namespace(declared.identity.team), declared.project))


def refuse_if_other_commit(declared: DeclaredEnvironment, request: RolloutRequest) -> None:
    """The fence says so only once the newer rollout has begun. Raises Superseded."""
    if declared.sha != request.target.sha:
        raise Superseded("The Environment wants another commit by now.")
