"""RUN steps are strangers' code: they reach the package registries and nothing of the platform or its host."""

import re
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.profile import PLATFORM_ADDRESS, Ports
from tests.e2e import metadata
from tests.e2e.node import build, inside, kubectl, local_platform, namespace, pod, run

PORTS = Ports()
CLOSED = {
    "the API server": (PLATFORM_ADDRESS, PORTS.kubernetes),
    "the API server as a service": ("10.96.0.1", 443),
    "the kubelet": (PLATFORM_ADDRESS, 10250),
    "the names of everybody's services": ("10.96.0.10", 53),
    "the registry": ("127.0.0.1", PORTS.registry),
    "Temporal": ("127.0.0.1", PORTS.temporal),
    "the registry through the bridge": ("10.245.0.1", PORTS.registry),
}
PROBE = "timeout {seconds} bash -c '</dev/tcp/{host}/{port}' 2>/dev/null && echo REACHED {host}:{port} || echo shut {host}:{port}"


def _dockerfile(folder: Path, *steps: str, base: str = "catalyst/shell:1") -> Path:
    (folder / "Dockerfile").write_text("\n".join([f"FROM {base}", *(f"RUN {step}" for step in steps)]) + "\n")
    return folder


@pytest.fixture
def neighbour() -> Iterator[str]:
    """Address of another team's pod with an open port."""
    local_platform()
    with namespace("neighbour") as name:
        run(name, pod("web", "nginx:1.22", ["nginx", "-g", "daemon off;"]))
        yield kubectl("get", "pod", "web", f"--namespace={name}", "--output=jsonpath={.status.podIP}")


def test_a_step_reaches_the_ingress_and_nothing_else_of_the_platform(tmp_path: Path, neighbour: str) -> None:
    closed = CLOSED | {"another team's pod": (neighbour, 80), "metadata": (metadata.ADDRESS, metadata.PORT)}
    probes = [PROBE.format(host=host, port=port, seconds=2) for host, port in closed.values()]
    ingress = PROBE.format(host=PLATFORM_ADDRESS, port=PORTS.ingress, seconds=20)
    with metadata.metadata_service():
        output = build(_dockerfile(tmp_path, *probes, ingress), f"e2e/closed:{secrets.token_hex(4)}")
    # Lines that a step wrote, not the ones that name its command.
    said = {place: word for word, place in re.findall(r"^#\d+ [\d.]+ (shut|REACHED) (\S+)$", output, re.MULTILINE)}
    expected = {f"{host}:{port}": "shut" for host, port in closed.values()}
    assert said == expected | {f"{PLATFORM_ADDRESS}:{PORTS.ingress}": "REACHED"}, output[-3000:]


@pytest.mark.parametrize(
    ("base", "step", "proof"),
    [
        ("node:22", "npm install --prefix /app is-odd@3.0.1", "ls /app/node_modules/is-odd/package.json"),
        ("python:3.11", "pip install --quiet six==1.16.0", "python -c 'import six; print(six.__file__)'"),
        ("debian:bookworm-slim", "apt-get update -qq && apt-get install -qq ca-certificates", "ls /etc/ssl/certs/ca-certificates.crt"),
    ],
)  # fmt: skip
def test_packages_install_in_a_dockerfile_that_knows_nothing_of_this_host(
    tmp_path: Path, base: str, step: str, proof: str
) -> None:
    image = f"e2e/packages:{secrets.token_hex(4)}"
    output = build(_dockerfile(tmp_path, step, base=base), image)
    assert "exporting to image" in output, output[-3000:]
    with namespace("packages") as name:
        run(name, pod("main", f"{local_platform()['registry']}/{image}", ["sleep", "600"]))
        assert inside(name, "main", proof)
        # What let the step reach the registry is no part of the image.
        assert "catalyst/ca" not in inside(
            name, "main", "env; find /dev /etc/ssl -name 'ca-certificates.crt' -path '*catalyst*'"
        )
