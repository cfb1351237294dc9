"""The API's routes, each part in a file of its own."""

from emulators.github.calls import Route
from emulators.github.routes import (
    apps,
    checks,
    contents,
    deployments,
    hooks,
    issues,
    objects,
    pulls,
    reactions,
    repositories,
    statuses,
    users,
)

# The last has `/commits/{ref}`, whose ref may hold slashes: it would take what others have below it.
PARTS = (repositories, pulls, reactions, issues, statuses, users, apps, hooks, checks, deployments, objects, contents)
ROUTES: list[Route] = [route for part in PARTS for route in part.routes.all]
