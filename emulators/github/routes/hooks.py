"""Webhooks of Apps and repositories, their deliveries and redelivery: https://docs.github.com/en/rest/webhooks."""

from emulators.github.calls import Call, Routes
from emulators.github.errors import ApiError, invalid, not_found
from emulators.github.model import Hook, Json
from emulators.github.notifying import ping
from emulators.github.views.hooks import config, delivery, delivery_item
from emulators.github.views.hooks import hook as hook_view
from emulators.github.webhooks import Delivery

routes = Routes()
_READ, _WRITE = ("repository_hooks:read",), ("repository_hooks:write",)
_HOOKS = "/repos/{owner}/{repo}/hooks"
_ONE = f"{_HOOKS}/{{hook_id:id}}"


def _hook(call: Call) -> Hook:
    """The App's, or the repository's `{hook_id}`. Raises ApiError (404)."""
    app = call.actor.app
    found = call.repository.hooks.get(call.params["hook_id"]) if call.found is not None else app.hook if app else None
    if found is None:
        raise not_found()
    return found


@routes("GET /app/hook/config", "apps/webhooks#get-a-webhook-configuration-for-an-app", caller="app")
def get_app_config(call: Call) -> Json:
    return config(_hook(call))


@routes("PATCH /app/hook/config", "apps/webhooks#update-a-webhook-configuration-for-an-app", caller="app")
def update_app_config(call: Call) -> Json:
    found = _hook(call)
    found.url, found.secret = call.text("url") or found.url, call.text("secret") or found.secret
    return config(found)


@routes(f"GET {_HOOKS}", "repos/webhooks#list-repository-webhooks", needs=_READ, role="admin")
def list_hooks(call: Call) -> list[Json]:
    return [hook_view(call.scope, each, call.repository) for each in call.page(list(call.repository.hooks.values()))]


@routes(f"POST {_HOOKS}", "repos/webhooks#create-a-repository-webhook", status=201, needs=_WRITE, role="admin")
def create_hook(call: Call) -> Json:
    asked = call.body.get("config")
    if not isinstance(asked, dict) or not str(asked.get("url", "")).startswith(("http://", "https://")):
        raise invalid("Hook", "url", "missing_field")
    events = [str(event) for event in call.body.get("events") or ["push"]]
    found = call.repository
    made = Hook(call.github.id("hook"), asked["url"], asked.get("secret"), events, call.github.now(), found.id)
    found.hooks[made.id] = made
    ping(call.github, made, call.account, found)
    return hook_view(call.scope, made, found)


@routes(f"GET {_ONE}", "repos/webhooks#get-a-repository-webhook", needs=_READ, role="admin")
def get_hook(call: Call) -> Json:
    return hook_view(call.scope, _hook(call), call.repository)


@routes(f"DELETE {_ONE}", "repos/webhooks#delete-a-repository-webhook", status=204, needs=_WRITE, role="admin")
def delete_hook(call: Call) -> None:
    del call.repository.hooks[_hook(call).id]


@routes(f"POST {_ONE}/pings", "repos/webhooks#ping-a-repository-webhook", status=204, needs=_READ, role="admin")
def ping_hook(call: Call) -> None:
    ping(call.github, _hook(call), call.account, call.repository)


@routes("GET /app/hook/deliveries", "apps/webhooks#list-deliveries-for-an-app-webhook", caller="app")
@routes(f"GET {_ONE}/deliveries", "repos/webhooks#list-deliveries-for-a-repository-webhook", needs=_READ, role="admin")
def list_deliveries(call: Call) -> list[Json]:
    """Newest first, by cursor: those before the one that it names."""
    kept, size = call.github.webhooks.kept(_hook(call)), min(call.number("per_page", 30), 100)
    wanted = {"success": range(200, 400), "failure": range(400, 600)}.get(call.asked("status"), range(1000))
    cursor = call.asked("cursor").removeprefix("v1_")
    if cursor and not cursor.isdigit():
        raise ApiError(400, "Invalid cursor")
    rest = [each for each in kept if each.status_code in wanted and (not cursor or each.id < int(cursor))]
    if len(rest) > size:
        call.answer_headers["Link"] = f'<{call.address(cursor=f"v1_{rest[size - 1].id}")}>; rel="next"'
    return [delivery_item(each) for each in rest[:size]]


def _delivery(call: Call) -> Delivery:
    """Raises ApiError (404)."""
    for each in call.github.webhooks.kept(_hook(call)):
        if each.id == call.params["delivery_id"]:
            return each
    raise not_found()


@routes("GET /app/hook/deliveries/{delivery_id:id}", "apps/webhooks#get-a-delivery-for-an-app-webhook", caller="app")
@routes(
    f"GET {_ONE}/deliveries/{{delivery_id:id}}",
    "repos/webhooks#get-a-delivery-for-a-repository-webhook",
    needs=_READ,
    role="admin",
)
def get_delivery(call: Call) -> Json:
    return delivery(_delivery(call))


@routes(
    "POST /app/hook/deliveries/{delivery_id:id}/attempts",
    "apps/webhooks#redeliver-a-delivery-for-an-app-webhook",
    status=202,
    caller="app",
)
@routes(
    f"POST {_ONE}/deliveries/{{delivery_id:id}}/attempts",
    "repos/webhooks#redeliver-a-delivery-for-a-repository-webhook",
    status=202,
    needs=_WRITE,
    role="admin",
)
def redeliver(call: Call) -> Json:
    call.github.webhooks.redeliver(_delivery(call))
    return {}
