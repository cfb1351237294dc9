"""What a preview reaches, and what it doesn't: asked from inside, in real pods, with one tool for both answers."""

from typing import NamedTuple
from urllib.parse import urlsplit

import pytest

from deploy.local.network import POD_GATEWAY
from deploy.local.profile import PLATFORM_ADDRESS
from tests.e2e import metadata
from tests.e2e.machine import CommandFailed
from tests.e2e.metadata import metadata_service
from tests.e2e.test_samples import starts_to_listen
from tests.e2e.world import Platform, Preview, sample
from tests.patience import PATIENCE_SECONDS

CONNECT_SECONDS = 5
CONNECT = f"""
try() {{ timeout {CONNECT_SECONDS} bash -c "exec 3<>/dev/tcp/$2/$3" 2>/dev/null && echo $1; }}"""
KUBELET = 10250
APPLIED_SECONDS = 90
"""A new pod's address reaches the network rules some moments after it runs."""


class Place(NamedTuple):
    what: str
    host: str
    port: int


def _reached(preview: Preview, places: list[Place]) -> list[Place]:
    """Those to which a TCP connection comes about, asked all at once; names are resolved inside."""
    lines = [f"try {number} {place.host} {place.port} &" for number, place in enumerate(places)]
    said = preview.runs("\n".join([CONNECT, *lines, "wait"]))
    return [places[number] for number in sorted(map(int, said.split()))]


@pytest.fixture
def first(platform: Platform) -> Preview:
    """A shell in which somebody listens."""
    preview = platform.opened(sample("unrecognised"))
    preview.becomes("Ready")
    starts_to_listen(preview)
    preview.answers("somebody listens here")
    return preview


def _port(address: str) -> int:
    parsed = urlsplit(address if "://" in address else f"//{address}")
    assert parsed.port is not None
    return parsed.port


def test_two_environments_cannot_reach_each_other(platform: Platform, first: Preview) -> None:
    second = platform.opened(sample("unrecognised"))
    second.becomes("Ready")
    pod = next(each for each in first.pods() if each["status"]["phase"] == "Running")
    service = first.machine.get("service", "web", first.namespace)
    assert service is not None
    listening = pod["spec"]["containers"][0]["ports"][0]["containerPort"]
    places = [
        Place("its pod", pod["status"]["podIP"], listening),
        Place("its service", service["spec"]["clusterIP"], 80),
        Place("its service by name", f"web.{first.namespace}", 80),
    ]
    # The same question from the same kind of pod, or silence would say nothing.
    first.until(lambda: len(_reached(first, places)) == len(places), APPLIED_SECONDS, "it reaches its own services")
    assert _reached(second, places) == [], "another team's preview reaches them too"


def test_no_environment_reaches_what_is_inside_the_platform(first: Preview) -> None:
    local, gateway = first.platform.local, POD_GATEWAY.partition("/")[0]
    ports = {"the kubelet": KUBELET, "the API server": _api_server_port(first)}
    names = {"the registry": "registry", "Temporal": "temporal_address", "Temporal's UI": "temporal_ui"}
    names |= {"the forge": "forge_url", "our API": "api_url"}
    ports |= {what: _port(local[name]) for what, name in names.items()}
    places = [Place(what, host, port) for what, port in ports.items() for host in (PLATFORM_ADDRESS, gateway)]
    places += [Place("the API server", "kubernetes.default.svc", 443)]
    assert _reached(first, [*places, Place("itself", "web", 80)]) == [Place("itself", "web", 80)]
    assert not first.runs("ls /var/run/secrets/kubernetes.io 2>/dev/null || true").strip(), "it has a token"


def test_no_environment_reaches_the_nodes_metadata_service(first: Preview) -> None:
    with metadata_service():
        places = [Place("metadata", metadata.ADDRESS, metadata.PORT), Place("itself", "web", 80)]
        assert _reached(first, places) == [Place("itself", "web", 80)]


def test_a_service_account_of_its_own_opens_no_door(first: Preview) -> None:
    """Its namespace's owner may give a pod a token; what the token is good for lies behind the network policy."""
    server, name = Place("the API server", "kubernetes.default.svc", 443), "with-a-token"
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": first.namespace}}
    first.machine.create(account)
    first.machine.create(_pod_with_token(first, name))
    inside = ("exec", "--namespace", first.namespace, name, "--", "bash", "-c")
    first.until(lambda: _is_running(first, name), PATIENCE_SECONDS, "the pod with a token runs")
    assert first.machine.kubectl(*inside, "wc -c < /var/run/secrets/kubernetes.io/serviceaccount/token").strip() != "0"
    places = [server, Place("the kubelet", PLATFORM_ADDRESS, KUBELET)]
    lines = [f"try {number} {place.host} {place.port} &" for number, place in enumerate(places)]
    assert first.machine.kubectl(*inside, "\n".join([CONNECT, *lines, "wait"])).strip() == ""


def _pod_with_token(preview: Preview, name: str) -> dict[str, object]:
    image = next(iter(preview.pods()))["spec"]["containers"][0]["image"]
    container = {"name": "app", "image": image, "command": ["sleep", "600"]}
    spec = {"serviceAccountName": name, "automountServiceAccountToken": True, "containers": [container]}
    metadata = {"name": name, "namespace": preview.namespace}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def _is_running(preview: Preview, name: str) -> bool:
    return any(pod["metadata"]["name"] == name and pod["status"]["phase"] == "Running" for pod in preview.pods())


def test_an_environment_reaches_names_and_its_url(first: Preview) -> None:
    assert first.runs("getent hosts kubernetes.default.svc").strip(), "names are resolved"
    assert "somebody listens here" in _fetched_inside(first), "it doesn't reach its own URL"


def _fetched_inside(preview: Preview) -> str:
    """What its own URL answers it. Not with curl, which takes every `*.localhost` for its own loopback."""
    url = urlsplit(preview.runs("echo $CATALYST_URL").strip())
    request = f"GET / HTTP/1.1\\r\\nHost: {url.netloc}\\r\\nConnection: close\\r\\n\\r\\n"
    return preview.runs(
        f"exec 3<>/dev/tcp/{url.hostname}/{url.port or 80} && printf '{request}' >&3 && timeout 20 cat <&3"
    )


def _api_server_port(preview: Preview) -> int:
    return _port(preview.machine.kubectl("config", "view", "--output=jsonpath={.clusters[0].cluster.server}").strip())


def test_what_keeps_an_environment_in_its_bounds_is_put_back(platform: Platform) -> None:
    preview = platform.opened(sample("prebuilt"))
    preview.becomes("Ready")
    where = ("--namespace", preview.namespace)
    for kind in ("networkpolicy", "resourcequota", "limitrange"):
        before = preview.machine.get(kind, "catalyst-guard", preview.namespace)
        assert before is not None
        try:
            preview.machine.kubectl("delete", kind, "catalyst-guard", *where)
        except CommandFailed as error:
            assert "forbidden" in str(error).lower(), f"neither deleted nor refused: {error}"
            continue

        def is_back(kind: str = kind, uid: str = before["metadata"]["uid"]) -> bool:
            now = preview.machine.get(kind, "catalyst-guard", preview.namespace)
            return now is not None and now["metadata"]["uid"] != uid

        preview.until(is_back, 60, f"the {kind} is put back")
