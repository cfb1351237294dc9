"""A new worker takes over while much is in flight: it disturbs nothing (issue 5, "Upgrade")."""

from tests.e2e.world import Platform, sample

MANY = 20
ALL_SECONDS = 600


def test_a_worker_replaced_under_twenty_live_rollouts(chaos: Platform) -> None:
    repository = chaos.repository()
    previews = [repository.opened(sample("prebuilt"), branch=f"change-{number}") for number in range(MANY)]
    in_flight = [each for each in previews if each.report().get("phase") != "Ready"]
    assert in_flight, "all were Ready before the worker was replaced"
    chaos.machine.stop("worker")
    chaos.machine.start("worker")
    for preview in previews:
        report = preview.becomes("Ready", within=ALL_SECONDS)
        assert report["rollout"] == 1, "the attempt goes on instead of beginning anew"
        preview.answers_only("nginx")
    for preview in previews:
        preview.closed()
    for preview in previews:
        preview.is_gone(within=ALL_SECONDS)
