"""*source*: the repository's files in the pod, dependencies installed there, the dev command run (FR-ENV-005)."""

import posixpath
import re

from environments import names
from environments.deployment.objects import (
    CPU_REQUEST,
    Container,
    Pod,
    app_container,
    environment_variables,
    mount,
    named,
    needed,
    pod,
    readiness_probe,
    workload,
)
from environments.model import KubernetesObject, RenderRequest

CODE = "/code"
CACHE = "/cache"
CACHE_SIZE = "2Gi"
TOOLS = f"{CACHE}/tools"
"""Prefix of `npm install --global`: package managers that the image doesn't bring."""
# Finds the installed package manager first, whatever PATH the image has; the command is an argument, not part of it.
STARTING = f'mkdir -p "$HOME" && export PATH="{TOOLS}/bin:$PATH" && exec sh -c "$0"'
SIMPLE = re.compile(
    r"(?!(?:cd|eval|exec|export|set|source|trap|unset|wait|\.)(?: |$))[\w./-]+(?: +[\w./:@=,+-]+)*", re.ASCII
)
"""A program with plain arguments: nothing that only a shell can do."""
RESOURCES = {
    # Both requests are named, because a container that names only its limits requests as much. Package managers and
    # bundlers are killed at the namespace's default of 512Mi; four such pods still fit its quota.
    "requests": {"cpu": CPU_REQUEST, "memory": "128Mi"},
    "limits": {"cpu": "1", "memory": "2Gi"},
}
VARIABLES = (
    # Servers in a pod must listen on more than loopback, or neither probe nor ingress reaches them.
    ("HOST", "0.0.0.0"),
    ("HOME", f"{CACHE}/home"),
    ("npm_config_cache", f"{CACHE}/npm"),
    ("npm_config_store_dir", f"{CACHE}/pnpm"),
    ("npm_config_update_notifier", "false"),
    ("YARN_CACHE_FOLDER", f"{CACHE}/yarn"),
    ("YARN_ENABLE_GLOBAL_CACHE", "false"),
    ("BUN_INSTALL_CACHE_DIR", f"{CACHE}/bun"),
    ("PIP_CACHE_DIR", f"{CACHE}/pip"),
    ("COREPACK_ENABLE_DOWNLOAD_PROMPT", "0"),
)


def render(request: RenderRequest) -> list[KubernetesObject]:
    """Raises ValueError without a source image."""
    env = environment_variables(request, *VARIABLES, _allowed_host(request))
    source_image = needed(request.source_image, "source image", request)
    image = request.template.image or source_image
    app = app_container(request, image, env) | _running(request, request.template.command or "")
    app |= {"resources": RESOURCES, "readinessProbe": readiness_probe()}
    spec = pod(request, app, before=[copying(source_image), *_installing(request, image, env)])
    mount_code(spec)
    # ReadWriteOnce binds the volume to one node, not to one pod: old and new pod share it there. With several nodes
    # the scheduler puts the new pod beside the old one, because the volume is on that node already.
    mount(spec, "cache", CACHE, {"persistentVolumeClaim": {"claimName": "cache"}})
    return [_cache(request), *workload(request, spec)]


def source_dockerfile(shell_image: str) -> str:
    """Of the image whose /source is the checked-out repository; built with the checkout as context."""
    return f"FROM {shell_image}\nCOPY . /source\n"


def copying(source_image: str) -> Container:
    """The container that puts the repository where the application may change it."""
    command = ["cp", "-a", "/source/.", CODE]
    return {
        "name": "source",
        "image": source_image,
        "command": command,
        "resources": {"requests": {"cpu": CPU_REQUEST}},
    }


def mount_code(spec: Pod) -> None:
    mount(spec, "code", CODE, {"emptyDir": {}})


def folder(request: RenderRequest) -> str:
    """The template's workdir in the pod; it was checked to lie within the repository when the template was chosen."""
    return posixpath.normpath(posixpath.join(CODE, request.template.workdir))


def _installing(request: RenderRequest, image: str, env: list[dict[str, str]]) -> list[Container]:
    install = request.template.install_command
    if install is None:
        return []
    return [{"name": "install", "image": image, "env": env, "resources": RESOURCES} | _running(request, install)]


def _allowed_host(request: RenderRequest) -> tuple[str, str]:
    """Vite refuses every host that it wasn't told of, except `*.localhost`."""
    return "__VITE_ADDITIONAL_SERVER_ALLOWED_HOSTS", names.host(request.namespace, request.address.domain)


def _running(request: RenderRequest, command: str) -> Container:
    """A shell as PID 1 hands no signal on, and the pod's end would wait for its grace period; so a program replaces it."""
    command = f"exec {command}" if SIMPLE.fullmatch(command) else command
    return {"command": ["sh", "-c", STARTING, command], "workingDir": folder(request)}


def _cache(request: RenderRequest) -> KubernetesObject:
    content = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": CACHE_SIZE}}}
    return named(request, "v1", "PersistentVolumeClaim", "cache", spec=content)
