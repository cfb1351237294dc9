"""Whatever happens to a pull request, in whatever order, with webhooks lost, doubled and late, outside systems away, workers
restarted and activities that wake up late: no moment is wrong, and the end is right (issue 5).

A few derandomised examples by default; CATALYST_EXAMPLES=<n> runs that many random ones (`make crashes`: 200).
"""

import asyncio
import os
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, ClassVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from environments.work import OverrideRequest, Request
from tests.disorder.model import Model
from tests.disorder.world import AWAY, DisorderlyWorld

EXAMPLES = int(os.environ.get("CATALYST_EXAMPLES") or 0)
FEW, STEPS = 5, 14
SETTINGS = settings(
    max_examples=EXAMPLES or FEW,
    derandomize=not EXAMPLES,
    stateful_step_count=STEPS,
    deadline=None,
    database=None,
    # An example takes seconds and depends on the moment: there is no use in trying to make it smaller.
    phases=[Phase.generate],
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)
FIRST = "a" * 40
webhooks = st.sampled_from(["heard", "lost", "doubled", "delayed"])
sleepers = st.sampled_from(
    ["look", "declare", "remove", "report", "observe", "publish", "check", "override"]
    + ["prepare", "inspect", "build", "deploy", "wait_ready", "tear_down", "release"]
)
ailing = st.sampled_from(
    [("forge", "pull_request"), ("forge", "put_comment"), ("forge", "put_status"), ("registry", "repositories")]
    + [("registry", "delete_repository"), ("source", "checkout"), ("builder", "build"), ("probe", "get")]
)
cluster_calls = st.sampled_from(["get", "list", "list_all", "create", "apply", "patch", "delete"])


class AnyOrder(RuleBasedStateMachine):
    runner: ClassVar[asyncio.Runner]
    client: ClassVar[Client]

    def __init__(self) -> None:
        super().__init__()
        self.model = Model(FIRST)
        self.folder = tempfile.TemporaryDirectory()
        self.late: list[str] = []
        """Webhooks that are still on their way."""
        self.is_settled = False

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        self.is_settled = False
        return self.runner.run(work)

    def hear(self, signal: str, webhook: str) -> None:
        for _ in range({"heard": 1, "doubled": 2}.get(webhook, 0)):
            self.do(self.world.hear(signal))
        if webhook in ("delayed", "doubled"):
            self.late.append(signal)

    @initialize(webhook=webhooks)
    def opened(self, webhook: str) -> None:
        async def begin() -> None:
            self.world = DisorderlyWorld(self.client, Path(self.folder.name), FIRST)
            await self.world.start_worker()

        self.do(begin())
        self.hear("new_commit", webhook)

    # --- the forge -----------------------------------------------------------------------------------------------

    @rule(webhook=webhooks, is_broken=st.sampled_from([False, False, False, True]))
    def push(self, webhook: str, is_broken: bool) -> None:
        self.world.push(self.model.push(is_broken), is_broken)
        self.hear("new_commit", webhook)

    @precondition(lambda self: self.model.is_open)
    @rule(webhook=webhooks)
    def close(self, webhook: str) -> None:
        self.world.forge.close(self.world.preview.key)
        self.model.close()
        self.hear("close", webhook)

    @precondition(lambda self: not self.model.is_open)
    @rule(webhook=webhooks)
    def reopen(self, webhook: str) -> None:
        self.world.forge.reopen(self.world.preview.key)
        self.model.reopen()
        self.hear("new_commit", webhook)

    @precondition(lambda self: self.model.is_open)
    @rule(name=st.sampled_from(["shop", "store"]))
    def rename(self, name: str) -> None:
        if name != self.model.name:
            self.world.rename(name)
            self.model.rename(name)

    @precondition(lambda self: self.late)
    @rule(order=st.randoms(use_true_random=False))
    def late_webhooks(self, order: Any) -> None:
        order.shuffle(self.late)
        for signal in self.late:
            self.do(self.world.hear(signal))
        self.late.clear()

    # --- people --------------------------------------------------------------------------------------------------

    @rule()
    def retry(self) -> None:
        if self.do(self.world.ask("retry", Request(by="bob"))):
            self.model.retry()

    @precondition(lambda self: self.model.is_open)
    @rule()
    def stop(self) -> None:
        if self.do(self.world.ask("close", Request(by="alice"))):
            self.model.stop()

    @precondition(lambda self: self.is_settled and self.model.is_open and not self.model.may_be_stopped)
    @rule(colour=st.sampled_from(["green", "blue"]))
    def override(self, colour: str) -> None:
        request = OverrideRequest(by="dora", env={"COLOUR": colour}, scope="environment")
        if self.do(self.world.ask("override", request)):
            self.model.colour = colour

    @precondition(lambda self: self.model.is_open)
    @rule()
    def delete_by_hand(self) -> None:
        is_settled = self.is_settled
        if self.do(self.world.delete_by_hand()):
            self.model.delete_by_hand(is_settled)

    # --- what goes wrong -----------------------------------------------------------------------------------------

    @rule()
    def restart_worker(self) -> None:
        self.do(self.world.stop_worker())
        self.do(self.world.start_worker())

    @rule(call=ailing, times=st.integers(1, 3))
    def gateway_fails(self, call: tuple[str, str], times: int) -> None:
        getattr(self.world, call[0]).fail_next(call[1], AWAY, times)

    @rule(call=ailing)
    def gateway_hangs(self, call: tuple[str, str]) -> None:
        getattr(self.world, call[0]).hangs.add(call[1])

    @rule(operation=cluster_calls, times=st.integers(1, 3))
    def cluster_fails(self, operation: Any, times: int) -> None:
        self.world.cluster.fail_next(operation, AWAY, times)

    @rule(name=sleepers)
    def falls_asleep(self, name: str) -> None:
        self.world.zombies.put_to_sleep(name)

    # --- time passes ---------------------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([0.05, 0.3, 1.0]))
    def wait(self, seconds: float) -> None:
        self.do(asyncio.sleep(seconds))

    @rule()
    def settle(self) -> None:
        self.do(self.world.settle(self.model))
        self.model.settle()
        self.is_settled = True

    @invariant()
    def nothing_was_ever_wrong(self) -> None:
        if hasattr(self, "world"):
            assert not self.world.witness.violations

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        try:
            self.settle()
            self.runner.run(self._close_for_good())
            self.nothing_was_ever_wrong()
        finally:
            self.runner.run(self.world.end())
            self.folder.cleanup()

    async def _close_for_good(self) -> None:
        self.world.forge.close(self.world.preview.key)
        self.model.close()
        await self.world.settle(self.model)
        await self.world.check_histories()


def test_events_in_any_order(temporal: WorkflowEnvironment) -> None:
    address = temporal.client.service_client.config.target_host
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        AnyOrder.runner = runner
        AnyOrder.client = runner.run(Client.connect(address, data_converter=pydantic_data_converter))
        run_state_machine_as_test(AnyOrder, settings=SETTINGS)
