"""Composition root of the worker: settings -> gateways. The only place that knows both."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

from opentelemetry.trace import TracerProvider

from activities.protocols import Forge
from environments.detection import READ_FILES
from environments.model import PlatformAddress, PlatformImages
from gateways.builder.buildkit import BuildKitBuilder
from gateways.cluster.kubernetes import KubernetesCluster
from gateways.forge.gitea import GiteaForge
from gateways.forge.github import GitHubForge
from gateways.probe.http import HttpProbe
from gateways.registry.distribution import DistributionRegistry
from gateways.sidecar.kubernetes import KubernetesSidecars
from gateways.source.branches import GitBranches
from gateways.source.cache import SourceLimits
from gateways.source.git import GitSource
from gateways.temporal.owners import TemporalOwners
from settings.egress import mirrors_of, proxy_of
from settings.settings import GitHubSettings, IngressSettings, Settings
from store.audit import DatabaseAudit
from store.database import open_database
from store.index import DatabaseIndex
from store.logs import FileLogs
from telemetry.calls import observed
from telemetry.causes import tracing_interceptors
from worker.assembly import Gateways, Options

OBSERVED = {
    "cluster": "cluster",
    "source": "git",
    "branches": "git",
    "builder": "buildkit",
    "registry": "registry",
    "sidecars": "sidecar",
    "probe": "probe",
    "index": "database",
    "audit": "database",
    "owners": "temporal",
}
"""Fields of Gateways, besides the forges, by the outside system that metrics and spans name. Logs are files of ours."""


@asynccontextmanager
async def open_gateways(settings: Settings, traces: TracerProvider) -> AsyncIterator[Gateways]:
    """Everything that the worker needs of the outside, opened; closed in the end."""
    async with AsyncExitStack() as stack:
        cluster = await KubernetesCluster.connect(str(settings.kubeconfig) if settings.kubeconfig else None)
        stack.push_async_callback(cluster.aclose)
        registry = DistributionRegistry(f"{settings.registry.scheme}://{settings.registry.host}")
        stack.push_async_callback(registry.aclose)
        probe = HttpProbe(settings.ingress.address, settings.ingress.port)
        stack.push_async_callback(probe.aclose)
        database = await open_database(settings.database_url)
        stack.push_async_callback(database.aclose)
        yield observed_gateways(
            Gateways(
                cluster=cluster,
                forges=await forges_of(settings, stack),
                source=GitSource(settings.work_folder, _limits(settings), READ_FILES),
                builder=BuildKitBuilder(settings.builder.buildctl, settings.builder.address, settings.registry.host),
                registry=registry,
                sidecars=KubernetesSidecars(cluster.transport),
                branches=GitBranches(settings.work_folder, _limits(settings)),
                probe=probe,
                logs=FileLogs(settings.logs.folder, settings.logs.max_bytes),
                index=DatabaseIndex(database),
                audit=DatabaseAudit(database),
                owners=await TemporalOwners.connect(settings.task_queue, tracing_interceptors(traces)),
            ),
            traces,
        )


def observed_gateways(gateways: Gateways, traces: TracerProvider) -> Gateways:
    """The same ones, each call of which is measured and, inside a trace, seen."""
    forges = {name: observed(forge, "forge", traces) for name, forge in gateways.forges.items()}
    others = {field: observed(getattr(gateways, field), system, traces) for field, system in OBSERVED.items()}
    return replace(gateways, forges=forges, **others)


def options_of(settings: Settings) -> Options:
    return Options(
        address=platform_address(settings.ingress),
        ingress_address=settings.ingress.pod_address,
        images=PlatformImages(shell=settings.images.shell, sidecar=settings.images.sidecar),
        ca_bundle=settings.ca_bundle.read_text() if settings.ca_bundle else None,
        proxy=proxy_of(settings),
        mirrors=mirrors_of(settings),
        api_url=settings.api.public_url,
        start_timeout=settings.rollout.start_timeout,
        build_timeout=settings.builder.timeout,
        push_bytes=settings.source.max_push_bytes,
    )


def platform_address(ingress: IngressSettings) -> PlatformAddress:
    return PlatformAddress(
        domain=ingress.domain,
        port=ingress.port,
        scheme=ingress.scheme,
        ingress_class=ingress.ingress_class,
        ingress_namespace=ingress.namespace,
    )


async def forges_of(settings: Settings, stack: AsyncExitStack) -> Mapping[str, Forge]:
    forges: dict[str, Forge] = {}
    if settings.gitea.url:
        gitea = GiteaForge(settings.gitea.url, settings.gitea.token.get_secret_value())
        stack.push_async_callback(gitea.aclose)
        forges[gitea.name] = gitea
    github = _github(settings.github)
    if github is not None:
        stack.push_async_callback(github.aclose)
        forges[github.name] = github
    return forges


def _github(settings: GitHubSettings) -> GitHubForge | None:
    if settings.app_id:
        return GitHubForge.with_app(settings.url, settings.app_id, settings.read_private_key())
    token = settings.token.get_secret_value()
    return GitHubForge.with_token(settings.url, token) if token else None


def _limits(settings: Settings) -> SourceLimits:
    source = settings.source
    return SourceLimits(timeout=source.timeout, max_bytes=source.max_bytes, max_files=source.max_files)
