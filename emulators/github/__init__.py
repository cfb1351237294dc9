"""A GitHub for tests and offline use: REST API, git over HTTP, Apps and webhooks, with its state in memory.

with GitHubServer() as server:
    server.people.create_repository("acme", "shop")
    Github(auth=Auth.Token(server.people.token("ada")), base_url=server.api_url).get_repo("acme/shop")
"""

from emulators.github.people import People, Webhook
from emulators.github.server import GitHubServer
from emulators.github.state import GitHub

__all__ = ["GitHub", "GitHubServer", "People", "Webhook"]
