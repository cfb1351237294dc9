"""`up`, `down` and `purge`: what they do, in order."""

import secrets
import shutil
import subprocess
from pathlib import Path

import httpx

from deploy.local import (
    addons,
    announce,
    builder,
    buildkit,
    cgroups,
    cluster,
    credentials,
    debian,
    egress,
    files,
    forge,
    host,
    images,
    kubernetes,
    network,
    node,
    reviews,
    services,
    sidecar,
    squid,
    supervisor,
    toolchain,
)
from deploy.local import running as record
from deploy.local.cache import CACHE, Artifact, ensure
from deploy.local.errors import SetupError
from deploy.local.forge_server import ACCOUNT
from deploy.local.forge_setup import ForgeAccess
from deploy.local.profile import STATE, Profile
from deploy.local.program import Program
from deploy.local.readiness import wait_until_ready
from deploy.local.report import console, step
from deploy.local.run import run
from deploy.local.running import Action, Running

CHECKOUT = services.CHECKOUT


def build() -> None:
    """Bring every binary and image that the platform needs into the cache. Raises SetupError."""
    host.install()
    toolchain.provide()
    missing = [artifact for artifact in artifacts() if not artifact.folder.exists()]
    if missing:
        minutes = sum(artifact.usual_seconds for artifact in missing) // 60 + 1
        console.print(
            f"  {len(missing)} programs and images to build, about {minutes} min on two cores; once on this machine"
        )
    for artifact in missing:
        try:
            ensure(artifact)
        except (subprocess.CalledProcessError, OSError, httpx.HTTPError) as error:
            raise SetupError(
                f"Building {artifact.name} failed: {error}. Check that the package registries can be reached and run this again."
            ) from error


def artifacts() -> list[Artifact]:
    own = [*debian.artifacts(), squid.artifact(), kubernetes.artifact(), buildkit.artifact(), builder.runc_artifact()]
    return [*own, sidecar.artifact(), *addons.artifacts(), *forge.artifacts(), *images.artifacts()]


def up(profile: Profile, fresh: bool = False) -> None:
    """Bring the profile's platform to a healthy end, whatever was there before. Raises SetupError.

    `fresh`: with new state.
    """
    host.check(profile)
    build()
    action = _take_over(profile, fresh)
    with step("programs", 3):
        programs = _prepare(profile)
        started = _start(profile, programs) if action is Action.START else _update(profile, programs)
    with step("Kubernetes", 8):
        cluster.wait_for_api(profile)
        cluster.authorise(profile)
        cluster.apply_definitions(profile)
        cluster.apply_reviews(profile)
    with step("images into the registry", 10) as current:
        images.push_library(profile, current.say)
    with step("the node", 10):
        cluster.wait_for_node(profile, started.started)
    with step("DNS, metrics, volumes", 20) as current:
        addons.install(profile, cluster.kubectl_path(), profile.kubeconfig("admin"), current.say)
        cluster.wait_for_pods(profile, started.started)
    with step("forge", 3):
        access = forge.configure(profile)
    # Before the product: whoever works on it needs the platform most when it doesn't start.
    announce.write(profile, access, api_token(profile))
    with step("API, worker, egress", 5):
        _start_product(profile, programs, access)
        # A pod that was ready may have missed a probe since, while all else started beside it.
        cluster.wait_for_pods(profile, started.started)
    announce.greet(profile, access)


def down() -> None:
    """Stop whatever platform runs on this machine, and leave nothing of it but its state."""
    running = record.read()
    with step("stopping", 5):
        if running and running.is_alive:
            supervisor.stop(running.pid)
        if host.has_network_tools():
            builder.close_network()
            network.close_network(running.kernel_settings if running else {})
        cgroups.remove()
        supervisor.remove_mount_points()
    if running:
        # Tests and tools of that checkout would otherwise ask a platform that is gone.
        announce.local_file(Path(running.checkout)).unlink(missing_ok=True)
    record.forget()


def purge() -> None:
    """`down`, and no state, no cache and no account of any profile. Debian packages stay installed, and Go keeps its own caches."""
    down()
    with step("removing state and cache", 10):
        for folder in (STATE, CACHE, announce.local_file(CHECKOUT).parent, record.RECORD.parent):
            _remove(folder)
        run("userdel", ACCOUNT, check=False)


def _take_over(profile: Profile, fresh: bool) -> Action:
    """Stop what is in the way; KEEP or START is left to do."""
    running = record.read()
    action = record.decide(
        running, running is not None and running.is_alive, (str(CHECKOUT), profile.name, str(profile.state)), fresh
    )
    if action is Action.KEEP:
        return action
    if running and action is Action.REPLACE:
        console.print(f"  taking over from profile {running.profile} of {running.checkout}")
    down()
    if fresh:
        _remove(profile.state)
    host.check_ports(profile)
    host.check_address()
    return Action.START


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)


def _start(profile: Profile, programs: list[Program]) -> Running:
    changed = network.open_network()
    builder.open_network(profile.ports)
    supervisor.configure(profile, programs)
    # Addresses given to pods of an earlier start are free again: none of those pods has a network any more.
    for stale in (profile.state / "run" / "addresses", profile.state / "cni"):
        _remove(stale)
    cgroups.make()
    path = [debian.program(name).parent for name in ("containerd", "runc")]
    pid = supervisor.start(profile, path)
    # At once, so that a start that is cut off here is found by the next one.
    running = record.record(pid, CHECKOUT, profile.name, profile.state, changed)
    supervisor.wait_for_answer(profile, pid)
    wait_until_ready(profile, programs)
    return running


def _update(profile: Profile, programs: list[Program]) -> Running:
    """The running platform again, with what changed in this checkout since."""
    running = record.read()
    assert running is not None, "only what runs is kept"
    builder.open_network(profile.ports)
    supervisor.configure(profile, programs)
    # The product goes on meanwhile; it starts anew at its turn.
    supervisor.update(profile, [program.name for program in programs])
    wait_until_ready(profile, programs)
    return running


def _prepare(profile: Profile) -> list[Program]:
    """Folders, certificates and configuration in the state folder; the platform's programs."""
    for folder in ("run", "logs", "secrets"):
        (profile.state / folder).mkdir(parents=True, exist_ok=True, mode=0o700)
    credentials.prepare(profile)
    reviews.prepare(profile)
    forge.prepare(profile)
    egress.prepare(profile)
    beside = [services.registry(profile), services.temporal(profile), services.ingress(profile), forge.program(profile)]
    return [*node.programs(profile), *beside, builder.program(profile), *addons.programs(profile)]


def _start_product(profile: Profile, programs: list[Program], access: ForgeAccess) -> None:
    """Anew each time: its code is this checkout's, and may have changed without its configuration."""
    product = services.product(profile, access, api_token(profile))
    before = {program.name for program in supervisor.states(profile)}
    supervisor.configure(profile, [*programs, *product])
    supervisor.update(profile)
    if old := before & {program.name for program in product}:
        supervisor.restart(profile, old)
    wait_until_ready(profile, product)


def api_token(profile: Profile) -> str:
    """Made once per state."""
    file = profile.secret("api-token")
    if not file.exists():
        files.write(file, secrets.token_urlsafe(32), 0o600)
    return file.read_text()
