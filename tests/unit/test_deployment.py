"""Renderers: what holds for the objects of every method, and what is special to one."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from environments import labels
from environments.deployment import render
from environments.deployment.objects import CA_FILE, CA_NAME
from environments.deployment.source import source_dockerfile
from environments.model import (
    CommitSha,
    DeploymentMethod,
    EnvironmentIdentity,
    EnvironmentUid,
    EnvironmentVariable,
    KubernetesObject,
    NamespaceName,
    PlatformAddress,
    RenderRequest,
    Template,
)
from environments.plan import plan

METHODS = list(DeploymentMethod)
TEMPLATES = {
    DeploymentMethod.CONTAINER: Template(method=DeploymentMethod.CONTAINER, port=8000),
    DeploymentMethod.PREBUILT: Template(method=DeploymentMethod.PREBUILT, image="nginx", tag="1.22", port=80),
    DeploymentMethod.SOURCE: Template(
        method=DeploymentMethod.SOURCE,
        image="node:22",
        command="npm run dev",
        install_command="npm ci",
        workdir="web",
        port=3000,
    ),
    DeploymentMethod.SHELL: Template(method=DeploymentMethod.SHELL),
}
LABEL_VALUE = re.compile(r"([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?")


def request_for(method: DeploymentMethod) -> RenderRequest:
    return RenderRequest(
        identity=EnvironmentIdentity(team="acme", project="shop", environment="pr-7"),
        namespace=NamespaceName("acme-shop-pr-7"),
        uid=EnvironmentUid("6e8e9c3a-0000-4000-8000-000000000000"),
        rollout=3,
        sha=CommitSha("0123456789abcdef0123456789abcdef01234567"),
        branch="feature/Login_page",
        template=TEMPLATES[method],
        image="localhost:5000/a/web@sha256:1" if method is DeploymentMethod.CONTAINER else None,
        source_image="localhost:5000/a/source@sha256:2",
        address=PlatformAddress(),
        url="http://acme-shop-pr-7.localhost:8780/",
    )


def rendered(request: RenderRequest) -> dict[str, KubernetesObject]:
    return {obj["kind"]: obj for obj in render(request)}


def pod_of(request: RenderRequest) -> dict[str, Any]:
    spec: dict[str, Any] = rendered(request)["Deployment"]["spec"]["template"]["spec"]
    return spec


def app_of(request: RenderRequest) -> dict[str, Any]:
    app: dict[str, Any] = pod_of(request)["containers"][0]
    return app


def env_of(request: RenderRequest) -> dict[str, str]:
    return {each["name"]: each["value"] for each in app_of(request)["env"]}


@pytest.mark.parametrize("method", METHODS)
def test_every_object_and_pod_says_whose_it_is_and_of_which_rollout(method: DeploymentMethod) -> None:
    objects = render(request_for(method).model_copy(update={"ca_bundle": "PEM"}))
    pods = [obj["spec"]["template"]["metadata"]["labels"] for obj in objects if obj["kind"] == "Deployment"]
    assert len(pods) == 1
    for marks in [*pods, *(obj["metadata"]["labels"] for obj in objects)]:
        assert (
            marks.items()
            >= {
                labels.TEAM: "acme",
                labels.PROJECT: "shop",
                labels.ENVIRONMENT: "pr-7",
                labels.BRANCH: "feature-login-page",
                labels.MANAGED_BY: labels.MANAGER,
                labels.UID: "6e8e9c3a-0000-4000-8000-000000000000",
                labels.ROLLOUT: "3",
            }.items()
        )
    assert {obj["metadata"]["namespace"] for obj in objects} == {"acme-shop-pr-7"}


@given(branch=st.text(max_size=300), method=st.sampled_from(METHODS))
def test_whatever_the_branch_is_called_labels_are_valid(branch: str, method: DeploymentMethod) -> None:
    for obj in render(request_for(method).model_copy(update={"branch": branch})):
        assert all(LABEL_VALUE.fullmatch(value) for value in obj["metadata"]["labels"].values())


@pytest.mark.parametrize("method", METHODS)
def test_a_selector_never_changes_and_finds_its_pods(method: DeploymentMethod) -> None:
    request = request_for(method)
    first = rendered(request)
    second = rendered(request.model_copy(update={"rollout": 4, "branch": "other"}))
    spec, service = first["Deployment"]["spec"], first["Service"]["spec"]
    assert spec["selector"] == second["Deployment"]["spec"]["selector"]
    assert spec["selector"]["matchLabels"].items() <= spec["template"]["metadata"]["labels"].items()
    assert service["selector"] == spec["selector"]["matchLabels"]


@pytest.mark.parametrize("method", METHODS)
def test_a_new_rollout_makes_new_pods(method: DeploymentMethod) -> None:
    request = request_for(method)
    first, second = (rendered(request.model_copy(update={"rollout": n}))["Deployment"] for n in (3, 4))
    assert first["spec"]["template"] != second["spec"]["template"]


@pytest.mark.parametrize("method", METHODS)
def test_the_ingress_leads_through_the_service_to_the_container(method: DeploymentMethod) -> None:
    found = rendered(request_for(method))
    rule = found["Ingress"]["spec"]["rules"][0]
    assert rule["host"] == "acme-shop-pr-7.localhost"
    backend = rule["http"]["paths"][0]["backend"]["service"]
    port = found["Service"]["spec"]["ports"][0]
    container = found["Deployment"]["spec"]["template"]["spec"]["containers"][0]
    assert backend == {"name": found["Service"]["metadata"]["name"], "port": {"name": port["name"]}}
    assert (port["port"], port["targetPort"]) == (80, container["ports"][0]["name"])
    assert env_of(request_for(method))["PORT"] == str(container["ports"][0]["containerPort"])


@pytest.mark.parametrize("method", METHODS)
def test_no_pod_can_reach_the_api_server_with_a_token(method: DeploymentMethod) -> None:
    pod = pod_of(request_for(method))
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False


@pytest.mark.parametrize("method", METHODS)
def test_the_private_ca_is_in_every_container_that_runs_the_repository_s_code(method: DeploymentMethod) -> None:
    request = request_for(method).model_copy(update={"ca_bundle": "PEM"})
    assert rendered(request)["ConfigMap"]["data"] == {"ca.crt": "PEM"}
    pod = pod_of(request)
    running = [each for each in (*pod.get("initContainers", ()), *pod["containers"]) if each["name"] != "source"]
    for container in running:
        assert {"name": CA_NAME, "mountPath": "/etc/catalyst/ca", "readOnly": True} in container["volumeMounts"]
        assert {"name": "NODE_EXTRA_CA_CERTS", "value": CA_FILE} in container["env"]


@pytest.mark.parametrize("method", METHODS)
def test_volumes_and_mounts_belong_together(method: DeploymentMethod) -> None:
    pod = pod_of(request_for(method).model_copy(update={"ca_bundle": "PEM"}))
    volumes = {volume["name"] for volume in pod.get("volumes", ())}
    mounts = {
        m["name"] for c in (*pod.get("initContainers", ()), *pod["containers"]) for m in c.get("volumeMounts", ())
    }
    assert volumes == mounts


def test_what_people_set_wins_over_what_the_platform_says() -> None:
    request = request_for(DeploymentMethod.SOURCE)
    env = (EnvironmentVariable(name="PORT", value="9"), EnvironmentVariable(name="HOST", value="::"))
    assert (
        env_of(request.model_copy(update={"template": request.template.model_copy(update={"env": env})})).items()
        >= {
            "PORT": "9",
            "HOST": "::",
            "CATALYST_URL": "http://acme-shop-pr-7.localhost:8780/",
        }.items()
    )


@pytest.mark.parametrize("method", [DeploymentMethod.CONTAINER, DeploymentMethod.PREBUILT, DeploymentMethod.SOURCE])
def test_what_serves_is_ready_when_its_port_answers(method: DeploymentMethod) -> None:
    assert app_of(request_for(method))["readinessProbe"]["tcpSocket"] == {"port": "http"}


def test_a_prebuilt_image_is_the_digest_where_it_is_known() -> None:
    request = request_for(DeploymentMethod.PREBUILT)
    assert app_of(request)["image"] == "nginx:1.22"
    assert app_of(request.model_copy(update={"image": "nginx@sha256:3"}))["image"] == "nginx@sha256:3"


def test_source_is_copied_then_installed_then_run() -> None:
    pod = pod_of(request_for(DeploymentMethod.SOURCE))
    copy, install = pod["initContainers"]
    app = pod["containers"][0]
    assert (copy["image"], install["image"], app["image"]) == ("localhost:5000/a/source@sha256:2", "node:22", "node:22")
    assert copy["command"] == ["cp", "-a", "/source/.", "/code"]
    assert install["command"][-1] == "exec npm ci"
    assert app["command"][-1] == "exec npm run dev"
    assert install["workingDir"] == app["workingDir"] == "/code/web"


def test_a_command_gets_the_signal_that_ends_the_pod(tmp_path: Path) -> None:
    request = request_for(DeploymentMethod.SOURCE)
    template = request.template.model_copy(update={"command": "sleep 60"})
    command = app_of(request.model_copy(update={"template": template}))["command"]
    with subprocess.Popen(command, env=os.environ | {"HOME": str(tmp_path / "home")}) as process:
        wait_for(lambda: Path(f"/proc/{process.pid}/comm").read_text() == "sleep\n")
        process.terminate()
        assert process.wait(5) == -signal.SIGTERM


@pytest.mark.parametrize(
    "command", ["cd web && make", "A=1 make", "make; make", "cd web", "make $X", ". ./env", "make 'a b'"]
)
def test_what_only_a_shell_can_do_is_left_to_the_shell(command: str) -> None:
    request = request_for(DeploymentMethod.SOURCE)
    template = request.template.model_copy(update={"command": command})
    assert app_of(request.model_copy(update={"template": template}))["command"][-1] == command


def test_the_waiting_shell_ends_with_its_signal() -> None:
    with subprocess.Popen(app_of(request_for(DeploymentMethod.SHELL))["command"], start_new_session=True) as process:
        wait_for(lambda: Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text() != "")
        process.terminate()
        assert process.wait(5) == 0
        os.killpg(process.pid, signal.SIGKILL)  # its sleep, which in a pod dies with PID 1


def wait_for(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_without_an_install_command_nothing_is_installed() -> None:
    request = request_for(DeploymentMethod.SOURCE)
    template = request.template.model_copy(update={"install_command": None, "image": None})
    pod = pod_of(request.model_copy(update={"template": template}))
    assert [each["name"] for each in pod["initContainers"]] == ["source"]
    assert pod["containers"][0]["image"] == "localhost:5000/a/source@sha256:2"


def test_the_cache_stays_between_rollouts() -> None:
    request = request_for(DeploymentMethod.SOURCE)
    before = render(request)
    planned = plan(render(request.model_copy(update={"rollout": 4})), before, 4)
    assert planned.prune == ()


def test_a_shell_is_ready_without_anything_listening_and_ends_at_once() -> None:
    pod = pod_of(request_for(DeploymentMethod.SHELL))
    assert "readinessProbe" not in pod["containers"][0]
    assert pod["terminationGracePeriodSeconds"] == 1
    assert "trap 'exit 0' TERM" in pod["containers"][0]["command"][-1]


@pytest.mark.parametrize("method", [DeploymentMethod.CONTAINER, DeploymentMethod.SOURCE, DeploymentMethod.SHELL])
def test_a_rollout_without_its_image_is_refused(method: DeploymentMethod) -> None:
    with pytest.raises(ValueError, match="rollout 3 of acme-shop-pr-7 has no"):
        render(request_for(method).model_copy(update={"image": None, "source_image": None}))


def test_the_source_image_holds_the_repository() -> None:
    assert (
        source_dockerfile("localhost:5000/catalyst/shell:1") == "FROM localhost:5000/catalyst/shell:1\nCOPY . /source\n"
    )
