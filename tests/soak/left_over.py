"""What pull requests that are all closed have left behind; each kind must be empty."""

import time

from tests.e2e.world import Preview

PATIENCE_SECONDS = 420
"""Past the five minutes after which a teardown says what blocks it."""
PAUSE_SECONDS = 2.0


def left_over(previews: list[Preview]) -> dict[str, list[str]]:
    """By kind, once all of it is gone or patience is over."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while any((found := _now(previews)).values()) and time.monotonic() < deadline:
        time.sleep(PAUSE_SECONDS)
    return found


def _now(previews: list[Preview]) -> dict[str, list[str]]:
    machine = previews[0].machine
    ours = {each.namespace for each in previews}
    claims = [(each["metadata"]["name"], each["spec"].get("claimRef") or {}) for each in machine.every("pv")]
    resources = {
        (each["metadata"]["namespace"], each["metadata"]["name"]) for each in machine.every_anywhere("environments")
    }
    return {
        "namespaces": [name for each in machine.every("namespaces") if (name := each["metadata"]["name"]) in ours],
        "environments": [each.namespace for each in previews if (each.home, each.resource.name) in resources],
        "volumes": [name for name, claim in claims if claim.get("namespace") in ours],
        "images": [name for each in previews for name in machine.images_of(each.namespace)],
        # Nobody heard of a pull request that was closed while the API was away: there is nothing to tell, nor to run.
        "comments": [each.namespace for each in previews if (said := each.comment()) and "Torn down" not in said],
        "workflows": [name for each in previews for name in each.running() if not name.endswith(": ")],
    }
