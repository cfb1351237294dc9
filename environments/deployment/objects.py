"""What all renderers share: labels, the Deployment, Service and Ingress `web`, environment variables, the private CA."""

from collections.abc import Sequence
from typing import Any

from environments import labels, names
from environments.model import KubernetesObject, RenderRequest

NAME = "web"
"""Of Deployment, Service and Ingress: one application per environment."""
APP = "app"
"""Label that the selector uses, and the container's name."""
HTTP = "http"
DEFAULT_PORT = 8080
"""When neither template nor detection names one; it is told to the program as PORT."""
CPU_REQUEST = "25m"
"""More, and 20 previews don't fit two cores; everything else is the namespace's LimitRange."""
GRACE_SECONDS = 5
"""A preview's last requests may end; longer, and every push and every close waits for it."""
PROGRESS_SECONDS = 600
"""Image pull, install and start together; past it Kubernetes itself says that the rollout doesn't progress."""
ROLLING = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}
CA_NAME = "catalyst-ca"
CA_FOLDER = "/etc/catalyst/ca"
CA_FILE = f"{CA_FOLDER}/ca.crt"
CA_VARIABLES = ("NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "GIT_SSL_CAINFO")
"""Every tool has its own."""

Container = dict[str, Any]
Pod = dict[str, Any]


def port_of(request: RenderRequest) -> int:
    return request.template.port or DEFAULT_PORT


def needed(image: str | None, what: str, request: RenderRequest) -> str:
    """Raises ValueError: a rollout that comes here without its image has a defect before this step."""
    if image is None:
        raise ValueError(
            f"rollout {request.rollout} of {request.namespace} has no {what}: it was neither built nor found"
        )
    return image


def environment_variables(request: RenderRequest, *own: tuple[str, str]) -> list[dict[str, str]]:
    """What the platform says, then what the method says, then what people set, which wins by name."""
    given = {"PORT": str(port_of(request)), "CATALYST_URL": request.url}
    if request.ca_bundle is not None:
        given |= dict.fromkeys(CA_VARIABLES, CA_FILE)
    given |= request.fetching
    given |= dict(own)
    given |= {variable.name: variable.value for variable in request.template.env}
    return [{"name": name, "value": value} for name, value in given.items()]


def app_container(request: RenderRequest, image: str, env: list[dict[str, str]]) -> Container:
    return {
        "name": APP,
        "image": image,
        "env": env,
        "ports": [{"name": HTTP, "containerPort": port_of(request), "protocol": "TCP"}],
        "resources": {"requests": {"cpu": CPU_REQUEST}},
    }


def readiness_probe() -> dict[str, Any]:
    """Every second: a slower probe is what the URL would wait for after each push."""
    return {"tcpSocket": {"port": HTTP}, "periodSeconds": 1, "timeoutSeconds": 1, "failureThreshold": 3}


def pod(
    request: RenderRequest, app: Container, *, before: Sequence[Container] = (), grace_seconds: int = GRACE_SECONDS
) -> Pod:
    """One container after those `before` it, no way to the API server, and the private CA where there is one."""
    spec: Pod = {
        "initContainers": list(before),
        "containers": [app],
        "terminationGracePeriodSeconds": grace_seconds,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
    }
    if request.ca_bundle is not None:
        mount(spec, CA_NAME, CA_FOLDER, {"configMap": {"name": CA_NAME}}, read_only=True)
    return spec


def mount(spec: Pod, name: str, path: str, volume: dict[str, Any], *, read_only: bool = False, part: str = "") -> None:
    """Add one volume to a pod that is being made, in all its containers. `part`: a folder of the volume instead of all."""
    spec.setdefault("volumes", []).append({"name": name} | volume)
    mount_again(spec, name, path, read_only=read_only, part=part)


def mount_again(spec: Pod, name: str, path: str, *, read_only: bool = False, part: str = "") -> None:
    """A volume that the pod has already, at another path."""
    mounted = {"name": name, "mountPath": path} | ({"readOnly": True} if read_only else {})
    mounted |= {"subPath": part} if part else {}
    for container in (*spec["initContainers"], *spec["containers"]):
        container.setdefault("volumeMounts", []).append(mounted)


def workload(
    request: RenderRequest, spec: Pod, *, port: str | int = HTTP, is_living: bool = False
) -> list[KubernetesObject]:
    """Everything of one application around its pod. `port`: of the pod, where the Service sends requests.
    `is_living`: the pod outlives rollouts, and is ended before a changed one starts, because they share a volume."""
    made = [_deployment(request, spec, is_living), _service(request, port), _ingress(request)]
    if request.ca_bundle is not None:
        made.append(named(request, "v1", "ConfigMap", CA_NAME, data={"ca.crt": request.ca_bundle}))
    return made


def named(request: RenderRequest, api_version: str, kind: str, name: str, **content: Any) -> KubernetesObject:
    metadata = {"name": name, "namespace": request.namespace, "labels": object_labels(request)}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata} | content


def object_labels(request: RenderRequest) -> dict[str, str]:
    """On every object, and on pods too: the spec's "Labels", and whose and of which rollout it is (design: rule 2)."""
    identity = request.identity
    return {
        labels.TEAM: identity.team,
        labels.PROJECT: identity.project,
        labels.ENVIRONMENT: identity.environment,
        labels.MANAGED_BY: labels.MANAGER,
        labels.UID: request.uid,
        labels.ROLLOUT: str(request.rollout),
    } | _branch(request.branch)


def _selector(request: RenderRequest) -> dict[str, str]:
    """Immutable in a Deployment, so nothing in it may change between rollouts."""
    return {APP: NAME, labels.ENVIRONMENT: request.identity.environment}


def _deployment(request: RenderRequest, spec: Pod, is_living: bool) -> KubernetesObject:
    marks = object_labels(request) | _selector(request)
    if is_living:
        # Any change of the pod's template replaces the pod.
        del marks[labels.ROLLOUT]
    template = {"metadata": {"labels": marks}, "spec": spec}
    content = {
        "replicas": 1,
        "revisionHistoryLimit": 1,
        "progressDeadlineSeconds": PROGRESS_SECONDS,
        "selector": {"matchLabels": _selector(request)},
        "strategy": {"type": "Recreate"} if is_living else ROLLING,
        "template": template,
    }
    return named(request, "apps/v1", "Deployment", NAME, spec=content)


def _service(request: RenderRequest, target: str | int) -> KubernetesObject:
    port = {"name": HTTP, "port": 80, "targetPort": target, "protocol": "TCP"}
    return named(request, "v1", "Service", NAME, spec={"selector": _selector(request), "ports": [port]})


def _ingress(request: RenderRequest) -> KubernetesObject:
    backend = {"service": {"name": NAME, "port": {"name": HTTP}}}
    path = {"path": "/", "pathType": "Prefix", "backend": backend}
    rule = {"host": names.host(request.namespace, request.address.domain), "http": {"paths": [path]}}
    content = {"ingressClassName": request.address.ingress_class, "rules": [rule]}
    return named(request, "networking.k8s.io/v1", "Ingress", NAME, spec=content)


def _branch(branch: str) -> dict[str, str]:
    """Nothing for a branch without a letter a-z or digit, which no label can say."""
    try:
        return {labels.BRANCH: names.namespace_name(branch)}
    except names.InvalidName:
        return {}
