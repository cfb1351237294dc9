"""Activities out of gateways; the same assembly for production and for tests with fakes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, NamedTuple

from activities.answering import Answering
from activities.checkouts import Checkouts
from activities.commenting import CommentActivities
from activities.egress import Egress
from activities.environment import EnvironmentActivities
from activities.guards import Guards
from activities.leaks import Leaks
from activities.living import LivingActivities
from activities.living_health import LivingHealth
from activities.overriding import OverrideActivities
from activities.protocols import (
    Audit,
    Branches,
    Builder,
    Cluster,
    Forge,
    Index,
    Logs,
    Owners,
    Probe,
    Registry,
    Sidecars,
    Source,
)
from activities.pull_request import PullRequestActivities
from activities.pushing import PushActivities
from activities.reconcile import ReconcileActivities
from activities.report import ReportActivities
from activities.rollout import RolloutActivities
from activities.teardown import TeardownActivities
from activities.waiting import WaitingActivities
from environments.egress import Proxy
from environments.fetching import Mirrors
from environments.model import PlatformAddress, PlatformImages
from workflows.environment import EnvironmentWorkflow
from workflows.pull_request import PullRequestWorkflow
from workflows.reconcile import ReconcileWorkflow
from workflows.rollout import RolloutWorkflow

WORKFLOWS: Sequence[type] = (PullRequestWorkflow, EnvironmentWorkflow, RolloutWorkflow, ReconcileWorkflow)


@dataclass(frozen=True)
class Gateways:
    """The outside world, as Protocols."""

    cluster: Cluster
    forges: Mapping[str, Forge]
    source: Source
    builder: Builder
    registry: Registry
    sidecars: Sidecars
    branches: Branches
    probe: Probe
    logs: Logs
    index: Index
    audit: Audit
    owners: Owners


@dataclass(frozen=True)
class Options:
    """What of the settings activities need."""

    address: PlatformAddress = field(default_factory=PlatformAddress)
    ingress_address: str | None = None
    """Where pods reach an ingress that runs on the nodes; None: the first node's address."""
    images: PlatformImages = field(default_factory=PlatformImages)
    ca_bundle: str | None = None
    proxy: Proxy | None = None
    """The only way outside; None: everything outside is open."""
    mirrors: Mirrors = field(default_factory=Mirrors)
    api_url: str = "http://localhost:8700"
    start_timeout: timedelta = timedelta(minutes=5)
    build_timeout: timedelta = timedelta(minutes=20)
    push_bytes: int = 50 << 20
    """Of the pack that a development pod may send."""
    teardown_patience: timedelta = timedelta(seconds=20)
    """How long one look at a teardown waits for its end."""


class Activities(NamedTuple):
    common: Sequence[Callable[..., Any]]
    builds: Sequence[Callable[..., Any]]
    """Occupy a build slot; they have a task queue of their own."""


def assemble(gateways: Gateways, options: Options) -> Activities:
    cluster, forges, logs = gateways.cluster, gateways.forges, gateways.logs
    egress = Egress(cluster, options.proxy, options.mirrors, options.address.domain)
    guards = Guards(cluster, options.address, ingress_address=options.ingress_address, egress=egress)
    pull_request = PullRequestActivities(forges, cluster, gateways.owners)
    living_health = LivingHealth(gateways.sidecars, logs)
    environment = EnvironmentActivities(cluster, guards, living_health, gateways.probe, gateways.index, gateways.audit)
    overriding = OverrideActivities(cluster, gateways.audit, gateways.owners)
    teardown = TeardownActivities(cluster, gateways.registry, gateways.audit, options.teardown_patience)
    answering = Answering(gateways.probe, options.address)
    waiting = WaitingActivities(cluster, answering, logs, options.start_timeout)
    report = ReportActivities(forges, logs, options.api_url)
    commenting = CommentActivities(forges, logs, gateways.audit)
    reconcile = ReconcileActivities(forges, cluster, gateways.owners, Leaks(cluster, gateways.registry))
    checkouts = Checkouts(forges, gateways.source)
    living = LivingActivities(
        cluster=cluster,
        sidecars=gateways.sidecars,
        source=gateways.source,
        checkouts=checkouts,
        answering=answering,
        logs=logs,
        start_timeout=options.start_timeout,
    )
    rollout = RolloutActivities(
        cluster=cluster,
        guards=guards,
        checkouts=checkouts,
        source=gateways.source,
        builder=gateways.builder,
        registry=gateways.registry,
        logs=logs,
        images=options.images,
        egress=egress,
        ca_bundle=options.ca_bundle,
        build_timeout=options.build_timeout,
    )
    pushing = PushActivities(
        forges=forges,
        cluster=cluster,
        sidecars=gateways.sidecars,
        branches=gateways.branches,
        audit=gateways.audit,
        address=options.address,
        most_bytes=options.push_bytes,
    )
    common = (
        *(pull_request.look, pull_request.declare, pull_request.remove, report.report, reconcile.reconcile),
        *(commenting.hear, commenting.note, commenting.answer),
        *(environment.observe, environment.publish, environment.check, environment.delete),
        overriding.override,
        *(teardown.tear_down, teardown.unblock, teardown.release),
        *(rollout.prepare, rollout.inspect, rollout.deploy, waiting.wait_ready),
        *(living.deliver, living.wait_living, pushing.push),
    )
    return Activities(common, builds=(rollout.build,))
