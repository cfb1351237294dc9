"""The way outside: approved hosts by the proxy from pods and from build steps, nobody without it, and what was refused is told."""

import json
import os
import shlex
import shutil
import subprocess
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from deploy.local.profile import PLATFORM_ADDRESS
from environments.egress import PORTS_NAME, project_key
from environments.model import EnvironmentIdentity
from environments.names import preview_name
from environments.permissions import HOME
from tests.e2e.test_samples import starts_to_listen
from tests.e2e.world import Platform, Preview, sample

APPLIED_SECONDS = 90
"""A new pod's address reaches the network rules, and a new list the proxy, some moments later."""
LOG_SECONDS = 90
REFUSED = "unapproved.example.com"
"""It belongs to nobody (RFC 2606), and is asked about nowhere: the proxy refuses the name before it looks it up."""
ASK = r"""
url=${2:-$HTTPS_PROXY}; url=${url#http://}; at=${url##*@}; user=
[ "$at" = "$url" ] || user="Proxy-Authorization: Basic $(printf %s "${url%@*}" | base64 -w0)\r\n"
for attempt in 1 2 3; do exec 3<>"/dev/tcp/${at%:*}/${at#*:}" && break; [ $attempt = 3 ] && exit 0; sleep 0.3; done
printf "CONNECT $1 HTTP/1.1\r\nHost: $1\r\n$user\r\n" >&3
echo "said $(head -1 <&3)"
"""
"""Asks a proxy (the one it was told of, or the second argument) for a tunnel to the first argument, and says its answer. Tries
again as programs do: squid closes its ports for a moment when it reads another project's rules."""
DIRECT = "timeout 5 bash -c '</dev/tcp/{host}/{port}' 2>/dev/null && echo reached || echo shut"
BASE = "catalyst/shell:1"


@pytest.fixture
def shell(platform: Platform) -> Preview:
    preview = platform.opened(sample("unrecognised"))
    preview.becomes("Ready")
    starts_to_listen(preview)
    return preview


def _registries() -> dict[str, str]:
    """`host:port` of the package registries as this machine is set up for them."""
    found = {"npm": _setting("npm", "config", "get", "registry") or "https://registry.npmjs.org/"}
    index = _setting("pip", "config", "get", "global.index-url") or os.environ.get("PIP_INDEX_URL")
    found["pip"] = index or "https://pypi.org/simple"
    urls = {what: urlsplit(url.strip()) for what, url in found.items()}
    return {what: f"{url.hostname}:{url.port or {'http': 80}.get(url.scheme, 443)}" for what, url in urls.items()}


def _setting(*command: str) -> str:
    if shutil.which(command[0]) is None:
        return ""
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def _proxy(preview: Preview) -> tuple[str, int]:
    """As its pod is told it."""
    url = urlsplit(preview.runs("echo $HTTPS_PROXY").strip())
    assert url.hostname == PLATFORM_ADDRESS and url.port is not None
    return url.hostname, url.port


def _tunnel(preview: Preview, port: int, place: str) -> str:
    """The proxy's answer to a request for a tunnel; empty when it isn't reached."""
    proxy = f"{PLATFORM_ADDRESS}:{port}"
    said = preview.runs(f"timeout 20 bash -c {shlex.quote(ASK)} ask {place} {proxy} 2>/dev/null || true")
    return said.strip().removeprefix("said ")


def _allow(preview: Preview, *hosts: str) -> None:
    patch = json.dumps({"spec": {"egress": {"allowedHosts": list(hosts)}}})
    where = ("--namespace", preview.repository.team, preview.repository.name)
    preview.machine.kubectl("patch", "projects", *where, "--type=merge", f"--patch={patch}")


def _ports(preview: Preview) -> dict[str, str]:
    found = preview.machine.get("configmap", PORTS_NAME, HOME)
    assert found is not None
    return dict(found["data"])


def _key(preview: Preview) -> str:
    team, project = preview.repository.team, preview.repository.name
    return project_key(EnvironmentIdentity(team=team, project=project, environment=preview_name(preview.number)))


def _is_told(preview: Preview, host: str) -> None:
    def look() -> bool:
        return f"{host} was refused" in preview.log("egress") and "spec.egress.allowedHosts" in preview.log("egress")

    preview.until(look, LOG_SECONDS, f"its log names {host}")


def test_a_pod_reaches_the_package_registries_by_the_proxy_only(shell: Preview) -> None:
    _, port = _proxy(shell)
    assert _ports(shell)[_key(shell)] == str(port)
    for what, place in _registries().items():
        shell.until(_answers(shell, port, place, " 200 "), APPLIED_SECONDS, f"it reaches {what}")
        host, _, number = place.partition(":")
        assert shell.runs(DIRECT.format(host=host, port=number)).strip() == "shut", f"{what} without the proxy"


def test_an_unapproved_host_is_refused_and_told_with_what_would_allow_it(shell: Preview) -> None:
    _, port = _proxy(shell)
    registry = _registries()["npm"]
    shell.until(_answers(shell, port, registry, " 200 "), APPLIED_SECONDS, "it gets out at all")
    assert " 403 " in _tunnel(shell, port, f"{REFUSED}:443")
    _is_told(shell, REFUSED)
    assert f"{shell.repository.team}/{shell.repository.name}" in shell.log("egress")


def test_a_projects_list_holds_without_a_rollout(shell: Preview) -> None:
    _, port = _proxy(shell)
    registry = _registries()["npm"]
    host = registry.partition(":")[0]
    rollout = shell.report()["rollout"]
    expected: list[tuple[tuple[str, ...], str]] = [((), " 403 "), ((host,), " 200 "), (("default",), " 200 ")]
    for hosts, status in expected:
        _allow(shell, *hosts)
        shell.until(_answers(shell, port, registry, status), APPLIED_SECONDS, f"{hosts} gives{status}")
    assert shell.report()["rollout"] == rollout


def _answers(preview: Preview, port: int, place: str, status: str) -> Callable[[], bool]:
    return lambda: status in _tunnel(preview, port, place)


def test_no_preview_gets_out_by_another_projects_port(platform: Platform, shell: Preview) -> None:
    other = platform.opened(sample("unrecognised"))
    other.becomes("Ready")
    _, own = _proxy(shell)
    _, others = _proxy(other)
    registry = _registries()["npm"]
    shell.until(_answers(shell, own, registry, " 200 "), APPLIED_SECONDS, "it gets out by its own")
    assert own != others and _tunnel(shell, others, registry) == "", "it reaches another project's port"
    assert _tunnel(shell, _builds_port(platform), registry) == "", "it reaches the port of builds"


def _builds_port(platform: Platform) -> int:
    return urlsplit(platform.local["build_proxy"]).port or 80


def test_an_approved_name_doesnt_lead_inside(shell: Preview) -> None:
    """Names of the cluster resolve on the proxy's machine for nobody; its own addresses have no name that is approved."""
    _, port = _proxy(shell)
    for place in (f"{PLATFORM_ADDRESS}:6443", "kubernetes.default.svc:443", "127.0.0.1:443", "localhost:443"):
        answer = _tunnel(shell, port, place)
        assert " 403 " in answer or " 400 " in answer, (place, answer)


def _built(*steps: str) -> dict[str, str]:
    """Files of a repository whose build runs these."""
    lines = [f"FROM {BASE}", "COPY ask.sh /ask.sh", *(f"RUN {step}" for step in steps)]
    return {"ask.sh": ASK, "Dockerfile": "\n".join([*lines, 'CMD ["sleep", "infinity"]']) + "\n"}


def _lines(text: str) -> list[str]:
    """What steps were answered, in order."""
    return [line.partition(" said ")[2] for line in text.splitlines() if " said HTTP" in line]


def test_a_build_reaches_approved_hosts_and_what_it_was_refused_is_told(platform: Platform) -> None:
    registry = _registries()["npm"]
    host, _, port = registry.partition(":")
    direct = f"timeout 5 bash -c '</dev/tcp/{host}/{port}' 2>/dev/null && echo DIRECT-$((40+2)) || echo no-way"
    other = (
        f"timeout 5 bash -c '</dev/tcp/{PLATFORM_ADDRESS}/{_builds_port(platform) + 1}' && echo OTHER-$((40+2)) || true"
    )
    # Of its own each time, or the steps would come from BuildKit's cache and ask nobody.
    ask = f"true {uuid.uuid4().hex}; timeout 30 bash /ask.sh"
    preview = platform.opened(_built(f"{ask} {registry}", f"{ask} {REFUSED}:443", direct, other))
    said: list[str] = preview.until(lambda: _at_least(2, _lines(preview.log("build"))), 180, "its steps have asked")
    assert " 200 " in said[0] and " 403 " in said[1]
    _is_told(preview, REFUSED)
    preview.until(lambda: "exporting" in preview.log("build"), 120, "it is built")
    assert "DIRECT-42" not in preview.log("build"), "a step gets out without the proxy"
    assert "OTHER-42" not in preview.log("build"), "a step reaches a project's port"


def _at_least(number: int, found: list[str]) -> list[str]:
    return found if len(found) >= number else []


def test_the_builder_itself_fetches_from_approved_hosts_only(platform: Platform) -> None:
    preview = platform.opened({"Dockerfile": f"FROM {BASE}\nADD https://{REFUSED}/x /x\n"})
    report: dict[str, Any] = preview.becomes("Failed")
    assert REFUSED in report["message"] and "spec.egress.allowedHosts" in report["message"]
