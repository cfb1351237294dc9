"""What people do on the forge, for demo, bench and tests: repositories, pushes, pull requests. The product never uses this."""

import base64
import time
from collections.abc import Iterator, Mapping
from copy import copy
from typing import Any

import httpx

TIMEOUT_SECONDS = 60
"""Opening a pull request costs Gitea half a second on an idle machine and many on a busy one."""
MERGE_TRIES = 60
MERGE_PAUSE_SECONDS = 0.5
"""Gitea checks a new pull request in the background, and answers 405 to a merge until it has."""

Json = dict[str, Any]


class PeopleRefused(Exception):
    """The forge didn't do what somebody asked; a sentence with its own words."""


class GiteaPeople:
    """Acts with the administrator's token; `acting_as(login)` answers one who acts under another account.

    Every method raises PeopleRefused.
    """

    def __init__(self, url: str, token: str) -> None:
        self._http = httpx.Client(
            base_url=f"{url}/api/v1",
            headers={"Authorization": f"token {token}"},
            timeout=TIMEOUT_SECONDS,
            transport=httpx.HTTPTransport(retries=2),
            trust_env=False,
        )
        self._sudo: dict[str, str] = {}

    def acting_as(self, login: str) -> "GiteaPeople":
        """Shares the connections."""
        other = copy(self)
        other._sudo = {"Sudo": login}
        return other

    def close_connections(self) -> None:
        self._http.close()

    # --- owners and repositories ---------------------------------------------------------------------------------

    def create_user(self, login: str, password: str) -> int:
        """The numeric id."""
        wanted = {"username": login, "email": f"{login}@forge.localhost", "password": password}
        return int(self._send("POST", "/admin/users", wanted | {"must_change_password": False})["id"])

    def create_organisation(self, name: str) -> int:
        """The numeric id; of the existing one where there is one."""
        found = self._request("GET", f"/orgs/{name}")
        if found.status_code == 404:
            return int(self._send("POST", "/orgs", {"username": name, "visibility": "public"})["id"])
        return int(_checked(found)["id"])

    def create_repository(self, owner: str, name: str, private: bool = False) -> int:
        """The numeric id. Empty, default branch `main`; makes the organisation where no account has that name."""
        wanted = {"name": name, "private": private, "default_branch": "main", "auto_init": False}
        if self._request("GET", f"/users/{owner}").status_code == 404:
            self.create_organisation(owner)
        is_organisation = self._request("GET", f"/orgs/{owner}").status_code == 200
        path = f"/orgs/{owner}/repos" if is_organisation else f"/admin/users/{owner}/repos"
        return int(self._send("POST", path, wanted)["id"])

    def delete_repository(self, owner: str, name: str) -> None:
        """One that isn't there is fine."""
        answer = self._request("DELETE", f"/repos/{owner}/{name}")
        if answer.status_code != 404:
            _checked(answer)

    def rename_repository(self, owner: str, name: str, new_name: str) -> None:
        self._send("PATCH", f"/repos/{owner}/{name}", {"name": new_name})

    def fork(self, owner: str, name: str, into: str) -> int:
        """Into an organisation; the fork's numeric id."""
        return int(self._send("POST", f"/repos/{owner}/{name}/forks", {"organization": into})["id"])

    def add_collaborator(self, owner: str, name: str, login: str, permission: str = "write") -> None:
        self._send("PUT", f"/repos/{owner}/{name}/collaborators/{login}", {"permission": permission})

    def repositories(self, owner: str) -> list[str]:
        """Names of an organisation's repositories."""
        return [str(each["name"]) for each in self._pages(f"/orgs/{owner}/repos")]

    # --- commits -------------------------------------------------------------------------------------------------

    def push(self, owner: str, name: str, branch: str, files: Mapping[str, str | bytes], message: str) -> str:
        """Write the files in one commit on the branch; the commit's SHA. A branch that isn't there begins at the default branch."""
        path = f"/repos/{owner}/{name}"
        exists = self._request("GET", f"{path}/branches/{branch}").status_code == 200
        target = {"branch": branch} if exists or self._is_empty(path) else {"new_branch": branch}
        wanted = [_upload(file, content) for file, content in files.items()]
        made = self._send("POST", f"{path}/contents", {"message": message, "files": wanted} | target)
        return str(made["commit"]["sha"])

    def head(self, owner: str, name: str, branch: str) -> str:
        """SHA of the branch's newest commit."""
        return str(_checked(self._request("GET", f"/repos/{owner}/{name}/branches/{branch}"))["commit"]["id"])

    def delete_branch(self, owner: str, name: str, branch: str) -> None:
        _checked(self._request("DELETE", f"/repos/{owner}/{name}/branches/{branch}"))

    def _is_empty(self, path: str) -> bool:
        return bool(_checked(self._request("GET", path))["empty"])

    # --- pull requests -------------------------------------------------------------------------------------------

    def open_pull_request(self, owner: str, name: str, head: str, base: str = "main", title: str = "A change") -> int:
        """The number. `head`: a branch, or `owner:branch` of a fork."""
        wanted = {"head": head, "base": base, "title": title}
        return int(self._send("POST", f"/repos/{owner}/{name}/pulls", wanted)["number"])

    def close(self, owner: str, name: str, number: int) -> None:
        self.edit(owner, name, number, state="closed")

    def reopen(self, owner: str, name: str, number: int) -> None:
        self.edit(owner, name, number, state="open")

    def edit(self, owner: str, name: str, number: int, **changes: str) -> None:
        """`title`, `body`, `base`, `state`."""
        self._send("PATCH", f"/repos/{owner}/{name}/pulls/{number}", changes)

    def open_pull_requests(self, owner: str, name: str) -> list[int]:
        """Their numbers."""
        # Gitea answers 404 for a repository that nothing was pushed to.
        if self._is_empty(f"/repos/{owner}/{name}"):
            return []
        return [int(each["number"]) for each in self._pages(f"/repos/{owner}/{name}/pulls", state="open")]

    def merge(self, owner: str, name: str, number: int) -> None:
        path = f"/repos/{owner}/{name}/pulls/{number}/merge"
        for _ in range(MERGE_TRIES):
            answer = self._request("POST", path, json={"do": "merge"})
            if answer.status_code != 405:
                break
            time.sleep(MERGE_PAUSE_SECONDS)
        _checked(answer)

    def label(self, owner: str, name: str, number: int, label: str) -> None:
        """Make the label in the repository and put it on the pull request."""
        made = self._send("POST", f"/repos/{owner}/{name}/labels", {"name": label, "color": "#00aabb"})
        self._send("POST", f"/repos/{owner}/{name}/issues/{number}/labels", {"labels": [made["id"]]})

    def comment(self, owner: str, name: str, number: int, body: str) -> int:
        """Its id."""
        return int(self._send("POST", f"/repos/{owner}/{name}/issues/{number}/comments", {"body": body})["id"])

    def comments(self, owner: str, name: str, number: int) -> list[Json]:
        """Oldest first; each with `id`, `body`, `user` and its times."""
        return list(_checked(self._request("GET", f"/repos/{owner}/{name}/issues/{number}/comments")))

    def reactions(self, owner: str, name: str, comment: int) -> list[str]:
        path = f"/repos/{owner}/{name}/issues/comments/{comment}/reactions"
        return [each["content"] for each in _checked(self._request("GET", path)) or ()]

    def delete_comment(self, owner: str, name: str, comment: int) -> None:
        _checked(self._request("DELETE", f"/repos/{owner}/{name}/issues/comments/{comment}"))

    def statuses(self, owner: str, name: str, sha: str) -> list[Json]:
        """Newest first; each with `context`, `status`, `description` and `target_url`."""
        # By id: within one second Gitea's own orders are arbitrary.
        found = self._pages(f"/repos/{owner}/{name}/commits/{sha}/statuses", sort="oldest")
        return sorted(found, key=lambda status: int(status["id"]), reverse=True)

    def _pages(self, path: str, **query: str) -> Iterator[Json]:
        page = 1
        while True:
            answer = self._request("GET", path, params=query | {"page": str(page), "limit": "50"})
            yield from _checked(answer)
            if "next" not in answer.links:
                return
            page += 1

    def _request(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            return self._http.request(method, path, headers=self._sudo, **options)
        except httpx.HTTPError as error:
            text = f"The forge at {self._http.base_url} didn't answer {method} {path}: {error}. Does it run (`make status`)?"
            raise PeopleRefused(text) from error

    def _send(self, method: str, path: str, body: Json) -> Any:
        return _checked(self._request(method, path, json=body))


def _upload(path: str, content: str | bytes) -> Json:
    data = content.encode() if isinstance(content, str) else content
    return {"operation": "upload", "path": path, "content": base64.b64encode(data).decode()}


def _checked(answer: httpx.Response) -> Any:
    """The answer's content; None where it has none. Raises PeopleRefused."""
    if not answer.is_success:
        request = answer.request
        raise PeopleRefused(
            f"The forge answered {answer.status_code} to {request.method} {request.url.path}: {answer.text[:500]}"
        )
    return answer.json() if answer.content else None
