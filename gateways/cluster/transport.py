"""HTTP to the API server: JSON in and out, every call bounded in time. kubernetes.aio brings credentials, TLS and the pool.

Its typed models are left aside: they lose fields they don't know, and decoding a big list blocks the event loop.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, cast
from urllib.parse import urlencode, urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from kubernetes.aio import config
from kubernetes.aio.client import ApiClient, Configuration

from activities.protocols import GatewayError
from gateways.cluster.errors import ClusterUnavailable, error_from, unavailable

Method = Literal["GET", "POST", "PATCH", "DELETE"]
CONNECT_SECONDS = 10
USER_AGENT = "catalyst"
PING_SECONDS = 15.0
"""On an open WebSocket; without an answer it counts as broken."""


@dataclass(frozen=True)
class Transport:
    client: ApiClient
    timeout: timedelta
    """For one whole call; streams are bounded by their own silence instead."""

    async def call(
        self,
        method: Method,
        path: str,
        *,
        what: str,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> dict[str, Any]:
        """One call and its JSON answer. Raises GatewayError as in gateways.cluster.errors."""
        try:
            async with asyncio.timeout(self.timeout.total_seconds()):
                headers = {"Accept": accept, "Content-Type": content_type}
                async with self._open(method, path, query, headers, body, self.timeout.total_seconds()) as answer:
                    data = await answer.read()
                    raise_for(answer, data, what)
                    return cast(dict[str, Any], json.loads(data))
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise unavailable(what, error) from error

    async def aclose(self) -> None:
        await untyped(self.client).close()

    @asynccontextmanager
    async def stream(
        self, path: str, *, what: str, query: Mapping[str, str], silence: float | None
    ) -> AsyncIterator[aiohttp.StreamReader]:
        """The body of an answer while it comes; `silence`: seconds without a byte after which the connection counts as dead."""
        try:
            async with self._open("GET", path, query, {"Accept": "*/*"}, None, silence) as answer:
                if answer.status >= 300:
                    raise_for(answer, await answer.read(), what)
                yield answer.content
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise unavailable(what, error) from error

    @asynccontextmanager
    async def websocket(
        self, path: str, query: Sequence[tuple[str, str]], protocols: Sequence[str]
    ) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """Raises what aiohttp raises: the caller knows what the connection was for."""
        headers = {"User-Agent": USER_AGENT}
        await self.client.update_params_for_auth(headers, [], ["BearerToken"], path, "GET", None)
        rest = untyped(self.client.rest_client)
        if rest.pool_manager is None:
            rest.pool_manager = rest._create_pool_manager()
        url = f"{self.client.configuration.host}{path}?{urlencode(query)}"
        options = {"protocols": protocols, "headers": headers, "heartbeat": PING_SECONDS, "max_msg_size": 0}
        async with rest.pool_manager.ws_connect(url, proxy=rest.proxy, **options) as socket:
            yield socket

    @asynccontextmanager
    async def _open(
        self,
        method: Method,
        path: str,
        query: Mapping[str, str] | None,
        headers: dict[str, str],
        body: Any,
        silence: float | None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        # Not ApiClient.call_api: it would drop the nulls from a body, and in a merge patch a null means "remove".
        headers["User-Agent"] = USER_AGENT
        await self.client.update_params_for_auth(headers, [], ["BearerToken"], path, method, body)
        url = f"{self.client.configuration.host}{path}" + (f"?{urlencode(query)}" if query else "")
        limits = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=silence)
        answer = await untyped(self.client.rest_client).request(method, url, headers, body, _request_timeout=limits)
        try:
            yield answer.response
        finally:
            # Closes the connection when the body wasn't read to its end; a read one went back to the pool already.
            answer.response.close()


def untyped(part: Any) -> Any:
    """For the parts of the client library that have no annotations."""
    return part


def raise_for(answer: aiohttp.ClientResponse, data: bytes, what: str) -> None:
    if answer.status >= 300:
        raise error_from(answer.status, data, what, answer.headers.get("Retry-After"))


async def connect_transport(kubeconfig: str | None, timeout: timedelta) -> Transport:
    """Credentials from a kubeconfig file, or from the pod's account when None. Raises GatewayError when they can't be read."""
    configuration = Configuration()
    # Every watch holds a connection; a bounded pool would let enough of them stand in the way of all other calls.
    configuration.connection_pool_maxsize = 0
    # The library would read ~/.netrc for every call, and send what stands there to the API server.
    configuration.client_session_kwargs = {"trust_env": False}
    try:
        if kubeconfig is None:
            untyped(config).load_incluster_config(configuration)
        else:
            await untyped(config).load_kube_config(kubeconfig, client_configuration=configuration, persist_config=False)
        configuration.proxy = configuration.proxy or _environments_proxy(configuration.host)
        return Transport(ApiClient(configuration), timeout)
    except (config.ConfigException, OSError, ValueError) as error:
        source = kubeconfig or "the pod's service account"
        raise _unreadable(source, error) from error


def _environments_proxy(url: str) -> str | None:
    """Where HTTPS_PROXY and NO_PROXY send calls to this URL, as kubectl has it."""
    parts = urlsplit(url)
    return None if proxy_bypass(parts.hostname or "") else getproxies().get(parts.scheme)


def _unreadable(source: str, error: Exception) -> GatewayError:
    return ClusterUnavailable(f"The Kubernetes credentials from {source} can't be read: {str(error)[:300]}")
