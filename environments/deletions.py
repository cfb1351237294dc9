"""Who deletes an Environment by hand: Kubernetes keeps nobody's name of it, but asks before it does (docs/decisions/0018). Pure.

The API server asks about people only; what it is told by (CEL) and what the answering side takes (Python) stand side by side.
"""

import base64

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from environments import labels
from environments.admission import API, one_of, quoted, rule
from environments.markdown import cut, one_line
from environments.model import EnvironmentKey, EnvironmentUid, KubernetesObject, NamespaceName, Value

NAME = "catalyst-deletions"
MOST_OF_A_NAME = 200
"""Characters of a user's name; identity providers put whole URLs into them."""
SECONDS = 2
"""The API server waits for us so long at most, and then deletes all the same."""
CONTROLLERS = "system:serviceaccount:kube-system:"
"""Garbage collector and namespace controller are accounts in there, or the one below on clusters that give them none of their own."""
CONTROLLER_MANAGER = "system:kube-controller-manager"


class Fields(BaseModel):
    """As the API server spells them; of its many, those that are read."""

    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel)


class User(Fields):
    username: str


class Metadata(Fields):
    namespace: NamespaceName
    name: str
    uid: EnvironmentUid
    deletion_timestamp: str | None = None


class Stored(Fields):
    kind: str
    metadata: Metadata


class ReviewRequest(Fields):
    uid: str
    """Of the question; the answer repeats it."""
    operation: str
    user_info: User
    old_object: Stored
    """With the name that the request itself lacks when a whole collection is deleted."""
    dry_run: bool = False


class Review(Fields):
    """`AdmissionReview` of admission.k8s.io/v1."""

    request: ReviewRequest


class Deletion(Value):
    """Somebody asked the API server to delete that resource."""

    key: EnvironmentKey
    uid: EnvironmentUid
    by: str
    """Name by which the API server knows them, on one line, at most MOST_OF_A_NAME characters."""


def deletion_of(request: ReviewRequest, account: str) -> Deletion | None:
    """None for what no person begins: tries, what is being deleted already, the cluster's and our own (`account`) doings."""
    stored, user = request.old_object, request.user_info.username
    is_begun = stored.metadata.deletion_timestamp is not None
    if request.operation != "DELETE" or stored.kind != "Environment" or request.dry_run or is_begun:
        return None
    if user in (account, CONTROLLER_MANAGER) or user.startswith(CONTROLLERS):
        return None
    key = EnvironmentKey(namespace=stored.metadata.namespace, name=stored.metadata.name)
    return Deletion(key=key, uid=stored.metadata.uid, by=cut(one_line(user), MOST_OF_A_NAME))


def deleter(user: str) -> str:
    """Within a sentence; `user`: a Deletion's, empty where it isn't known."""
    if not user:
        return "somebody who deleted its Environment resource"
    return f"the Kubernetes user `{user.replace('`', chr(39))}`, who deleted its Environment resource"


def review_configuration(url: str, authority: str, account: str) -> KubernetesObject:
    """What has the API server ask at `url` (https, the path with its secret); `authority`: PEM of the CA that signed for it.

    Nothing waits for the answer longer than SECONDS, and nothing depends on it.
    """
    webhook = {
        "name": "deletions.catalyst.dev",
        "clientConfig": {"url": url, "caBundle": base64.b64encode(authority.encode()).decode()},
        "rules": [rule(labels.API_VERSION.partition("/")[0], "environments", "DELETE", "Namespaced")],
        "matchConditions": [{"name": name, "expression": cel} for name, cel in _conditions(account).items()],
        "failurePolicy": "Ignore",
        "timeoutSeconds": SECONDS,
        "sideEffects": "NoneOnDryRun",
        "admissionReviewVersions": ["v1"],
    }
    metadata = {"name": NAME, "labels": {labels.MANAGED_BY: labels.MANAGER}}
    return {"apiVersion": API, "kind": "ValidatingWebhookConfiguration", "metadata": metadata, "webhooks": [webhook]}


def _conditions(account: str) -> dict[str, str]:
    """The same as deletion_of() has them, so that our own and the cluster's deletions don't even ask."""
    user = "request.userInfo.username"
    return {
        "is-a-person": f"!({one_of(user, (account, CONTROLLER_MANAGER))} || {user}.startsWith({quoted(CONTROLLERS)}))",
        "is-not-leaving": "!has(oldObject.metadata.deletionTimestamp)",
    }
