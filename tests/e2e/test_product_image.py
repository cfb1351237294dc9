"""The product's own image: built by the platform's builder, started once as a pod with a service account that has the generated role."""

import json
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.local import buildkit
from environments.permissions import ACCOUNT, NAME, RBAC
from tests.e2e.node import build, inside, kubectl, local_platform, namespace, pod, run

ROOT = Path(__file__).parents[2]
PORT = 8700
ASKED = """
import asyncio
from activities.kinds import NODE
from activities.protocols import Kind
from gateways.cluster.errors import ClusterForbidden
from gateways.cluster.kubernetes import KubernetesCluster

async def main():
    cluster = await KubernetesCluster.connect()
    print("nodes", len(await cluster.list(NODE)))
    try:
        await cluster.list(Kind("v1", "Secret"))
    except ClusterForbidden:
        print("no secrets")
    await cluster.aclose()

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> str:
    platform = local_platform()
    buildctl = tmp_path_factory.mktemp("buildctl")
    (buildctl / "usr" / "bin").mkdir(parents=True)
    shutil.copy(buildkit.artifact().folder / "buildctl", buildctl / "usr" / "bin")
    name = f"e2e/product:{secrets.token_hex(4)}"
    options = (f"--local=buildctl={buildctl}", "--opt=context:buildctl=local:buildctl")
    output = build(ROOT, name, *options, dockerfile=ROOT / "deploy" / "images")
    assert "error: failed to solve" not in output, output[-3000:]
    return f"{platform['registry']}/{name}"


@pytest.fixture(scope="module")
def home(image: str) -> Iterator[str]:
    """A namespace with the pod in it, and the account that it runs as."""
    with namespace("product") as name:
        binding = _binding(name)
        kubectl("apply", "--filename=-", objects=[_account(name), binding])
        try:
            run(name, _pod(image))
            yield name
        finally:
            kubectl("delete", "clusterrolebinding", binding["metadata"]["name"])


def _account(home: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"namespace": home, "name": ACCOUNT}}


def _binding(home: str) -> dict[str, Any]:
    """Of the platform's own role, under a name of its own: the platform's account keeps its binding."""
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": f"{NAME}-{home}"},
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": NAME},
        "subjects": [{"kind": "ServiceAccount", "namespace": home, "name": ACCOUNT}],
    }


def _pod(image: str) -> dict[str, Any]:
    """As strict as Pod Security can be: `restricted`."""
    settings = {
        "CATALYST_API__HOST": "0.0.0.0",
        "CATALYST_BOOTSTRAP_TOKEN": "token",
        "TEMPORAL_ADDRESS": "127.0.0.1:9",
    }
    container = {
        "env": [{"name": name, "value": value} for name, value in settings.items()],
        "readinessProbe": {"httpGet": {"path": "/healthz", "port": PORT}, "periodSeconds": 1},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        "volumeMounts": [{"name": "state", "mountPath": "/var/lib/catalyst"}],
    }
    strict = {"runAsNonRoot": True, "fsGroup": 10001, "seccompProfile": {"type": "RuntimeDefault"}}
    volumes = [{"name": "state", "emptyDir": {}}]
    api = ["python", "-m", "api"]
    return pod(
        "api", image, api, container=container, serviceAccountName=ACCOUNT, securityContext=strict, volumes=volumes
    )


def test_the_api_answers_and_tells_that_temporal_is_away(home: str) -> None:
    ask = f"import urllib.request as r; print(r.urlopen('http://127.0.0.1:{PORT}/readyz').read().decode())"
    told = json.loads(inside(home, "api", f'python -c "{ask}"'))
    assert told["database"] == "ok" and "Temporal" in told["temporal"]


def test_its_account_may_what_the_role_says_and_no_more(home: str) -> None:
    assert inside(home, "api", f"python - <<'EOF'\n{ASKED}\nEOF").split("\n")[:2] == ["nodes 1", "no secrets"]


def test_the_worker_and_its_programs_are_in_the_same_image(home: str) -> None:
    told = inside(home, "api", "id -u && git --version && buildctl --version && python -c 'import worker.__main__'")
    assert told.startswith("10001\ngit version ") and "buildctl" in told
