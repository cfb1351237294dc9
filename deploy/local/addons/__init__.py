"""What a cluster needs beside Kubernetes' own programs: DNS, metrics, volumes, an ingress class, enforced network policies.

DNS, metrics and volumes run as pods from images of one file; the policy controller works on the host's iptables and
runs there, under the supervisor.
"""

import subprocess
from collections.abc import Callable
from pathlib import Path
from string import Template

from deploy.local import images
from deploy.local.addons import artifacts as programs_of
from deploy.local.addons.resolvers import resolvers
from deploy.local.cache import Artifact, ensure
from deploy.local.profile import PLATFORM_ADDRESS, SERVICE_RANGE, Profile
from deploy.local.program import Program

DNS_ADDRESS = "10.96.0.10"
"""The kubelet's `clusterDNS`; inside SERVICE_RANGE."""
STORAGE_CLASS = "local-path"
INGRESS_CLASS = "traefik"
WAIT = "120s"

MANIFESTS = Path(__file__).parent / "manifests"
WAITED_FOR = {
    "deployment/coredns": "kube-system",
    "deployment/metrics-server": "kube-system",
    "deployment/local-path-provisioner": "local-path-storage",
}


def artifacts() -> list[Artifact]:
    """All programs of the addons."""
    return programs_of.artifacts()


def programs(profile: Profile) -> list[Program]:
    """The host processes: the network policy controller."""
    netpol = ensure(programs_of.network_policy()) / "netpol"
    kubeconfig = profile.kubeconfig("netpol")
    command = (
        str(netpol),
        f"--kubeconfig={kubeconfig}",
        f"--address={PLATFORM_ADDRESS}",
        f"--service-range={SERVICE_RANGE}",
    )
    return [Program("netpol", command, priority=300)]


def install(profile: Profile, kubectl: Path, kubeconfig: Path, report: Callable[[str], None]) -> None:
    """Apply the addons (again) and wait until they answer.

    The node must be Ready and the registry up. Raises httpx.HTTPError and subprocess.CalledProcessError.
    """
    images.push_addons(profile, report)
    command = [str(kubectl), f"--kubeconfig={kubeconfig}"]
    apply = [
        *command,
        "apply",
        "--server-side",
        "--force-conflicts",
        "--field-manager=catalyst-platform",
        "--filename=-",
    ]
    subprocess.run(apply, input=manifests(profile).encode(), check=True, stdout=subprocess.DEVNULL)
    for deployment, namespace in WAITED_FOR.items():
        report(f"waiting for {deployment.removeprefix('deployment/')}")
        ready = ["rollout", "status", f"--namespace={namespace}", deployment, f"--timeout={WAIT}"]
        subprocess.run([*command, *ready], check=True, stdout=subprocess.DEVNULL)
    # While an aggregated API doesn't answer, no namespace can be deleted.
    served = ["wait", "--for=condition=Available", "apiservice/v1beta1.metrics.k8s.io", f"--timeout={WAIT}"]
    subprocess.run([*command, *served], check=True, stdout=subprocess.DEVNULL)


def manifests(profile: Profile) -> str:
    """All objects of the addons as one YAML stream."""
    values = {
        "dns_address": DNS_ADDRESS,
        "platform_address": PLATFORM_ADDRESS,
        "resolvers": " ".join(resolvers()),
        "volumes": str(profile.state / "volumes"),
        "storage_class": STORAGE_CLASS,
        "ingress_class": INGRESS_CLASS,
        "busybox": images.local(profile, images.BUSYBOX),
    }
    values |= {name.replace("-", "_"): images.local(profile, images.addon(name)) for name in programs_of.VERSIONS}
    texts = [Template(file.read_text()).substitute(values) for file in sorted(MANIFESTS.glob("*.yaml"))]
    return "\n---\n".join(texts)
