"""Who one is, and who others are."""

from emulators.github.calls import Call, Routes
from emulators.github.model import Json
from emulators.github.views.accounts import private_user, public_user

routes = Routes()


@routes("GET /user", "users/users#get-the-authenticated-user", caller="user")
def get_authenticated_user(call: Call) -> Json:
    return private_user(call.scope, call.account)


@routes("GET /users/{username}", "users/users#get-a-user")
def get_user(call: Call) -> Json:
    return public_user(call.scope, call.github.account(call.params["username"]))


@routes("GET /rate_limit", "rate-limit/rate-limit#get-rate-limit-status-for-the-authenticated-user")
def get_rate_limit(call: Call) -> Json:
    """Costs nothing; what is spent at its end is given back here."""
    window = call.github.limits.window(call.actor.name)
    window.used -= 1
    core = window.told() | {"used": window.used + 1, "remaining": max(window.limit - window.used - 1, 0)}
    others = {
        name: core | {"limit": 30, "used": 0, "remaining": 30} for name in ("search", "graphql", "integration_manifest")
    }
    return {"resources": {"core": core} | others, "rate": core}
