"""*container*: the image that was built from the repository's Dockerfile (FR-ENV-004)."""

from environments.deployment.objects import (
    app_container,
    environment_variables,
    needed,
    pod,
    readiness_probe,
    workload,
)
from environments.model import KubernetesObject, RenderRequest


def render(request: RenderRequest) -> list[KubernetesObject]:
    """Raises ValueError without an image."""
    app = app_container(request, needed(request.image, "image", request), environment_variables(request))
    if request.template.command is not None:
        app["command"] = ["sh", "-c", request.template.command]
    app["readinessProbe"] = readiness_probe()
    return workload(request, pod(request, app))
