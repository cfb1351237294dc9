"""What a project must tell its dev server before hot reload works at the preview's host."""

import json
from typing import Any

import pytest

from environments.detection import detect
from environments.dev_hosts import with_host_note
from environments.model import CommitSha, Overrides, Snapshot, Template
from environments.template import choose_template

DOMAIN = "preview.example.org"
NOTE = (
    "Next.js refuses hot reload to hosts that it wasn't told of: write "
    '`allowedDevOrigins: ["*.preview.example.org"]` into `next.config.js`.'
)


def notes_of(files: dict[str, str], domain: str = DOMAIN, overrides: Overrides | None = None) -> tuple[str, ...]:
    snapshot = Snapshot(paths=tuple(sorted(files)), texts=files)
    template = choose_template(
        snapshot, detect(snapshot), None, overrides or Overrides(), CommitSha("0" * 40), "development"
    )
    return with_host_note(template, snapshot, domain).notes


def package(dev: str = "next dev", **more: Any) -> dict[str, str]:
    return {"package.json": json.dumps({"scripts": {"dev": dev}} | more)}


@pytest.mark.parametrize("dev", ["next dev", "next", "next dev --turbopack -p 4000", "A=1 next dev", "npx next dev"])
@pytest.mark.parametrize("version", ["16.4.6", "^16.0.0", "17", "latest", "canary", "workspace:*", 3])
def test_next_needs_to_be_told(dev: str, version: Any) -> None:
    assert notes_of(package(dev, dependencies={"next": version})) == (NOTE,)


def test_the_file_that_is_there_is_named() -> None:
    files = {f"web/{name}": text for name, text in package().items()} | {"web/next.config.mjs": "export default {}"}
    (_, note) = notes_of(files)
    assert note.endswith("into `web/next.config.mjs`.")


@pytest.mark.parametrize("version", ["15.5.0", "^14", "~13.1", ">=12"])
def test_versions_that_only_warn_need_nothing(version: str) -> None:
    assert notes_of(package(dependencies={"next": version})) == ()


def test_a_project_that_says_it_needs_nothing() -> None:
    files = package() | {"next.config.ts": "export default { allowedDevOrigins: ['*.preview.example.org'] }"}
    assert notes_of(files) == ()


@pytest.mark.parametrize("domain", ["localhost", "previews.localhost"])
def test_localhost_needs_nothing(domain: str) -> None:
    assert notes_of(package(), domain) == ()


@pytest.mark.parametrize("dev", ["vite", "next build && next start", "next start", "node next-server.js", "nextra dev"])
def test_other_programs_need_nothing(dev: str) -> None:
    assert notes_of(package(dev)) == ()


def test_an_overridden_command_counts() -> None:
    assert notes_of(package("vite"), overrides=Overrides(command="npx next dev")) == (NOTE,)


@pytest.mark.parametrize("text", ["", "[]", '{"dependencies": []}', '{"dependencies": 3}', "[" * 100_000])
def test_a_package_that_makes_no_sense_is_no_error(text: str) -> None:
    template = Template(method="source", command="next dev")
    snapshot = Snapshot(paths=("package.json",), texts={"package.json": text})
    assert with_host_note(template, snapshot, DOMAIN).notes == (NOTE,)
