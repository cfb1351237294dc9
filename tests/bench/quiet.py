"""`python -m tests.bench.quiet 1000`: memory in MiB of a worker with so many quiet pull requests, on a real Temporal with fake gateways.

The fakes and what they hold lie in the same process and count too.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from environments.model import Phase
from settings.settings import WorkerSettings
from tests.bench.series import Measured
from tests.workflows.world import A, World
from workflows import visibility

QUIET_MEMORY = "1,000 quiet pull requests: memory of the worker"
MANY = 1000
AT_ONCE = 20
LIMIT_SECONDS = 900
PREBUILT = {
    ".catalyst.yaml": "templates:\n  development:\n    type: prebuilt\n    values:\n      image: {repository: nginx, tag: '1.22'}\n"
}


def quiet(measured: Measured) -> None:
    """In a process of its own, so that the bench's own memory doesn't count."""
    command = [sys.executable, "-m", "tests.bench.quiet", str(MANY)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=LIMIT_SECONDS)
    measured.note(QUIET_MEMORY, float(done.stdout))


class _Cached(World):
    """As in production: a workflow that is quiet stays in memory until the cache is full."""

    cached_workflows = WorkerSettings().max_cached_workflows
    patience_seconds = 600


async def _memory(many: int) -> float:
    server = Path(sys.executable).parent / "temporal"
    temporal = await WorkflowEnvironment.start_local(
        data_converter=pydantic_data_converter, dev_server_existing_path=str(server), search_attributes=visibility.ALL
    )
    try:
        with tempfile.TemporaryDirectory() as folder:
            world = _Cached(temporal.client, Path(folder))
            world.registry.tags["nginx"] = {"1.22": "sha256:" + "0" * 64}
            await world.start_worker()
            slots = asyncio.Semaphore(AT_ONCE)
            await asyncio.gather(*(_opened(world, slots, number) for number in range(many)))
            resident = _resident()
            await world.stop_worker()
            return resident
    finally:
        await temporal.shutdown()


async def _opened(world: World, slots: asyncio.Semaphore, number: int) -> None:
    async with slots:
        preview = await world.open(PREBUILT, A, f"quiet-{number}")
        await preview.becomes(Phase.READY)


def _resident() -> float:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


if __name__ == "__main__":
    print(asyncio.run(_memory(int(sys.argv[1]))))
