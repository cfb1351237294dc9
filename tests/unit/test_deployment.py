"""Renderers: what holds for the objects of every method, and what is special to one."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from environments import labels
from environments.deployment import render
from environments.deployment.objects import CA_FILE, CA_NAME
from environments.deployment.source import BINARY, GATE_PORT, HEALTH_PORT
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
LIVING = [DeploymentMethod.SOURCE, DeploymentMethod.SHELL]
STATIC = [DeploymentMethod.CONTAINER, DeploymentMethod.PREBUILT]
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
        shell_image="catalyst/shell:1",
        sidecar_image="catalyst/sidecar:1",
        ingress_address="10.0.0.1",
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
    if method in LIVING:
        # Its pod outlives rollouts.
        pods = [pods[0] | {labels.ROLLOUT: "3"}]
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


@pytest.mark.parametrize("method", LIVING)
def test_neither_commit_nor_command_replaces_a_development_pod(method: DeploymentMethod) -> None:
    request = request_for(method)
    changed = {"rollout": 4, "sha": CommitSha("b" * 40)}
    if method is DeploymentMethod.SOURCE:
        other = {"command": "npm start", "install_command": "npm install", "workdir": ".", "is_watching": True}
        changed["template"] = request.template.model_copy(update=other)
    first, second = (rendered(each)["Deployment"] for each in (request, request.model_copy(update=changed)))
    assert first["spec"] == second["spec"]
    assert first["metadata"] != second["metadata"]


@pytest.mark.parametrize("method", LIVING)
def test_two_development_pods_never_share_the_volume(method: DeploymentMethod) -> None:
    assert rendered(request_for(method))["Deployment"]["spec"]["strategy"] == {"type": "Recreate"}


@pytest.mark.parametrize("method", STATIC)
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
    target = GATE_PORT if method in LIVING else container["ports"][0]["name"]
    assert (port["port"], port["targetPort"]) == (80, target)
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
    running = [each for each in (*pod.get("initContainers", ()), *pod["containers"]) if each["name"] != "sync"]
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


@pytest.mark.parametrize("method", STATIC)
def test_what_serves_is_ready_when_its_port_answers(method: DeploymentMethod) -> None:
    assert app_of(request_for(method))["readinessProbe"]["tcpSocket"] == {"port": "http"}


@pytest.mark.parametrize("method", LIVING)
def test_a_development_pod_is_ready_when_its_sidecar_says_so(method: DeploymentMethod) -> None:
    assert app_of(request_for(method))["readinessProbe"]["httpGet"] == {"path": "/ready", "port": HEALTH_PORT}


def test_a_prebuilt_image_is_the_digest_where_it_is_known() -> None:
    request = request_for(DeploymentMethod.PREBUILT)
    assert app_of(request)["image"] == "nginx:1.22"
    assert app_of(request.model_copy(update={"image": "nginx@sha256:3"}))["image"] == "nginx@sha256:3"


@pytest.mark.parametrize("method", LIVING)
def test_the_supervisor_is_the_first_process_and_the_sidecar_starts_before_it(method: DeploymentMethod) -> None:
    pod = pod_of(request_for(method))
    sidecar, app = pod["initContainers"][0], pod["containers"][0]
    assert (sidecar["name"], sidecar["image"], sidecar["restartPolicy"]) == ("sync", "catalyst/sidecar:1", "Always")
    assert sidecar["startupProbe"]["httpGet"]["path"] == "/started"
    assert app["command"] == [BINARY, "supervise"]


def test_a_development_pod_runs_the_image_that_is_named_else_the_generic_shell() -> None:
    request = request_for(DeploymentMethod.SOURCE)
    assert app_of(request)["image"] == "node:22"
    nameless = request.template.model_copy(update={"image": None})
    assert app_of(request.model_copy(update={"template": nameless}))["image"] == "catalyst/shell:1"


def test_the_cache_stays_between_rollouts() -> None:
    request = request_for(DeploymentMethod.SOURCE)
    before = render(request)
    planned = plan(render(request.model_copy(update={"rollout": 4})), before, 4)
    assert planned.prune == ()


def test_a_rollout_without_its_image_is_refused() -> None:
    with pytest.raises(ValueError, match="rollout 3 of acme-shop-pr-7 has no"):
        render(request_for(DeploymentMethod.CONTAINER).model_copy(update={"image": None}))


@pytest.mark.parametrize("method", METHODS)
def test_every_program_is_told_how_code_is_fetched_and_people_win(method: DeploymentMethod) -> None:
    request = request_for(method)
    told = {"HTTPS_PROXY": "http://10.0.0.9:20001", "npm_config_registry": "https://npm.example.com/"}
    mine = (EnvironmentVariable(name="npm_config_registry", value="https://mine.example.com/"),)
    template = request.template.model_copy(update={"env": mine})
    env = env_of(request.model_copy(update={"fetching": told, "template": template}))
    assert env["HTTPS_PROXY"] == "http://10.0.0.9:20001"
    assert env["npm_config_registry"] == "https://mine.example.com/"
