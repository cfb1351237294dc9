"""The generated roles are those of the code."""

import yaml

from deploy.rbac.__main__ import texts
from environments.permissions import allows


def test_the_generated_files_are_current() -> None:
    stale = [file.name for file, text in texts().items() if not file.exists() or file.read_text() != text]
    assert stale == [], "run python -m deploy.rbac"


def test_nothing_is_granted_by_a_wildcard_and_no_secret_is_read() -> None:
    roles = [obj for text in texts().values() for obj in yaml.safe_load_all(text) if "rules" in obj]
    words = [word for role in roles for rule in role["rules"] for words in rule.values() for word in words]
    assert roles and "*" not in words and "secrets" not in words


def test_a_right_in_one_namespace_is_none_in_another() -> None:
    assert allows("get", "coordination.k8s.io", "Lease", "catalyst-system")
    assert not allows("get", "coordination.k8s.io", "Lease", "kube-system")
    assert allows("get", "", "Pod", "anywhere", "log") and not allows("get", "", "Pod", "anywhere", "attach")
