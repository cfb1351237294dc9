"""One emulated GitHub as a process of its own: says in one line of JSON where it is and with which token, and runs until it is stopped."""

import argparse
import json
import signal
import threading
from pathlib import Path

from emulators.github.server import GitHubServer


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m emulators.github", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="of 127.0.0.1; without: a free one")
    parser.add_argument(
        "--root", type=Path, help="folder for the git repositories; without: one that goes with the process"
    )
    parser.add_argument(
        "--user", default="octocat", help="an account, signed in to the pages, and admin of the organisation"
    )
    parser.add_argument("--organization", default="acme", help="an organisation")
    asked = parser.parse_args()
    stop = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stop.set())
    with GitHubServer(asked.root, asked.port) as server:
        people = server.people
        people.organization(asked.organization, admins=(asked.user,))
        people.sign_in(asked.user)
        told = {"url": server.url, "api_url": server.api_url, "user": asked.user, "token": people.token(asked.user)}
        print(json.dumps(told), flush=True)
        stop.wait()


if __name__ == "__main__":
    main()
