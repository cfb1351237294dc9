"""`python -m egress`: runs the forward proxy by which previews and builds get out, until SIGTERM or SIGINT (docs/decisions/0015)."""

import asyncio
import logging
import signal
from contextlib import AsyncExitStack, suppress

from egress.follower import Follower
from egress.telling import Telling
from gateways.cluster.kubernetes import KubernetesCluster
from gateways.proxy.configuration import Package
from gateways.proxy.squid import ProxyBroken, open_squid
from settings.egress import closed_of, mirrors_of, proxy_of, upstream_of
from settings.logging import configure_logging
from settings.settings import Settings, load_settings
from store.logs import FileLogs

LOG = logging.getLogger("catalyst.egress")


async def main() -> None:
    settings = load_settings()
    configure_logging(settings.logs)
    _cancel_on_signals()
    with suppress(asyncio.CancelledError):
        try:
            await _run(settings)
        except ProxyBroken as error:
            raise SystemExit(str(error)) from None


async def _run(settings: Settings) -> None:
    """A part that dies takes the process with it, so that its supervisor sees it."""
    proxy = proxy_of(settings)
    if proxy is None:
        raise SystemExit("CATALYST_EGRESS is `open`: there is nothing for this process to do.")
    async with AsyncExitStack() as stack:
        cluster = await KubernetesCluster.connect(str(settings.kubeconfig) if settings.kubeconfig else None)
        stack.push_async_callback(cluster.aclose)
        squid, refusals = await stack.enter_async_context(
            open_squid(Package(settings.proxy.package), settings.proxy.folder, settings.proxy.user)
        )
        follower = Follower(
            cluster=cluster,
            proxy=proxy,
            forward=squid,
            closed=closed_of(settings),
            extra_ports=mirrors_of(settings).ports(),
            upstream=upstream_of(settings),
        )
        telling = Telling(cluster, FileLogs(settings.logs.folder, settings.logs.max_bytes), lambda: follower.state)
        LOG.info("the egress proxy runs", extra={"address": proxy.address, "first_port": proxy.first_port})
        parts = await stack.enter_async_context(asyncio.TaskGroup())
        parts.create_task(follower.follow())
        parts.create_task(telling.tell_all(refusals))


def _cancel_on_signals() -> None:
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)


if __name__ == "__main__":
    asyncio.run(main())
