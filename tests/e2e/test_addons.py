"""What the node offers to pods: names, volumes, figures, and walls between namespaces."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.local.profile import PLATFORM_ADDRESS, Ports
from tests.e2e.node import eventually, inside, kubectl, local_platform, namespace, pod, run
from tests.patience import PATIENCE_SECONDS

SLEEP = ["sleep", "600"]
CLOSED_TO_OTHERS = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "closed"},
    "spec": {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{"from": [{"podSelector": {}}]}]},
}


@pytest.fixture
def home() -> Iterator[str]:
    local_platform()
    with namespace("addons") as name:
        yield name


def _service(name: str, port: int, app: str | None = None) -> dict[str, Any]:
    spec = {"selector": {"app": app or name}, "ports": [{"port": port}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def test_a_pod_resolves_services_previews_and_the_outside(home: str) -> None:
    run(home, pod("shell", "catalyst/shell:1", SLEEP), _service("front", 80, app="shell"))
    assert f"front.{home}.svc.cluster.local" in inside(home, "shell", "getent hosts front")
    for preview in ("pr-1.localhost", "deep.name.localhost"):
        assert inside(home, "shell", f"getent ahostsv4 {preview}").startswith(PLATFORM_ADDRESS)
    # The image's own package mirror.
    assert inside(home, "shell", "getent hosts $(awk -F/ '/^deb/ {print $3; exit}' /etc/apt/sources.list)")


def test_a_pod_reaches_the_ingress_by_a_previews_name(home: str) -> None:
    run(home, pod("shell", "catalyst/shell:1", SLEEP))
    url = f"http://{PLATFORM_ADDRESS}:{Ports().ingress}/"
    answer = inside(home, "shell", f"curl -sS -o /dev/null -w '%{{http_code}}' -H 'Host: nobody.localhost' {url}")
    assert answer == "404"


def test_a_policy_keeps_other_namespaces_out_and_its_own_in(home: str) -> None:
    run(
        home,
        pod("web", "nginx:1.22", ["nginx", "-g", "daemon off;"]),
        pod("friend", "catalyst/shell:1", SLEEP),
        _service("web", 80),
    )
    url = f"http://web.{home}.svc.cluster.local"
    with namespace("stranger") as other:
        run(other, pod("shell", "catalyst/shell:1", SLEEP))
        knock = f"curl -s -m 2 -o /dev/null -w '%{{http_code}}' {url} || true"
        eventually(lambda: inside(other, "shell", knock) == "200", 10, "open before there is a policy")
        kubectl("apply", f"--namespace={home}", "--filename=-", objects=[CLOSED_TO_OTHERS])
        eventually(lambda: inside(other, "shell", knock) == "000", 10, "closed to strangers")
        assert inside(home, "friend", knock) == "200"


def test_a_claim_becomes_a_folder_and_goes_with_its_namespace() -> None:
    volumes = Path(local_platform()["state"]) / "volumes"
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    mounted = {"container": {"volumeMounts": [{"name": "data", "mountPath": "/data"}]}}
    volume = {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]}
    with namespace("volumes") as name:
        run(name, claim, pod("writer", "busybox:1.35", SLEEP, **mounted, **volume))
        inside(name, "writer", "echo kept > /data/file")
        (folder,) = volumes.glob(f"*_{name}_data")
        assert (folder / "file").read_text() == "kept\n"
    eventually(lambda: not folder.exists(), PATIENCE_SECONDS, "the volume's folder is gone")


def test_figures_of_pods_are_served() -> None:
    local_platform()
    found = json.loads(kubectl("get", "--raw", "/apis/metrics.k8s.io/v1beta1/namespaces/kube-system/pods"))
    assert any(entry["metadata"]["name"].startswith("coredns-") for entry in found["items"])


def test_postgres_starts_as_people_know_it(home: str) -> None:
    variables = {"POSTGRES_USER": "app", "POSTGRES_PASSWORD": "it's secret", "POSTGRES_DB": "shop"}
    init = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "init"},
        "data": {"1.sql": "create table orders (n int);"},
    }
    container = {
        "env": [{"name": name, "value": value} for name, value in variables.items()],
        "volumeMounts": [{"name": "init", "mountPath": "/docker-entrypoint-initdb.d"}],
        "readinessProbe": {"tcpSocket": {"port": 5432}, "periodSeconds": 1},
    }
    database = pod(
        "db", "postgres:15", [], container=container, volumes=[{"name": "init", "configMap": {"name": "init"}}]
    )
    del database["spec"]["containers"][0]["command"]
    run(home, init, database, _service("db", 5432))
    ask = "psql -h db -U app -d shop -Atc 'select count(*) from orders'"
    assert inside(home, "db", f'PGPASSWORD="it\'s secret" {ask}') == "0\n"
    assert "no password supplied" in inside(home, "db", f"{ask} -w 2>&1 || true")


def test_redis_answers_other_pods(home: str) -> None:
    arguments = {
        "args": ["redis-server", "--appendonly", "yes"],
        "readinessProbe": {"tcpSocket": {"port": 6379}, "periodSeconds": 1},
    }
    database = pod("cache", "redis:7", [], container=arguments)
    del database["spec"]["containers"][0]["command"]
    run(home, database, _service("cache", 6379), pod("shell", "redis:7", SLEEP))
    assert inside(home, "shell", "redis-cli -h cache set a 1") == "OK\n"
    assert inside(home, "shell", "redis-cli -h cache config get appendonly").split() == ["appendonly", "yes"]
