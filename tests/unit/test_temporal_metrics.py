"""The metrics of Temporal's own library, where a setting asks for them."""

import socket

import httpx
import pytest

from settings.settings import Settings, WorkerSettings
from worker.__main__ import _runtime


def settings(address: str) -> Settings:
    return Settings(worker=WorkerSettings(temporal_metrics=address))


def test_they_are_not_kept_unless_they_are_asked_for() -> None:
    assert _runtime(settings("")) is None


def test_they_are_where_the_setting_says() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    runtime = _runtime(settings(address))
    assert runtime is not None
    assert httpx.get(f"http://{address}/metrics").status_code == 200


@pytest.mark.parametrize("address", ["nowhere", "203.0.113.1:1"])
def test_where_nothing_can_listen_the_process_ends_with_a_sentence(address: str) -> None:
    with pytest.raises(SystemExit, match=f"CATALYST_WORKER__TEMPORAL_METRICS: nothing can listen on {address}"):
        _runtime(settings(address))
