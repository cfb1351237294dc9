"""*source*: a pod that outlives commits; the sidecar delivers them, its supervisor runs the dev command (FR-ENV-005, decision 13)."""

from environments import names
from environments.deployment.objects import (
    CPU_REQUEST,
    Container,
    app_container,
    environment_variables,
    mount,
    mount_again,
    named,
    pod,
    workload,
)
from environments.model import KubernetesObject, RenderRequest
from environments.readiness import SIDECAR

CODE = "/code"
CACHE = "/cache"
SHARED = "/catalyst"
"""Of sidecar and application: the supervisor's program, and how the command fares."""
BINARY = f"{SHARED}/bin/sidecar"
GATE_PORT, HEALTH_PORT = 10080, 10081
"""The ingress comes in by the gate, which goes on to whatever port the command listens on, on loopback too."""
VOLUME = "workspace"
VOLUME_SIZE = "5Gi"
GRACE_SECONDS = 5
RESOURCES = {
    # Both requests are named, because a container that names only its limits requests as much. Package managers and
    # bundlers are killed at the namespace's default of 512Mi; four such pods still fit its quota.
    "requests": {"cpu": CPU_REQUEST, "memory": "128Mi"},
    "limits": {"cpu": "1", "memory": "2Gi"},
}
SIDECAR_RESOURCES = {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"cpu": "500m", "memory": "512Mi"}}
"""Enough for git to unpack a big commit; nothing while it waits."""
VARIABLES = (
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
    # git in the terminal: the sidecar, another user, owns the files.
    ("GIT_CONFIG_COUNT", "1"),
    ("GIT_CONFIG_KEY_0", "safe.directory"),
    ("GIT_CONFIG_VALUE_0", "*"),
)


def render(request: RenderRequest) -> list[KubernetesObject]:
    """Nothing in the pod names commit, rollout or command: they are delivered, so that a push replaces no pod."""
    spec = pod(request, _app(request), before=[_sidecar(request)], grace_seconds=GRACE_SECONDS)
    # ReadWriteOnce binds the volume to one node; the Deployment ends the old pod before it starts the new one.
    mount(spec, VOLUME, CODE, {"persistentVolumeClaim": {"claimName": VOLUME}}, part="code")
    mount_again(spec, VOLUME, CACHE, part="cache")
    mount(spec, "catalyst", SHARED, {"emptyDir": {"sizeLimit": "64Mi"}})
    return [_volume(request), *workload(request, spec, port=GATE_PORT, is_living=True)]


def _app(request: RenderRequest) -> Container:
    """A shell into it starts in the code; PID 1 is the supervisor, which never ends by itself."""
    paths = (("CATALYST_CODE", CODE), ("CATALYST_SHARED", SHARED))
    env = environment_variables(request, *VARIABLES, *paths, _allowed_host(request), _mail(request))
    app = app_container(request, request.template.image or request.shell_image, env)
    probe = {"httpGet": {"path": "/ready", "port": HEALTH_PORT}, "periodSeconds": 1, "failureThreshold": 1}
    return app | {
        "command": [BINARY, "supervise"],
        "workingDir": CODE,
        "resources": RESOURCES,
        "readinessProbe": probe | {"timeoutSeconds": 3},
    }


def _sidecar(request: RenderRequest) -> Container:
    """Runs before the application and as long as it (a sidecar in Kubernetes' sense: restartPolicy Always)."""
    env = {"CATALYST_CODE": CODE, "CATALYST_SHARED": SHARED}
    env |= {"CATALYST_GATE_PORT": str(GATE_PORT), "CATALYST_HEALTH_PORT": str(HEALTH_PORT)}
    if request.ingress_address is not None and request.address.port is not None:
        # curl and browsers in the pod take *.localhost for loopback, whatever the cluster's DNS says of it.
        env |= {"CATALYST_INGRESS_ADDRESS": request.ingress_address}
        env |= {"CATALYST_INGRESS_PORT": str(request.address.port)}
    return {
        "name": SIDECAR,
        "image": request.sidecar_image,
        "args": ["serve"],
        "restartPolicy": "Always",
        "env": [{"name": name, "value": value} for name, value in env.items()],
        "ports": [{"name": "gate", "containerPort": GATE_PORT, "protocol": "TCP"}],
        "resources": SIDECAR_RESOURCES,
        "startupProbe": {
            "httpGet": {"path": "/started", "port": HEALTH_PORT},
            "periodSeconds": 1,
            "failureThreshold": 60,
        },
    }


def _allowed_host(request: RenderRequest) -> tuple[str, str]:
    """Vite refuses every host that it wasn't told of, except `*.localhost`."""
    return "__VITE_ADDITIONAL_SERVER_ALLOWED_HOSTS", names.host(request.namespace, request.address.domain)


def _mail(request: RenderRequest) -> tuple[str, str]:
    """What git takes for who commits in the terminal without having said who they are."""
    return "EMAIL", f"{request.namespace}@{request.address.domain}"


def _volume(request: RenderRequest) -> KubernetesObject:
    content = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": VOLUME_SIZE}}}
    return named(request, "v1", "PersistentVolumeClaim", VOLUME, spec=content)
