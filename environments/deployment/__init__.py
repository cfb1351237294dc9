"""From a rollout's request to the objects of its workload: one renderer per deployment method, all pure."""

from collections.abc import Callable

from environments.deployment import container, prebuilt, source
from environments.model import DeploymentMethod, KubernetesObject, RenderRequest

Renderer = Callable[[RenderRequest], list[KubernetesObject]]

RENDERERS: dict[DeploymentMethod, Renderer] = {
    DeploymentMethod.CONTAINER: container.render,
    DeploymentMethod.PREBUILT: prebuilt.render,
    DeploymentMethod.SOURCE: source.render,
    DeploymentMethod.SHELL: source.render,
}


def render(request: RenderRequest) -> list[KubernetesObject]:
    """The same request always gives the same objects, each labelled, none of them a guard of the namespace.

    Raises ValueError when the request lacks the image that its method needs.
    """
    return RENDERERS[request.template.method](request)
