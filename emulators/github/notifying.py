"""Which hooks are told of what happened, and what they are told."""

from typing import Any

from emulators.github.model import Account, Hook, Installation, Json, Repository
from emulators.github.state import GitHub
from emulators.github.views.accounts import organization, simple_user
from emulators.github.views.events import fields
from emulators.github.views.hooks import hook as hook_view
from emulators.github.views.repositories import repository as repository_view
from emulators.github.views.scope import Scope, node_id
from emulators.github.webhooks import new_guid

_ALWAYS = ("installation", "installation_repositories")
"""Every App is told of these, and can't turn them off."""
_OWN_CHECKS = ("requested", "rerequested", "requested_action")


def notify(github: GitHub, event: str, action: str | None, records: dict[str, Any]) -> None:
    """Called by `GitHub.tell`, under its lock."""
    told = [(hook, installation) for hook, installation in _interested(github, event, action, records)]
    if not told:
        return
    scope, guid = webhook_scope(github), new_guid()
    payload = _payload(scope, event, action, records)
    found = records.get("repository")
    for hook, installation in told:
        mine = payload
        if installation is not None and "installation" not in payload:
            mine = payload | {"installation": _lite(scope, installation)}
        ids = (None if installation is None else installation.id, None if found is None else found.id)
        github.webhooks.send(hook, guid, event, mine, ids)


def webhook_scope(github: GitHub) -> Scope:
    return Scope(github, f"{github.url}/api/v3", github.url, webhook=True)


def _lite(scope: Scope, installation: Installation) -> Json:
    return {"id": installation.id, "node_id": node_id("Installation", installation.id)}


def _interested(
    github: GitHub, event: str, action: str | None, records: dict[str, Any]
) -> list[tuple[Hook, Installation | None]]:
    found: Repository | None = records.get("repository")
    told: list[tuple[Hook, Installation | None]] = []
    if found is not None and "app" not in records:
        told += [(hook, None) for hook in found.hooks.values() if event in hook.events or "*" in hook.events]
    for installation in github.installations.values():
        if installation.app.hook is not None and _is_told(github, installation, event, action, records):
            told.append((installation.app.hook, installation))
    return told


def _is_told(
    github: GitHub, installation: Installation, event: str, action: str | None, records: dict[str, Any]
) -> bool:
    if event in _ALWAYS:
        return records["installation"] is installation
    if installation.suspended_at is not None or not github.reaches(installation, records["repository"]):
        return False
    if "app" in records:
        # A check belongs to the App that made it: what people ask of it, no other App is told.
        own = records["app"] is installation.app
        return own and (action in _OWN_CHECKS or event in installation.events)
    return event in installation.events


def _payload(scope: Scope, event: str, action: str | None, records: dict[str, Any]) -> Json:
    told: Json = {} if action is None else {"action": action}
    told |= fields(scope, event, action, records)
    found: Repository | None = records.get("repository")
    if found is not None:
        told = {"repository": repository_view(scope, found)} | told
        if found.owner.type == "Organization":
            told["organization"] = organization(scope, found.owner)
    return told | {"sender": simple_user(scope, records["sender"])}


def ping(github: GitHub, hook: Hook, sender: Account, repository: Repository | None) -> None:
    """As when a hook is made, or asked for."""
    scope = webhook_scope(github)
    told: Json = {
        "zen": "Keep it logically awesome.",
        "hook_id": hook.id,
        "hook": hook_view(scope, hook, repository),
    }
    if repository is not None:
        told |= {"repository": repository_view(scope, repository), "sender": simple_user(scope, sender)}
    github.webhooks.send(hook, new_guid(), "ping", told, (None, None if repository is None else repository.id))
