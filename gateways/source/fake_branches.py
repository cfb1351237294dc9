"""Pushes onto the forge in memory: activities.protocols.Branches."""

from activities.protocols import BranchPush, Credential, PushRefused
from environments.model import PullRequestKey
from gateways.faking import Controls
from gateways.forge.fake import InMemoryForge


class InMemoryBranches(Controls):
    """Implements Branches; operation for `fail_next` and `hangs`: `push`. A commit builds upon the base
    of its pack, unless `parents` says otherwise."""

    def __init__(self, forge: InMemoryForge) -> None:
        super().__init__()
        self._forge = forge
        self.parents: dict[str, str] = {}
        """Of commits made in pods."""
        self.pushed: list[BranchPush] = []

    async def push(self, push: BranchPush, credential: Credential | None) -> None:
        await self.enter("push", push.branch)
        key = self._pull_request(push)
        found = await self._forge.pull_request(key.repository_id, key.number)
        assert found is not None
        if found.head_sha == push.sha:
            return
        self.parents.setdefault(push.sha, push.base)
        if push.expected != found.head_sha or found.head_sha not in self._ancestors(push.sha):
            raise PushRefused(f"The commits don't build upon {push.branch} as it is on the forge now.")
        self.pushed.append(push)
        self._forge.push(key, push.sha)

    def _ancestors(self, sha: str) -> list[str]:
        found = [sha]
        while (parent := self.parents.get(found[-1])) is not None and parent not in found:
            found.append(parent)
        return found

    def _pull_request(self, push: BranchPush) -> PullRequestKey:
        found = self._forge.of_branch(push.repository_id, push.branch)
        if found is None:
            raise PushRefused(f"There is no branch {push.branch}.")
        return found.key
