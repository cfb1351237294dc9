"""What an earlier run left when it was broken off: open pull requests, repositories, floors."""

from deploy.demo.floor import remove_leftovers
from deploy.demo.platform import Platform, eventually
from environments import names

GONE_SECONDS = 120


def remove(platform: Platform, owner: str) -> None:
    """Close the owner's pull requests, wait until their previews are gone, then delete the repositories.

    Raises NotAsExpected, PeopleRefused.
    """
    people = platform.people
    people.create_organisation(owner)
    repositories = people.repositories(owner)
    closed = [(name, number) for name in repositories for number in people.open_pull_requests(owner, name)]
    for name, number in closed:
        people.close(owner, name, number)
    for name, number in closed:
        _wait_until_gone(platform, names.environment_namespace(owner, name, names.preview_name(number)))
    for name in repositories:
        people.delete_repository(owner, name)
    remove_leftovers(platform, f"{owner}-")


def _wait_until_gone(platform: Platform, namespace: str) -> None:
    eventually(
        lambda: not platform.namespaces(namespace),
        GONE_SECONDS,
        lambda: f"The namespace {namespace} of an earlier run stays: see `make logs p=worker`.",
    )
