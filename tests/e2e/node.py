"""The running local platform as its tests see it: kubectl, buildctl, namespaces that go away."""

import json
import secrets
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from deploy.local import buildkit, cluster
from environments.fetching import build_arguments
from tests.missing import missing

LOCAL = Path(__file__).parents[2] / ".catalyst" / "local.json"


def local_platform() -> dict[str, Any]:
    """What `make up` wrote; skips the test without it, or fails it where CATALYST_REQUIRE_PLATFORM says so."""
    if LOCAL.exists():
        return dict(json.loads(LOCAL.read_text()))
    missing("No platform runs: start it with `make up`")


def kubectl(*arguments: str, objects: list[dict[str, Any]] | None = None, timeout: float = 60) -> str:
    """Its output, as administrator. `objects`: handed to it on standard input."""
    command = [str(cluster.kubectl_path()), f"--kubeconfig={local_platform()['admin_kubeconfig']}", *arguments]
    given = "\n---\n".join(json.dumps(entry) for entry in objects) if objects else None
    done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=timeout, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def build(folder: Path, image: str, *options: str, dockerfile: Path | None = None) -> str:
    """Build the folder's Dockerfile with the platform's builder and push it; the output, success or not.

    Its steps get out as the platform's own do, to the package registries.
    `dockerfile`: the folder that holds it, where it isn't the context; `options`: more of buildctl's.
    """
    platform = local_platform()
    command = [
        str(buildkit.artifact().folder / "buildctl"),
        f"--addr={platform['buildkit']}",
        "build",
        "--progress=plain",
    ]
    command += ["--no-cache", "--frontend=dockerfile.v0", f"--local=context={folder}"]
    command += [f"--local=dockerfile={dockerfile or folder}", *options]
    proxy = build_arguments(platform["build_proxy"], ())
    command += [f"--opt=build-arg:{name}={value}" for name, value in proxy.items()]
    command += [f"--output=type=image,push=true,name={platform['registry']}/{image}"]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False).stderr


@contextmanager
def namespace(prefix: str) -> Iterator[str]:
    name = f"{prefix}-{secrets.token_hex(3)}"
    kubectl("create", "namespace", name)
    try:
        yield name
    finally:
        # Its end is waited for only where a test is about it.
        kubectl("delete", "namespace", name, "--wait=false")


def pod(name: str, image: str, command: list[str], **spec: Any) -> dict[str, Any]:
    container = {"name": "main", "image": image, "command": command} | spec.pop("container", {})
    whole = {"terminationGracePeriodSeconds": 1, "containers": [container]} | spec
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": name}}, "spec": whole}


def run(namespace: str, *objects: dict[str, Any]) -> None:
    """Apply, and wait until all pods of the namespace are ready."""
    kubectl("apply", f"--namespace={namespace}", "--filename=-", objects=list(objects))
    kubectl("wait", f"--namespace={namespace}", "--for=condition=Ready", "pod", "--all", "--timeout=90s", timeout=100)


def inside(namespace: str, name: str, script: str) -> str:
    return kubectl("exec", f"--namespace={namespace}", name, "--", "sh", "-c", script)


def eventually(condition: Callable[[], object], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} within {seconds} s"
        time.sleep(0.5)
