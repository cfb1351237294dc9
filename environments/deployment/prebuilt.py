"""*prebuilt*: somebody else's image, as the registry has it (FR-ENV-013)."""

from environments.deployment import container
from environments.model import KubernetesObject, RenderRequest


def render(request: RenderRequest) -> list[KubernetesObject]:
    """The digest when our registry knows it, else what people wrote. Raises ValueError without any image."""
    template = request.template
    written = f"{template.image}:{template.tag}" if template.image and template.tag else template.image
    return container.render(request.model_copy(update={"image": request.image or written}))
