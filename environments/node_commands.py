"""Shell commands that install and start a Node project in the pod, without anything but Node and npm there."""

import posixpath
import re
import shlex

from environments.detection.folders import ROOT, Folder
from environments.detection.node import Install, find_install
from environments.model import PackageManager

NODE_IMAGE = "node:22"
TOOLS = "/cache/tools"
"""Where package managers are installed; first in PATH of every command (environments.deployment.source)."""
VERSIONS = {PackageManager.PNPM: "9", PackageManager.YARN: "1", PackageManager.BUN: "1"}
"""Majors that read the lockfiles of those before them, for projects that name none."""
BERRY = "4"
"""Yarn after 1, which is another package."""


def install_command(folder: Folder) -> str:
    """As CI does it: exactly what the lockfile says, where there is one."""
    found = find_install(folder)
    up = posixpath.relpath(found.folder, folder.path) if found.folder != folder.path else ROOT
    command = _install(found, is_berry=_is_berry(folder, found))
    command = command if up == ROOT else f"cd {shlex.quote(up)} && {command}"
    package = _package(found, is_berry=_is_berry(folder, found))
    return f"npm install --global --prefix {TOOLS} {package} && {command}" if package else command


def install_inputs(folder: Folder) -> tuple[str, ...]:
    """The files that decide what is installed: unchanged, nothing is installed anew."""
    found = find_install(folder)
    root = Folder(folder.snapshot, found.folder)
    names = (found.lockfile, "package.json", ".npmrc", ".yarnrc.yml", "pnpm-workspace.yaml")
    above = [root.where(name) for name in names if name and name in root.names]
    own = [folder.where("package.json")] if folder.path != found.folder else []
    return tuple(above + own)


def node_environment() -> dict[str, str]:
    """File changes are seen by polling where the file system doesn't tell (FR-ENV-005)."""
    return {"WATCHPACK_POLLING": "true"}


def _install(found: Install, *, is_berry: bool) -> str:
    is_locked = found.lockfile is not None
    match found.manager:
        case PackageManager.NPM:
            return "npm ci" if is_locked else "npm install"
        case PackageManager.YARN if is_berry:
            return "yarn install --immutable" if is_locked else "yarn install"
        case manager:
            return f"{manager} install --frozen-lockfile" if is_locked else f"{manager} install"


def _package(found: Install, *, is_berry: bool) -> str | None:
    """What npm installs to have that package manager; None for npm, which is there. A version is digits by its reader."""
    if found.manager is PackageManager.NPM:
        return None
    if is_berry:
        return f"@yarnpkg/cli-dist@{found.version or BERRY}"
    return f"{found.manager}@{found.version or VERSIONS[found.manager]}"


def _is_berry(folder: Folder, found: Install) -> bool:
    if found.manager is not PackageManager.YARN:
        return False
    if found.version is not None:
        return re.match(r"[01](\.|$)", found.version) is None
    return ".yarnrc.yml" in Folder(folder.snapshot, found.folder).names
