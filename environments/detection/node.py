"""Node projects: which script, which package manager, which port (FR-ENV-006)."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from environments.detection.folders import ROOT, Folder
from environments.model import Detection, PackageManager, ProjectKind, Value

PACKAGE = "package.json"
LOCKFILES = {
    "pnpm-lock.yaml": PackageManager.PNPM,
    "bun.lock": PackageManager.BUN,
    "bun.lockb": PackageManager.BUN,
    "yarn.lock": PackageManager.YARN,
    "package-lock.json": PackageManager.NPM,
    "npm-shrinkwrap.json": PackageManager.NPM,
}
"""In order: the first that is there decides."""
PORTS = {
    "vite": 5173,
    "svelte-kit": 5173,
    "astro": 4321,
    "ng": 4200,
    "gatsby": 8000,
    "vue-cli-service": 8080,
    "webpack-dev-server": 8080,
    "webpack": 8080,
    "eleventy": 8080,
    "parcel": 1234,
    "storybook": 6006,
    "expo": 8081,
}
"""What the program that a script starts listens on when nobody says otherwise and it ignores PORT."""
DEFAULT_PORT = 3000
"""Of the others (next, nuxt, react-scripts, remix, docusaurus, express by habit); those that read PORT get it anyway."""
PORT_ARGUMENT = re.compile(r"(?:^|\s)(?:PORT=|--port[= ]\s*|-p\s*)([0-9]{1,5})(?=\s|$)")
COREPACK = re.compile(r"(npm|pnpm|yarn|bun)@([0-9]+(?:\.[0-9]+){0,2}(?:-[0-9A-Za-z.-]+)?)(?:\+.*)?")


class Package(Value):
    """What of a package.json matters here; whatever else it holds, or holds wrongly, is ignored."""

    scripts: dict[str, str] = Field(default_factory=dict)
    manager: PackageManager | None = None
    """Of Corepack's field `packageManager`."""
    manager_version: str | None = None


class Install(Value):
    """How dependencies get there."""

    manager: PackageManager
    version: str | None = None
    lockfile: str | None = None
    """Name of the lockfile."""
    folder: str = ROOT
    """Where the lockfile, or else package.json, lies; relative to the repository's root."""


def detect_dev(folder: Folder) -> Detection | None:
    return _detect(folder, "dev")


def detect_start(folder: Folder) -> Detection | None:
    return _detect(folder, "start")


def read_package(folder: Folder) -> Package | None:
    """None when there is none or when it is no JSON object; never an exception."""
    text = folder.text(PACKAGE)
    try:
        content = json.loads(text.removeprefix("\ufeff")) if text else None
    except (ValueError, RecursionError):
        return None
    return _package(content) if isinstance(content, dict) else None


def find_install(folder: Folder) -> Install:
    """Corepack's field, then the lockfile: here, else in the nearest folder above, as workspaces have it."""
    above = [each for each in _upwards(folder)]
    lockfile, place = next(((n, f) for f in above if (n := f.first(LOCKFILES)) is not None), (None, folder))
    named = next((p for f in above if (p := read_package(f)) is not None and p.manager is not None), None)
    if named is None or named.manager is None:
        manager = LOCKFILES[lockfile] if lockfile else PackageManager.NPM
        return Install(manager=manager, lockfile=lockfile, folder=place.path)
    own = lockfile if lockfile and LOCKFILES[lockfile] is named.manager else None
    own = own or place.first(name for name, manager in LOCKFILES.items() if manager is named.manager)
    return Install(manager=named.manager, version=named.manager_version, lockfile=own, folder=place.path)


def run_script(manager: PackageManager, script: str) -> str:
    """As people write it: `npm start`, but `npm run dev`."""
    if manager is PackageManager.NPM:
        return "npm start" if script == "start" else f"npm run {script}"
    return f"{manager} run {script}" if manager is PackageManager.BUN else f"{manager} {script}"


def program_of(script: str) -> str | None:
    """The program that a script starts in the end: the first word of its last simple command, without what precedes it."""
    words = re.split(r"&&|\|\||;|\||&(?!\d)", script)[-1].split()
    for word in words:
        if "=" not in word and word not in ("cross-env", "npx", "bunx", "exec", "dotenv", "--"):
            return word.rsplit("/", 1)[-1]
    return None


def _detect(folder: Folder, script: str) -> Detection | None:
    package = read_package(folder)
    text = package.scripts.get(script, "") if package else ""
    if not text.strip():
        return None
    install = find_install(folder)
    lockfile = (Folder(folder.snapshot, install.folder).where(install.lockfile),) if install.lockfile else ()
    return Detection(
        kind=ProjectKind.NODE,
        dev_command=run_script(install.manager, script),
        workdir=folder.path,
        package_manager=install.manager,
        port=_port(text),
        evidence=(folder.where(PACKAGE), *lockfile),
    )


def _package(content: Mapping[str, Any]) -> Package:
    scripts = content.get("scripts")
    named = content.get("packageManager")
    match = COREPACK.fullmatch(named) if isinstance(named, str) else None
    return Package(
        scripts={k: v for k, v in scripts.items() if isinstance(v, str)} if isinstance(scripts, dict) else {},
        manager=PackageManager(match[1]) if match else None,
        manager_version=match[2] if match else None,
    )


def _port(script: str) -> int:
    for number in reversed(PORT_ARGUMENT.findall(script)):
        if 0 < int(number) < 65536:
            return int(number)
    return PORTS.get(program_of(script) or "", DEFAULT_PORT)


def _upwards(folder: Folder) -> Iterator[Folder]:
    yield folder
    path = folder.path
    while path != ROOT:
        path = path.rpartition("/")[0] or ROOT
        yield Folder(folder.snapshot, path)
