"""One way to connect to Temporal: its own environment variables and profiles, our data converter."""

from collections.abc import Sequence

from temporalio.client import Client, Interceptor
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.envconfig import ClientConfig
from temporalio.runtime import Runtime

DEFAULT_ADDRESS = "localhost:7233"


async def connect_temporal(
    interceptors: Sequence[Interceptor] = (), *, runtime: Runtime | None = None, lazy: bool = False
) -> Client:
    """TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_API_KEY, TLS … as Temporal documents them; `lazy`: at the first call only."""
    config = ClientConfig.load_client_connect_config()
    config.setdefault("target_host", DEFAULT_ADDRESS)
    return await Client.connect(
        **config,
        data_converter=pydantic_data_converter,
        interceptors=interceptors,
        runtime=runtime,
        lazy=lazy,
    )
