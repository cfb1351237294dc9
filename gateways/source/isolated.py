"""Git without anybody's configuration but ours."""

import base64

from activities.protocols import Credential

SETTINGS = {
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "credential.helper": "",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "submodule.recurse": "false",
    "fetch.recurseSubmodules": "false",
    "advice.detachedHead": "false",
    "init.defaultBranch": "main",
    "http.followRedirects": "false",
}


def git_environment(credential: Credential | None, allow_file_urls: bool = False) -> dict[str, str]:
    """Settings and credential by environment: never on a command line, never in the folder's own configuration."""
    settings = dict(SETTINGS)
    if credential:
        token = base64.b64encode(f"{credential.username}:{credential.password}".encode()).decode()
        settings["http.extraHeader"] = f"Authorization: Basic {token}"
    environment = {
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_ALLOW_PROTOCOL": "http:https:file" if allow_file_urls else "http:https",
        "GIT_LFS_SKIP_SMUDGE": "1",
        "LC_ALL": "C",
        "GIT_CONFIG_COUNT": str(len(settings)),
    }
    for number, (key, value) in enumerate(settings.items()):
        environment |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return environment
