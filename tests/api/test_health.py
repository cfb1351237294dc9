"""Health, readiness, metrics and the description of the API."""

import json
from datetime import UTC, datetime, timedelta

from opentelemetry.trace import NoOpTracerProvider
from sqlalchemy import text, update

from activities.kinds import NAMESPACE
from activities.protocols import GatewayError
from store.models import DeliveryRow
from telemetry.calls import observed
from tests.api.conftest import Api, pull_request
from tests.postgresql import Place


async def test_the_process_says_that_it_lives_without_asking_anybody(api: Api) -> None:
    api.client.headers.pop("Authorization")
    answer = await api.client.get("/healthz")
    assert (answer.status_code, answer.json(), api.owners.calls) == (200, {"status": "ok"}, [])


async def test_ready_without_temporal_says_what_is_wrong(api: Api) -> None:
    await api.webhook(pull_request("opened"))
    answer = await api.client.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"database": "ok", "temporal": "ok", "waiting": 1})
    api.owners.fail_next("runs", GatewayError("Temporal can't be reached."))
    answer = await api.client.get("/readyz")
    assert (answer.status_code, answer.json()["temporal"]) == (200, "Temporal can't be reached.")


async def test_not_ready_without_the_database(api: Api, place: Place) -> None:
    place.take_away()
    answer = await api.client.get("/readyz")
    assert (answer.status_code, answer.json()["reason"]) == (503, "DatabaseUnavailable")


async def test_what_happened_is_counted(api: Api) -> None:
    await api.webhook(pull_request("opened"))
    await api.webhook(pull_request("opened"))
    await api.client.get("/api/v1/environments/somebody")
    await api.dispatcher.hand_on()
    api.client.headers.pop("Authorization")
    told = (await api.client.get("/metrics")).text
    for line in (
        'catalyst_webhook_deliveries_total{forge="gitea",result="stored"} 1.0',
        'catalyst_webhook_deliveries_total{forge="gitea",result="duplicate"} 1.0',
        'catalyst_deliveries_handed_total{result="accepted"} 1.0',
        "catalyst_delivery_lag_seconds_count 1.0",
        "catalyst_deliveries_waiting 0.0",
        'catalyst_http_request_seconds_count{method="POST",route="/webhooks/gitea",status="202"} 2.0',
        'catalyst_http_request_seconds_count{method="GET",route="/api/v1/environments/{namespace}",status="404"} 1.0',
    ):
        assert line in told
    assert "somebody" not in told, "open to everybody, so it names nobody's environment"


async def test_how_long_the_oldest_webhook_waits_is_told(api: Api) -> None:
    await api.client.get("/metrics")
    assert api.metric("catalyst_delivery_oldest_seconds") == 0
    await api.webhook(pull_request("opened"))
    async with api.database.write() as session:
        await session.execute(update(DeliveryRow).values(received_at=datetime.now(UTC) - timedelta(minutes=5)))
    await api.client.get("/metrics")
    assert 300 <= api.metric("catalyst_delivery_oldest_seconds") < 360


async def test_methods_that_clients_make_up_are_one(api: Api) -> None:
    for method in ("BREW", "WHEN"):
        await api.client.request(method, "/healthz")
    told = (await api.client.get("/metrics")).text
    assert 'method="other",route="/healthz",status="405"} 2.0' in told
    assert "BREW" not in told


async def test_calls_of_outside_systems_are_told_too(api: Api) -> None:
    await observed(api.cluster, "cluster", NoOpTracerProvider()).list(NAMESPACE)
    told = (await api.client.get("/metrics")).text
    assert 'catalyst_gateway_call_seconds_count{call="list",gateway="cluster",result="ok"}' in told


async def test_every_operation_is_described(api: Api) -> None:
    document = (await api.client.get("/openapi.json")).json()
    operations = [each for path in document["paths"].values() for each in path.values()]
    assert len(operations) >= 12
    for operation in operations:
        assert operation["summary"]
        assert "_" in operation["operationId"] or operation["operationId"].isalpha()
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                schema = response["content"]["application/json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/Problem"}, operation["operationId"]
    assert len({operation["operationId"] for operation in operations}) == len(operations)
    assert "HTTPValidationError" not in json.dumps(document)


async def test_a_mistake_of_ours_is_answered_without_its_details(api: Api) -> None:
    async with api.database.write() as session:
        await session.execute(
            text(
                "INSERT INTO environments (namespace, uid, team, project, environment, forge, repository_id, number, phase, report,"
                " created_at, updated_at, branch) VALUES ('x','u','t','p','e',NULL,NULL,NULL,'Ready','{\"odd\": \"secret\"}','2026-01-01','2026-01-01','')"
            )
        )
    answer = await api.client.get("/api/v1/environments/x")
    assert (answer.status_code, answer.json()["reason"], "secret" in answer.text) == (500, "Internal", False)
