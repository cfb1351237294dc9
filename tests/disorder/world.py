"""One pull request in a world that goes wrong on request, with a witness."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError

from activities.protocols import Answer, GatewayError, ObjectRef, OwnerGone, OwnerRefused
from environments.model import CommitSha, Phase
from environments.names import pull_request_workflow_id
from environments.work import Request
from gateways.probe.fake import InMemoryProbe
from tests.crashes.limits import ShortLimits
from tests.disorder.model import End, Model
from tests.disorder.witness import Witness
from tests.disorder.zombies import Zombies
from tests.workflows.world import DOCKERFILE, Preview, World

BROKEN = {"Dockerfile": "FROM busybox\nRUN false\n"}
AWAY = GatewayError("It doesn't answer.")
PATIENCE_SECONDS = 240
"""Whatever is waited for takes seconds; other programs may keep the machine busy."""
LONGEST_HISTORY = 600
"""Events: the server suggests to continue as new at 300, and a rollout under way is waited for."""


class TruthfulProbe(InMemoryProbe):
    """An environment answers when a pod of it runs."""

    def __init__(self, running: Callable[[str], set[str]]) -> None:
        super().__init__()
        self._running = running

    async def get(self, host: str, path: str = "/") -> Answer | None:
        await self.enter("get", host)
        return Answer(200, "hello") if self._running(host.partition(".")[0]) else Answer(503, "")


class DisorderlyWorld(World):
    def __init__(self, client: Client, folder: Path, sha: str) -> None:
        super().__init__(client, folder)
        self.witness = Witness(self.cluster)
        self.zombies = Zombies(self.witness.watch)
        self.probe = TruthfulProbe(self.witness.running_images)
        self.preview = self.opened_unheard(sha=sha)

    def _worker_options(self) -> dict[str, Any]:
        return {**super()._worker_options(), "interceptors": [self.zombies, ShortLimits()]}

    # --- what happens --------------------------------------------------------------------------------------------

    def push(self, sha: str, is_broken: bool) -> None:
        self.preview.push_unheard(sha, BROKEN if is_broken else DOCKERFILE)

    async def hear(self, signal: str) -> None:
        """A webhook."""
        request = Request(by="bob", delivery="a-delivery")
        await self.owners.wake_pull_request(self.preview.key, signal, request, may_start=signal == "new_commit")

    async def ask(self, update: str, request: Request) -> bool:
        """Whether it was accepted."""
        try:
            await self.owners.ask_pull_request(self.preview.key, update, request)
        except (OwnerRefused, OwnerGone):
            return False
        return True

    def rename(self, name: str) -> None:
        repository = self.forge.rename_repository(self.preview.repository, name)
        self.preview = Preview(self, repository, self.preview.key)

    async def delete_by_hand(self) -> bool:
        """Whether there was a resource that nobody was deleting yet."""
        resource = self.preview.resource
        if resource is None or "deletionTimestamp" in resource["metadata"]:
            return False
        environment = self.preview.environment
        return await self.cluster.delete(
            ObjectRef(self.preview.kubernetes("Environment"), environment.namespace, environment.name)
        )

    # --- what must come of it ------------------------------------------------------------------------------------

    async def settle(self, model: Model) -> None:
        """Outside systems are well again, what was lost is found, and all ends as it must; also after every sleeper woke."""
        for each in (self.forge, self.registry, self.builder, self.source, self.probe):
            each.heal()
        self.cluster.heal()
        await self._come_to(model)
        await self.zombies.wake()
        await self._come_to(model)

    async def _come_to(self, model: Model) -> None:
        await self.reconcile()
        await self._pass_quiet_time()
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while problem := await self._missing(model):
                    await asyncio.sleep(0.05)
        except TimeoutError as error:
            raise AssertionError(f"{problem}; violations: {self.witness.violations}") from error

    async def _pass_quiet_time(self) -> None:
        """The ten minutes after which each workflow looks by itself."""
        await self.hear("look")
        if self.preview.resource is not None:
            await self.owners.wake_environment(self.preview.environment)

    async def _missing(self, model: Model) -> str:
        """What isn't as it must be (yet); empty when all is."""
        problems = [await CHECKS[each](self, model) for each in model.ends]
        return " / ".join(problems) if all(problems) else ""

    async def _is_ready(self, model: Model) -> str:
        report, comment = self.preview.report, self.preview.comment
        image = self.registry.tags.get(f"{self.preview.namespace}/web", {}).get(model.sha)
        running = self.witness.running_images(self.preview.namespace)
        return _first_false(
            {
                f"Ready with {model.sha[:7]}, it is {report.phase} {report.message}": report.phase is Phase.READY
                and report.sha == report.deployed_sha == model.sha,
                f"{image} runs, it is {running}": bool(image)
                and len(running) == 1
                and str(image) in next(iter(running)),
                f"the comment says so, it says {comment}": "Ready" in comment
                and model.sha[:7] in comment
                and str(report.url) in comment,
                "the commit's status is success": self._status(model.sha) == "success",
                f"the colour is {model.colour}": model.colour in (None, self.preview.env("COLOUR")),
            }
        )

    async def _is_failed(self, model: Model) -> str:
        report, comment = self.preview.report, self.preview.comment
        return _first_false(
            {
                f"Failed with {model.sha[:7]}, it is {report.phase} {report.message}": report.phase is Phase.FAILED
                and report.sha == model.sha,
                f"the comment says so, it says {comment}": "Failed" in comment and model.sha[:7] in comment,
                "the commit's status is failure": self._status(model.sha) == "failure",
            }
        )

    async def _is_stopped(self, model: Model) -> str:
        return self._left_over() or _first_false(
            {f"the comment says Stopped, it says {self.preview.comment}": "Stopped by" in self.preview.comment}
        )

    async def _is_gone(self, model: Model) -> str:
        comment = self.preview.comment
        return self._left_over() or _first_false(
            {
                "its workflow has ended": not await self.owners.runs(pull_request_workflow_id(self.preview.key)),
                f"the comment says Torn down, it says {comment}": not comment or "Torn down" in comment,
            }
        )

    def _left_over(self) -> str:
        namespaces = {each["metadata"]["name"] for each in self.cluster.objects("Namespace")}
        mine = {name for name in namespaces if name.startswith(f"{self.team}-") and name.endswith("-pr-1")}
        resources = [each["metadata"]["name"] for each in self.cluster.objects("Environment")]
        images = [name for name, tags in self.registry.tags.items() if tags]
        return f"nothing is left, there are {[*mine, *resources, *images]}" if mine or resources or images else ""

    def _status(self, sha: str) -> str:
        return self.forge.statuses.get(CommitSha(sha), ("", "", None))[0]

    async def check_histories(self) -> None:
        """They stay bounded, and nothing failed that a workflow may not end with."""
        async for execution in self.client.list_workflows(f"TaskQueue = '{self.task_queue}'"):
            handle: Any = self.client.get_workflow_handle(execution.id, run_id=execution.run_id)
            described = await handle.describe()
            assert described.history_length < LONGEST_HISTORY, f"{execution.id} has {described.history_length} events"
            assert described.status is not WorkflowExecutionStatus.FAILED, f"{execution.id} failed"

    async def end(self) -> None:
        """What still runs of this world goes with it: the server is shared."""
        await self.stop_worker()
        for handle in (self.preview.pull_request_workflow, self.preview.environment_workflow):
            try:
                await handle.terminate("end of the test")
            except RPCError:
                continue


def _first_false(conditions: dict[str, bool]) -> str:
    return next((f"must be: {what}" for what, is_so in conditions.items() if not is_so), "")


CHECKS = {
    End.READY: DisorderlyWorld._is_ready,
    End.FAILED: DisorderlyWorld._is_failed,
    End.STOPPED: DisorderlyWorld._is_stopped,
    End.GONE: DisorderlyWorld._is_gone,
}
