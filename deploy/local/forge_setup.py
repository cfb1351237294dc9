"""What the forge needs once it answers: our account with its token, and the webhook for every repository."""

import os
import secrets
import subprocess
from typing import Any, NamedTuple

import httpx

from deploy.local.errors import SetupError
from deploy.local.forge_server import ForgeSecrets, ForgeServer

USER = "catalyst"
"""Login of the administrator, which is also the account that the product acts under."""
EVENTS = (
    *("pull_request_only", "pull_request_sync", "pull_request_label", "pull_request_comment"),
    *("push", "delete", "repository"),
)
"""`pull_request` alone stands for all its kinds, reviews and assignments among them."""
ADMINISTER_SECONDS = 60


class ForgeAccess(NamedTuple):
    url: str
    """Without a slash at its end."""
    user: str
    password: str
    token: str
    """All scopes."""
    webhook_secret: str


class ForgeSetupFailed(SetupError):
    """The forge refused a step of its set-up; a sentence with its own words, without secrets."""


def configure(server: ForgeServer) -> ForgeAccess:
    """Idempotent, also after it was cut off in the middle. Raises ForgeSetupFailed."""
    made = ForgeSecrets.read(server.secrets)
    try:
        with httpx.Client(base_url=f"{server.url}/api/v1", trust_env=False, timeout=30) as client:
            if client.get(f"/users/{USER}").status_code == 404:
                _administer(server, "user", "create", "--admin", "--random-password", *_identity())
            if not _is_valid(client, made.token):
                made = made.model_copy(update={"token": _new_token(server)})
                made.write(server.secrets)
            client.headers["Authorization"] = f"token {made.token}"
            _set_password(client, made.password)
            _put_webhook(client, server.webhook_url, made.webhook_secret)
    except httpx.HTTPError as error:
        raise ForgeSetupFailed(
            f"The forge at {server.url} can't be set up: {error}. See its log and try again."
        ) from error
    return ForgeAccess(server.url, USER, made.password, made.token, made.webhook_secret)


def _identity() -> tuple[str, ...]:
    return "--username", USER, "--email", f"{USER}@forge.localhost", "--must-change-password=false"


def _is_valid(client: httpx.Client, token: str) -> bool:
    answer = client.get("/user", headers={"Authorization": f"token {token}"}) if token else None
    return answer is not None and answer.status_code == 200


def _new_token(server: ForgeServer) -> str:
    """Under a name of its own each time: the one of an earlier attempt whose answer was lost can't be read again."""
    name = f"{USER}-{secrets.token_hex(4)}"
    options = ("--username", USER, "--token-name", name, "--scopes", "all", "--raw")
    return _administer(server, "user", "generate-access-token", *options).split()[-1]


def _administer(server: ForgeServer, *arguments: str) -> str:
    """Standard output of `gitea admin …`, run under the server's account; secrets only come out of it, never go in."""
    done = subprocess.run(
        server.command("admin", *arguments),
        user=server.account,
        group=server.account,
        extra_groups=[],
        cwd=server.data,
        env=os.environ | server.environment(),
        capture_output=True,
        text=True,
        timeout=ADMINISTER_SECONDS,
        check=False,
    )
    if done.returncode:
        said = (done.stderr.strip() or "nothing").splitlines()[-1][:500]
        raise ForgeSetupFailed(f"`gitea admin {' '.join(arguments[:2])}` failed: {said}")
    return done.stdout


def _set_password(client: httpx.Client, password: str) -> None:
    """By the API, because a command line is readable by everybody on the machine."""
    if client.get("/user", auth=(USER, password), headers={"Authorization": ""}).status_code != 200:
        change = {"source_id": 0, "login_name": USER, "password": password, "must_change_password": False}
        client.patch(f"/admin/users/{USER}", json=change).raise_for_status()


def _put_webhook(client: httpx.Client, url: str, secret: str) -> None:
    """One hook to our address. The secret can't be read back, so an existing hook gets it again."""
    config = {"url": url, "content_type": "json", "secret": secret, "is_system_webhook": "true"}
    wanted: dict[str, Any] = {"active": True, "events": list(EVENTS), "config": config}
    found = client.get("/admin/hooks", params={"type": "all"}).raise_for_status().json()
    ours = [hook["id"] for hook in found if hook["config"].get("url") == url]
    if ours:
        client.patch(f"/admin/hooks/{ours[0]}", json=wanted).raise_for_status()
    else:
        client.post("/admin/hooks", json=wanted | {"type": "gitea", "branch_filter": "*"}).raise_for_status()
    for extra in ours[1:]:
        client.delete(f"/admin/hooks/{extra}").raise_for_status()
