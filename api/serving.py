"""Several listeners in one process, which end together."""

import asyncio
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import structlog
import uvicorn
from fastapi import FastAPI

from activities.protocols import GatewayError
from settings.settings import ApiSettings, ReviewSettings

GRACE_SECONDS = 5
"""For requests that run at SIGTERM; followed logs are cut then."""

log = structlog.get_logger()


class CertificateUnusable(GatewayError):
    """A listener's certificate or its key can't be read; nothing mends it by itself."""

    retryable = False


class Server(uvicorn.Server):
    """One of several: uvicorn's own handling of signals knows one server per process."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def api_server(app: FastAPI, settings: ApiSettings) -> Server:
    return Server(_config(app, settings.host, settings.port))


def review_server(app: FastAPI, settings: ReviewSettings) -> Server:
    """With TLS; the certificate is read once. Raises CertificateUnusable."""
    config = _config(app, settings.host, settings.port)
    config.ssl_certfile, config.ssl_keyfile = settings.certificate, settings.key
    try:
        config.load()
    except OSError as error:  # what OpenSSL says of a file that holds something else is one, too
        text = f"The certificate {settings.certificate} with the key {settings.key} can't be used: {error}."
        raise CertificateUnusable(f"{text} See CATALYST_REVIEWS__CERTIFICATE and CATALYST_REVIEWS__KEY.") from error
    return Server(config)


async def serve_all(servers: Sequence[Server]) -> None:
    """Until SIGTERM or SIGINT, or until one of them ends."""
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, _end, servers, number)
    async with asyncio.TaskGroup() as tasks:
        for server in servers:
            tasks.create_task(_serve(server, servers))


async def _serve(server: Server, servers: Sequence[Server]) -> None:
    await server.serve()
    for each in servers:
        each.should_exit = True


def _end(servers: Sequence[Server], number: int) -> None:
    log.info("asked to end")
    for server in servers:
        server.handle_exit(number, None)


def _config(app: FastAPI, host: str, port: int) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
        server_header=False,
    )
