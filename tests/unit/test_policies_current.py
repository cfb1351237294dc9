"""The generated policies are those of the code."""

from deploy.policies.__main__ import texts
from environments.fencing import fencing_policies


def test_the_policy_files_are_current() -> None:
    stale = [file.name for file, text in texts().items() if not file.exists() or file.read_text() != text]
    assert stale == [], "run: python -m deploy.policies"


def test_only_the_workers_own_writes_are_judged_by_the_fence() -> None:
    made = fencing_policies('system:serviceaccount:a:"b"')
    policies = [obj["spec"] for obj in made if obj["kind"] == "ValidatingAdmissionPolicy"]
    bindings = [obj["spec"] for obj in made if obj["kind"] == "ValidatingAdmissionPolicyBinding"]
    assert len(policies) == len(bindings) == 3
    assert all(binding["validationActions"] == ["Deny"] for binding in bindings)
    for policy in policies:
        (first, *_) = policy["matchConditions"]
        assert first["expression"] == 'request.userInfo.username == "system:serviceaccount:a:\\"b\\""'
        assert policy["failurePolicy"] == "Fail"
