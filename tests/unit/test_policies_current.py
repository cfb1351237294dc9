"""The generated policies are those of the code."""

from deploy.policies.__main__ import FILE, text
from environments.fencing import fencing_policies


def test_the_policy_file_is_current() -> None:
    assert FILE.read_text() == text(), "run: python -m deploy.policies"


def test_only_the_workers_own_writes_are_judged() -> None:
    made = fencing_policies('system:serviceaccount:a:"b"')
    policies = [obj["spec"] for obj in made if obj["kind"] == "ValidatingAdmissionPolicy"]
    bindings = [obj["spec"] for obj in made if obj["kind"] == "ValidatingAdmissionPolicyBinding"]
    assert len(policies) == len(bindings) == 3
    assert all(binding["validationActions"] == ["Deny"] for binding in bindings)
    for policy in policies:
        (first, *_) = policy["matchConditions"]
        assert first["expression"] == 'request.userInfo.username == "system:serviceaccount:a:\\"b\\""'
        assert policy["failurePolicy"] == "Fail"
