"""What people do on GitHub and see there: how tests act, without HTTP."""

from emulators.github.people.apps import AppPeople
from emulators.github.people.base import Webhook
from emulators.github.people.conversations import ConversationPeople
from emulators.github.people.repositories import RepositoryPeople

__all__ = ["People", "Webhook"]


class People(RepositoryPeople, ConversationPeople, AppPeople):
    """Repositories are named by owner and name, people by login; `by` is who does it (without: the repository's owner).
    Accounts come to be when they are first named. Everything raises ApiError where GitHub would refuse."""
