"""The local forge: Gitea on loopback with a system webhook, so that any repository made there gets previews.

Two halves, because the second needs a running server: `prepare` before the start, `configure` once it answers.
"""

from deploy.local import forge_server, forge_setup, gitea
from deploy.local.cache import Artifact
from deploy.local.forge_server import ForgeServer
from deploy.local.forge_setup import ForgeAccess
from deploy.local.profile import Profile
from deploy.local.program import Program


def artifacts() -> list[Artifact]:
    """What `prepare` needs; builds what is missing of it by itself."""
    return gitea.artifacts()


def prepare(profile: Profile) -> None:
    """Account, folders and configuration; idempotent. Raises SetupError, OSError."""
    forge_server.prepare(server_of(profile))


def program(profile: Profile) -> Program:
    server = server_of(profile)
    return Program(
        name="forge",
        command=server.command("web"),
        environment=server.environment(),
        user=server.account,
        ready=("http", f"{server.url}/api/healthz"),
    )


def configure(profile: Profile) -> ForgeAccess:
    """Administrator, token and system webhook, each made once; call when the forge answers. Raises ForgeSetupFailed."""
    return forge_setup.configure(server_of(profile))


def server_of(profile: Profile) -> ForgeServer:
    return ForgeServer(
        folder=profile.state / "forge",
        secrets=profile.secret("forge.json"),
        port=profile.ports.forge,
        webhook_url=f"http://127.0.0.1:{profile.ports.api}/webhooks/gitea",
    )
