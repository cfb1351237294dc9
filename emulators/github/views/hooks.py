"""Webhooks and their deliveries."""

import json

from emulators.github.model import Hook, Json, Repository
from emulators.github.views.scope import Scope, time
from emulators.github.webhooks import Delivery


def config(hook: Hook) -> Json:
    """A secret is never told again."""
    told = {"content_type": "json", "insecure_ssl": "0", "url": hook.url}
    return told | ({} if hook.secret is None else {"secret": "********"})


def hook(scope: Scope, found: Hook, repository: Repository | None) -> Json:
    url = f"{scope.api}/app/hook" if repository is None else f"{scope.of(repository)}/hooks/{found.id}"
    urls = {"url": url, "ping_url": f"{url}/pings", "deliveries_url": f"{url}/deliveries"}
    facts = {"id": found.id, "name": "web", "active": found.active, "events": found.events, "config": config(found)}
    times = {"created_at": time(found.created_at), "updated_at": time(found.created_at)}
    if repository is None:
        return {"type": "App", "app_id": found.app_id} | facts | times | urls
    last = {"code": None, "status": "unused", "message": None}
    return {"type": "Repository"} | facts | times | urls | {"test_url": f"{url}/tests", "last_response": last}


def delivery_item(found: Delivery) -> Json:
    assert found.delivered_at is not None
    return {
        "id": found.id,
        "guid": found.guid,
        "delivered_at": time(found.delivered_at),
        "redelivery": found.redelivery,
        "duration": round(found.duration, 2),
        "status": found.status,
        "status_code": found.status_code,
        "event": found.event,
        "action": found.action,
        "installation_id": found.installation_id,
        "repository_id": found.repository_id,
        "throttled_at": None,
    }


def delivery(found: Delivery) -> Json:
    answer = {"headers": found.response_headers, "payload": found.response}
    asked = {"headers": found.headers(), "payload": json.loads(found.payload)}
    return delivery_item(found) | {"url": found.hook.url, "request": asked, "response": answer}
