"""*shell*: a generic container with the source, waiting for somebody to configure it or to start something (FR-ENV-008)."""

from environments.deployment.objects import app_container, environment_variables, needed, pod, workload
from environments.deployment.source import copying, folder, mount_code
from environments.model import KubernetesObject, RenderRequest

# PID 1 gets no default signal handlers: without the trap a deletion waits for the grace period. `wait` is what a
# signal interrupts; a plain sleep in the foreground would hold it back.
WAITING = "trap 'exit 0' TERM INT; while :; do sleep 3600 & wait $!; done"
GRACE_SECONDS = 1


def render(request: RenderRequest) -> list[KubernetesObject]:
    """Without a probe: Ready while nothing listens; Service and Ingress answer as soon as something does.

    Raises ValueError without a source image.
    """
    source_image = needed(request.source_image, "source image", request)
    image = request.template.image or source_image
    app = app_container(request, image, environment_variables(request))
    app |= {"command": ["sh", "-c", WAITING], "workingDir": folder(request)}
    spec = pod(request, app, before=[copying(source_image)], grace_seconds=GRACE_SECONDS)
    mount_code(spec)
    return workload(request, spec)
