"""The files that say which dependencies a folder has: while they stay as they are, nothing is installed anew. Pure."""

import re

from environments.detection.folders import Folder

NAMES = re.compile(
    r"package\.json|package-lock\.json|npm-shrinkwrap\.json|pnpm-lock\.yaml|pnpm-workspace\.yaml|yarn\.lock|\.yarnrc\.yml|"
    r"bun\.lockb?|\.npmrc|requirements[\w.-]*\.txt|constraints[\w.-]*\.txt|pyproject\.toml|poetry\.lock|uv\.lock|Pipfile(?:\.lock)?|"
    r"setup\.(?:py|cfg)|Gemfile(?:\.lock)?|composer\.(?:json|lock)|go\.(?:mod|sum)|Cargo\.(?:toml|lock)|mix\.(?:exs|lock)|Makefile"
)


def dependency_files(folder: Folder) -> tuple[str, ...]:
    """Relative to the repository's root, sorted."""
    return tuple(sorted(folder.where(name) for name in folder.names if NAMES.fullmatch(name)))
