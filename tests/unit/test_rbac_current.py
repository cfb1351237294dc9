"""The generated roles are those of the code."""

import yaml

from deploy.rbac.__main__ import texts
from environments.model import KubernetesObject
from environments.owner_role import READ, owner_role_object
from environments.permissions import allows


def test_the_generated_files_are_current() -> None:
    stale = [file.name for file, text in texts().items() if not file.exists() or file.read_text() != text]
    assert stale == [], "run python -m deploy.rbac"


def _words(role: KubernetesObject) -> set[str]:
    return {word for rule in role["rules"] for words in rule.values() for word in words}


def test_nothing_is_granted_by_a_wildcard_and_the_product_reads_no_secret() -> None:
    roles = [obj for text in texts().values() for obj in yaml.safe_load_all(text) if "rules" in obj]
    assert {role["metadata"]["name"] for role in roles} == {"catalyst:product", "catalyst:owner"}
    for role in roles:
        assert "*" not in _words(role)
        assert ("secrets" in _words(role)) == (role["metadata"]["name"] == "catalyst:owner")


def test_an_owner_writes_neither_bounds_nor_rights_nor_addresses() -> None:
    kept = {"resourcequotas", "limitranges", "namespaces", "endpoints", "endpointslices", "roles", "rolebindings"}
    writing = {
        word for rule in owner_role_object()["rules"] if set(rule["verbs"]) - set(READ) for word in rule["resources"]
    }
    assert writing and not writing & (kept | {"serviceaccounts/token", "pods/status", "services/status", "pods/proxy"})


def test_a_right_in_one_namespace_is_none_in_another() -> None:
    assert allows("get", "coordination.k8s.io", "Lease", "catalyst-system")
    assert not allows("get", "coordination.k8s.io", "Lease", "kube-system")
    assert allows("get", "", "Pod", "anywhere", "log") and not allows("get", "", "Pod", "anywhere", "attach")
