"""What stands beside the cluster: registry, ingress, Temporal, and the product itself, as supervised programs."""

import json
import os
import sys
from pathlib import Path

from deploy.local import builder, buildkit, debian, egress, files, images, reviews
from deploy.local.certificates import host_bundle
from deploy.local.forge_setup import ForgeAccess
from deploy.local.profile import PLATFORM_ADDRESS, Profile
from deploy.local.program import Program

CHECKOUT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
SEARCH_ATTRIBUTES = {
    "CatalystTeam": "Keyword",
    "CatalystProject": "Keyword",
    "CatalystEnvironment": "Keyword",
    "CatalystRepository": "Keyword",
    "CatalystPhase": "Keyword",
    "CatalystSha": "Keyword",
    "CatalystPullRequest": "Int",
}
PRODUCT = ("api", "worker", "egress")


def registry(profile: Profile) -> Program:
    """docker-registry, with deletion; writes its configuration."""
    file = profile.state / "registry.json"
    configuration = {
        "version": 0.1,
        "log": {"level": "warn", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": f"{profile.state}/registry"}, "delete": {"enabled": True}},
        "http": {"addr": f"127.0.0.1:{profile.ports.registry}"},
    }
    files.write(file, json.dumps(configuration))
    command = (str(debian.program("docker-registry")), "serve", str(file))
    return Program(
        "registry", command, priority=10, umask="077", ready=("http", f"http://127.0.0.1:{profile.ports.registry}/v2/")
    )


def ingress(profile: Profile) -> Program:
    """Traefik; it finds the cluster by KUBECONFIG, because an argument is readable by everybody on the machine."""
    port = profile.ports.ingress
    command = (
        str(BIN / "traefik"),
        f"--entrypoints.web.address=127.0.0.1:{port}",
        f"--entrypoints.pods.address={PLATFORM_ADDRESS}:{port}",
        "--providers.kubernetesingress=true",
        "--providers.kubernetesingress.ingressclass=traefik",
        f"--providers.kubernetesingress.ingressendpoint.ip={PLATFORM_ADDRESS}",
        # 503 instead of 404 while a preview's pods come up: "not yet" instead of "never heard of it".
        "--providers.kubernetesingress.allowemptyservices=true",
        # Two seconds otherwise, and each push would wait for them.
        "--providers.providersthrottleduration=100ms",
        "--global.checknewversion=false",
        "--global.sendanonymoususage=false",
        "--log.level=WARN",
    )
    environment = {"KUBECONFIG": str(profile.kubeconfig("traefik"))}
    return Program("ingress", command, environment, priority=300, ready=("tcp", f"127.0.0.1:{port}"))


def temporal(profile: Profile) -> Program:
    """Temporal's development server on a file."""
    # Steps wait for these two queues; their default makes each three times slower (design: temporal, 5.13).
    queues = ("history.transferProcessorMaxPollRPS=2000", "history.timerProcessorMaxPollRPS=2000")
    command = (
        str(BIN / "temporal"),
        "server",
        "start-dev",
        "--ip=127.0.0.1",
        f"--port={profile.ports.temporal}",
        f"--ui-port={profile.ports.temporal_ui}",
        f"--db-filename={profile.state}/temporal.db",
        "--sqlite-pragma=journal_mode=wal",
        "--sqlite-pragma=synchronous=normal",
        *(f"--dynamic-config-value={value}" for value in queues),
        *(f"--search-attribute={name}={kind}" for name, kind in SEARCH_ATTRIBUTES.items()),
        "--log-level=warn",
    )
    return Program("temporal", command, priority=10, umask="077", ready=("tcp", f"127.0.0.1:{profile.ports.temporal}"))


def product(profile: Profile, forge: ForgeAccess, api_token: str) -> list[Program]:
    """API, worker and egress process of this checkout; their environment holds secrets."""
    environment = product_environment(profile, forge, api_token)
    ready = {
        "api": ("http", f"http://127.0.0.1:{profile.ports.api}/healthz"),
        "worker": ("http", f"http://127.0.0.1:{profile.ports.worker_health}/healthz"),
        "egress": ("tcp", f"{PLATFORM_ADDRESS}:{profile.ports.egress}"),
    }
    return [
        Program(
            name,
            (sys.executable, "-m", name),
            environment,
            priority=900,
            umask="077",
            stop_seconds=15,
            ready=ready[name],
        )
        for name in PRODUCT
        if (CHECKOUT / name / "__main__.py").exists()
    ]


def product_environment(profile: Profile, forge: ForgeAccess, api_token: str) -> dict[str, str]:
    """The settings (settings/settings.py) that differ from their defaults here."""
    state, ports = profile.state, profile.ports
    environment = {
        "PYTHONPATH": str(CHECKOUT),
        "PYTHONUNBUFFERED": "1",
        "PATH": os.pathsep.join(["/usr/local/bin", "/usr/bin", "/bin"]),
        "TEMPORAL_ADDRESS": f"127.0.0.1:{ports.temporal}",
        "CATALYST_KUBECONFIG": str(profile.kubeconfig("catalyst")),
        "CATALYST_DATABASE_URL": f"sqlite+aiosqlite:///{state}/catalyst.db",
        "CATALYST_WORK_FOLDER": f"{state}/work",
        "CATALYST_LOGS__FOLDER": f"{state}/log-store",
        "CATALYST_API__HOST": "127.0.0.1",
        "CATALYST_API__PORT": str(ports.api),
        "CATALYST_API__PUBLIC_URL": f"http://localhost:{ports.api}",
        "CATALYST_WORKER__HEALTH_PORT": str(ports.worker_health),
        "CATALYST_REGISTRY__HOST": f"localhost:{ports.registry}",
        "CATALYST_BUILDER__ADDRESS": builder.address(profile),
        "CATALYST_BUILDER__BUILDCTL": str(buildkit.artifact().folder / "buildctl"),
        "CATALYST_GITEA__URL": forge.url,
        "CATALYST_GITEA__USER": forge.user,
        "CATALYST_GITEA__TOKEN": forge.token,
        "CATALYST_GITEA__WEBHOOK_SECRET": forge.webhook_secret,
        "CATALYST_INGRESS__ADDRESS": "127.0.0.1",
        "CATALYST_INGRESS__PORT": str(ports.ingress),
        "CATALYST_INGRESS__DOMAIN": "localhost",
        "CATALYST_INGRESS__POD_ADDRESS": PLATFORM_ADDRESS,
        "CATALYST_IMAGES__SIDECAR": images.SIDECAR,
        "CATALYST_BOOTSTRAP_TOKEN": api_token,
        **egress.settings(profile),
        **reviews.settings(profile),
    }
    if bundle := host_bundle():
        environment["CATALYST_CA_BUNDLE"] = str(bundle)
    return environment
