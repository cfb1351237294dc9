"""The API's routes, each part in a file of its own."""

from emulators.github.calls import Route
from emulators.github.routes import apps, contents, hooks, issues, pulls, repositories, statuses, users

PARTS = (repositories, pulls, issues, statuses, contents, users, apps, hooks)
ROUTES: list[Route] = [route for part in PARTS for route in part.routes.all]
