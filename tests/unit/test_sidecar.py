"""What a sidecar's word means for a rollout, and what people are told."""

from datetime import timedelta

import pytest

from environments.hints import hint_for
from environments.model import (
    CommitSha,
    DeploymentMethod,
    EnvironmentIdentity,
    EnvironmentKey,
    EnvironmentUid,
    NamespaceName,
    Phase,
    Template,
)
from environments.sidecar import (
    CommandPhase,
    Kept,
    SidecarState,
    delivery_of,
    kept_note,
    not_listening,
    verdict_of,
    waiting_for,
)
from environments.work import RolloutRequest, Target

SHA = CommitSha("a" * 40)
TEMPLATE = Template(
    method=DeploymentMethod.SOURCE, command="npm run dev", install_command="npm ci", port=3000, workdir="web"
)
REQUEST = RolloutRequest(
    key=EnvironmentKey(namespace=NamespaceName("acme-shop"), name="pr-7"),
    identity=EnvironmentIdentity(team="acme", project="shop", environment="pr-7"),
    namespace=NamespaceName("acme-shop-pr-7"),
    uid=EnvironmentUid("u"),
    rollout=3,
    target=Target(sha=SHA, branch="feature", retry=0, settings=""),
)
RUNNING = SidecarState(rollout=3, sha=SHA, phase=CommandPhase.RUNNING, port=5173)


def failed(tail: str = "", **update: object) -> SidecarState:
    lines = tuple(tail.splitlines())
    return RUNNING.model_copy(
        update={"phase": CommandPhase.FAILED, "exit_code": 1, "tail": lines, "port": None} | update
    )


def test_ready_is_this_rollout_of_this_commit_with_a_port_that_takes_connections() -> None:
    assert verdict_of(RUNNING, REQUEST, TEMPLATE) is not None
    for other in (
        {"rollout": 2},
        {"rollout": 4},
        {"sha": "b" * 40},
        {"port": None},
        {"phase": CommandPhase.INSTALLING},
    ):
        assert verdict_of(RUNNING.model_copy(update=other), REQUEST, TEMPLATE) is None


def test_a_shell_is_ready_without_a_port() -> None:
    idle = RUNNING.model_copy(update={"phase": CommandPhase.IDLE, "port": None})
    found = verdict_of(idle, REQUEST, TEMPLATE.model_copy(update={"method": DeploymentMethod.SHELL}))
    assert found is not None and found.phase is Phase.READY


def test_a_failing_command_is_degraded_with_cause_and_hint() -> None:
    found = verdict_of(failed('npm error Missing script: "dev"'), REQUEST, TEMPLATE)
    assert found is not None
    assert (found.phase, found.reason) == (Phase.DEGRADED, "CommandFailed")
    assert found.message == (
        "The command `npm run dev` ended with exit code 1. "
        "package.json has no script `dev`: add it, or override the command."
    )
    assert found.failed_log == "acme-shop-pr-7/3/command"


def test_an_installation_that_fails_names_its_command() -> None:
    found = verdict_of(failed("boom", phase=CommandPhase.INSTALL_FAILED), REQUEST, TEMPLATE)
    assert found is not None and found.reason == "InstallFailed"
    assert "`npm ci` ended with exit code 1" in found.message


def test_memory_that_ran_out_is_said_as_such() -> None:
    found = verdict_of(failed("", is_out_of_memory=True, signal="KILL", exit_code=None), REQUEST, TEMPLATE)
    assert found is not None and found.reason == "OutOfMemory"
    assert "no memory left" in found.message and "raise the limit" in found.message
    assert found.failed_log is None


@pytest.mark.parametrize(
    ("tail", "code", "hint"),
    [
        ("Error: listen EADDRINUSE: address already in use :::3000", 1, "Port 3000 is taken"),
        ("Error: Cannot find module 'express'\nRequire stack:", 1, "The module `express` isn't installed"),
        ("ModuleNotFoundError: No module named 'flask'", 1, "The module `flask` isn't installed"),
        ("sh: 1: vite: not found", 127, "The command wasn't found"),
        ("FATAL ERROR: JavaScript heap out of memory", 134, "It needed more memory"),
        ("npm error code EUSAGE", 1, "The lockfile doesn't fit"),
        ("", 0, "ended by itself"),
        ("no idea", 1, ""),
        ("Cannot find module '`rm -rf`{0}'", 1, "The module `rm -rf{0}` isn't installed"),
    ],
)
def test_hints(tail: str, code: int, hint: str) -> None:
    found = hint_for(tail.splitlines(), code)
    assert hint in found and bool(hint) == bool(found)


def test_a_delivery_says_what_a_commit_asks_for() -> None:
    delivery = delivery_of(REQUEST, TEMPLATE)
    assert (delivery.rollout, delivery.sha, delivery.branch, delivery.workdir) == (3, SHA, "feature", "web")
    assert delivery.command is not None and delivery.command.endswith("; npm run dev")
    shell = delivery_of(REQUEST, TEMPLATE.model_copy(update={"method": DeploymentMethod.SHELL}))
    assert shell.command is None


def test_what_is_waited_for_is_said() -> None:
    assert "hasn't arrived" in waiting_for(None, TEMPLATE)
    assert "`npm ci`" in waiting_for(RUNNING.model_copy(update={"phase": CommandPhase.INSTALLING}), TEMPLATE)
    assert "listens on no port" in waiting_for(RUNNING, TEMPLATE)
    fixed = TEMPLATE.model_copy(update={"is_port_fixed": True})
    assert "on port 3000" in not_listening(fixed, timedelta(minutes=5))
    assert "on port" not in not_listening(TEMPLATE, timedelta(minutes=5))


def test_kept_changes_are_named_up_to_a_point() -> None:
    text = kept_note(Kept(ref="refs/catalyst/kept/3", files=("a.js", "b.js"), count=9))
    assert "`a.js`, `b.js` and 7 more" in text and "`refs/catalyst/kept/3`" in text
