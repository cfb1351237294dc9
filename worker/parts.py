"""Composition root of the worker: settings -> gateways -> activities. The only place that knows both."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from activities.environment import EnvironmentActivities
from activities.guards import Guards
from activities.protocols import Forge
from activities.pull_request import PullRequestActivities
from activities.reconcile import ReconcileActivities
from activities.report import ReportActivities
from activities.rollout import ImagesUsed, RolloutActivities
from activities.teardown import TeardownActivities
from activities.waiting import WaitingActivities
from environments.detection import READ_FILES
from environments.model import PlatformAddress
from gateways.builder.buildkit import BuildKitBuilder
from gateways.cluster.kubernetes import KubernetesCluster
from gateways.forge.gitea import GiteaForge
from gateways.probe.http import HttpProbe
from gateways.registry.distribution import DistributionRegistry
from gateways.source.cache import SourceLimits
from gateways.source.git import GitSource
from gateways.temporal.owners import TemporalOwners
from settings.settings import IngressSettings, Settings
from store.audit import DatabaseAudit
from store.database import open_database
from store.index import DatabaseIndex
from store.logs import FileLogs


@dataclass(frozen=True)
class Parts:
    cluster: KubernetesCluster
    owners: TemporalOwners
    logs: FileLogs
    activities: Sequence[Callable[..., Any]]
    builds: Sequence[Callable[..., Any]]
    """Activities that occupy a build slot; they have a task queue of their own."""


@asynccontextmanager
async def open_parts(settings: Settings) -> AsyncIterator[Parts]:
    """Everything the worker needs, opened; closed in the end."""
    async with AsyncExitStack() as stack:
        cluster = await KubernetesCluster.connect(str(settings.kubeconfig) if settings.kubeconfig else None)
        stack.push_async_callback(cluster.aclose)
        registry = DistributionRegistry(f"{settings.registry.scheme}://{settings.registry.host}")
        stack.push_async_callback(registry.aclose)
        probe = HttpProbe(settings.ingress.address, settings.ingress.port)
        stack.push_async_callback(probe.aclose)
        database = await open_database(settings.database_url)
        stack.push_async_callback(database.aclose)
        forges = await _forges(settings, stack)
        owners = await TemporalOwners.connect(settings.task_queue)
        logs = FileLogs(settings.logs.folder, settings.logs.max_bytes)
        address = platform_address(settings.ingress)
        guards = Guards(cluster, address, ingress_address=settings.ingress.pod_address)
        audit = DatabaseAudit(database)
        pull_request = PullRequestActivities(forges, cluster, owners)
        environment = EnvironmentActivities(cluster, guards, probe, DatabaseIndex(database), audit)
        teardown = TeardownActivities(cluster, registry, audit)
        waiting = WaitingActivities(cluster, probe, logs, address, settings.rollout.start_timeout)
        report = ReportActivities(forges, logs, settings.api.public_url)
        reconcile = ReconcileActivities(forges, cluster, owners)
        rollout = RolloutActivities(
            cluster=cluster,
            guards=guards,
            forges=forges,
            source=GitSource(settings.work_folder, _limits(settings), READ_FILES),
            builder=BuildKitBuilder(settings.builder.buildctl, settings.builder.address, settings.registry.host),
            registry=registry,
            logs=logs,
            images=ImagesUsed(settings.images.shell, settings.images.node),
            ca_bundle=settings.ca_bundle.read_text() if settings.ca_bundle else None,
            build_timeout=settings.builder.timeout,
        )
        yield Parts(
            cluster=cluster,
            owners=owners,
            logs=logs,
            activities=[
                *(pull_request.look, pull_request.declare, pull_request.remove, report.report),
                *(environment.observe, environment.publish, environment.check, environment.override),
                *(environment.delete, teardown.tear_down, teardown.unblock, teardown.release),
                *(rollout.prepare, rollout.inspect, rollout.deploy, waiting.wait_ready, reconcile.reconcile),
            ],
            builds=[rollout.build],
        )


def platform_address(ingress: IngressSettings) -> PlatformAddress:
    return PlatformAddress(
        domain=ingress.domain,
        port=ingress.port,
        scheme=ingress.scheme,
        ingress_class=ingress.ingress_class,
        ingress_namespace=ingress.namespace,
    )


async def _forges(settings: Settings, stack: AsyncExitStack) -> Mapping[str, Forge]:
    forges: dict[str, Forge] = {}
    if settings.gitea.url:
        gitea = GiteaForge(settings.gitea.url, settings.gitea.token.get_secret_value())
        stack.push_async_callback(gitea.aclose)
        forges[gitea.name] = gitea
    return forges


def _limits(settings: Settings) -> SourceLimits:
    source = settings.source
    return SourceLimits(timeout=source.timeout, max_bytes=source.max_bytes, max_files=source.max_files)
