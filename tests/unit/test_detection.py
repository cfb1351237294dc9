"""What a repository is (FR-ENV-006 to 009), and that nothing in it makes detection fail."""

import json
from fnmatch import fnmatch
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from environments.detection import READ_FILES, detect
from environments.detection.dockerfile import exposed_port
from environments.detection.node import program_of
from environments.model import Detection, PackageManager, ProjectKind, Snapshot


def package(**content: Any) -> str:
    return json.dumps(content)


DEV = package(scripts={"dev": "next dev"})
START = package(scripts={"start": "node server.js"})
MAKE = "dev:\n\t@true\n"


def detected(files: dict[str, str], workdir: str | None = None) -> Detection:
    return detect(Snapshot(paths=tuple(sorted(files)), texts=files), workdir)


# --- FR-ENV-007 --------------------------------------------------------------------------------------------------

IN_ORDER = [
    ({"compose.yml": ""}, ProjectKind.COMPOSE, "docker compose up"),
    ({"Dockerfile": ""}, ProjectKind.DOCKERFILE, None),
    ({"package.json": DEV}, ProjectKind.NODE, "npm run dev"),
    ({"Makefile": MAKE}, ProjectKind.MAKEFILE, "make dev"),
    ({"package.json": START}, ProjectKind.NODE, "npm start"),
    ({"flake.nix": ""}, ProjectKind.NIX, None),
    ({}, ProjectKind.UNRECOGNISED, None),
]


@pytest.mark.parametrize("place", range(len(IN_ORDER)))
def test_the_first_indicator_wins_over_all_below_it(place: int) -> None:
    files, kind, command = IN_ORDER[place]
    below: dict[str, str] = {}
    for each, _, _ in reversed(IN_ORDER[place:]):
        below |= each
    found = detected(below)
    assert (found.kind, found.dev_command) == (kind, command)
    assert set(files) <= set(found.evidence) or not files


@pytest.mark.parametrize("name", ["docker-compose.yml", "docker-compose.yaml", "compose.yml", "compose.yaml"])
def test_compose_is_said_and_that_it_comes_later(name: str) -> None:
    found = detected({name: ""})
    assert found.kind is ProjectKind.COMPOSE
    assert name in found.notes[0]
    assert ".catalyst.yaml" in found.notes[0]


@pytest.mark.parametrize(
    ("name", "language"), [("pyproject.toml", "Python"), ("requirements.txt", "Python"), ("go.mod", "Go")]
)
def test_a_language_of_later_is_named(name: str, language: str) -> None:
    found = detected({name: "x"})
    assert found.kind is ProjectKind.UNRECOGNISED
    assert language in found.notes[0]


# --- node --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "lockfiles", "manager", "command"),
    [
        (None, [], PackageManager.NPM, "npm run dev"),
        (None, ["package-lock.json"], PackageManager.NPM, "npm run dev"),
        (None, ["pnpm-lock.yaml"], PackageManager.PNPM, "pnpm dev"),
        (None, ["yarn.lock"], PackageManager.YARN, "yarn dev"),
        (None, ["bun.lockb"], PackageManager.BUN, "bun run dev"),
        (None, ["bun.lock", "package-lock.json"], PackageManager.BUN, "bun run dev"),
        ("pnpm@9.1.0+sha512.abc", ["package-lock.json"], PackageManager.PNPM, "pnpm dev"),
        ("cargo@1.0.0", ["yarn.lock"], PackageManager.YARN, "yarn dev"),
        ("yarn@; rm -rf /", [], PackageManager.NPM, "npm run dev"),
    ],
)
def test_the_package_manager_is_corepack_s_field_then_the_lockfile(
    field: str | None, lockfiles: list[str], manager: PackageManager, command: str
) -> None:
    text = package(scripts={"dev": "next dev"}, packageManager=field)
    found = detected({"package.json": text} | dict.fromkeys(lockfiles, ""))
    assert (found.package_manager, found.dev_command) == (manager, command)


@pytest.mark.parametrize(
    ("script", "port"),
    [
        ("next dev", 3000),
        ("next dev -p 4000", 4000),
        ("next dev --port=4001", 4001),
        ("PORT=5000 node server.js", 5000),
        ("vite", 5173),
        ("vite --port 70000", 5173),
        ("tsc && vite", 5173),
        ("cross-env NODE_ENV=development astro dev", 4321),
        ("ng serve", 4200),
        ("mkdir -p 9000dir && node server.js", 3000),
    ],
)
def test_the_port_is_the_script_s_or_its_program_s(script: str, port: int) -> None:
    assert detected({"package.json": package(scripts={"dev": script})}).port == port


@pytest.mark.parametrize(("script", "program"), [("", None), ("A=1", None), ("./node_modules/.bin/next dev", "next")])
def test_the_program_of_a_script(script: str, program: str | None) -> None:
    assert program_of(script) == program


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '"x"',
        "{}",
        '{"scripts": null}',
        '{"scripts": []}',
        '{"scripts": {"dev": 7, "start": ["x"]}}',
        '{"scripts": {"dev": "   "}}',
        "[" * 100_000,
        '{"scripts": {"dev": ' + "9" * 10_000 + "}}",
        "\x00\udcff",
    ],
)
def test_a_package_json_that_makes_no_sense_is_none(text: str) -> None:
    assert detected({"package.json": text}).kind is ProjectKind.UNRECOGNISED


def test_of_a_key_that_stands_twice_the_last_counts_as_for_npm() -> None:
    text = '\ufeff{"scripts": {"dev": "first"}, "scripts": {"dev": "vite"}}'
    assert detected({"package.json": text}).port == 5173


# --- Dockerfile --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "port"),
    [
        ("FROM a\nEXPOSE 80\nFROM b\nexpose 8080/tcp 9000", 8080),
        ("EXPOSE 53/udp", None),
        ("EXPOSE $PORT", None),
        ("EXPOSE 0\nEXPOSE 99999", None),
        ("# EXPOSE 80", None),
        ("", None),
    ],
)
def test_the_port_that_a_dockerfile_exposes(text: str, port: int | None) -> None:
    assert exposed_port(text) == port


# --- FR-ENV-009 --------------------------------------------------------------------------------------------------


def test_the_root_wins_over_nested_projects() -> None:
    assert detected({"package.json": START, "web/package.json": DEV}).workdir == "."


def test_a_root_without_scripts_gives_way_to_the_usual_folders_in_their_order() -> None:
    files = {
        "package.json": "{}",
        "packages/a/package.json": DEV,
        "backend/package.json": DEV,
        "web/package.json": START,
    }
    found = detected(files)
    assert (found.workdir, found.dev_command) == ("web", "npm start")
    assert "`web`" in found.notes[0]


def test_a_workspace_uses_the_lockfile_above_it() -> None:
    found = detected({"package.json": "{}", "pnpm-lock.yaml": "", "packages/site/package.json": DEV})
    assert (found.workdir, found.package_manager) == ("packages/site", PackageManager.PNPM)
    assert found.evidence == ("packages/site/package.json", "pnpm-lock.yaml")


def test_a_workdir_is_looked_at_instead_of_the_root() -> None:
    found = detected({"package.json": DEV, "services/api/Dockerfile": "EXPOSE 81"}, "/services/api/")
    assert (found.kind, found.workdir, found.dockerfile) == (
        ProjectKind.DOCKERFILE,
        "services/api",
        "services/api/Dockerfile",
    )


@pytest.mark.parametrize("workdir", ["..", "../x", "web/../..", "nowhere", "a\nb", "\x00"])
def test_a_workdir_that_is_no_folder_of_the_repository_is_told(workdir: str) -> None:
    found = detected({"package.json": DEV, "web/package.json": DEV}, workdir)
    assert found.kind is ProjectKind.UNRECOGNISED
    assert found.workdir == "."
    assert "working directory" in found.notes[0]
    assert found.notes[0].isprintable()


# --- whatever is in a repository ---------------------------------------------------------------------------------

NAMES = st.sampled_from(["package.json", "Makefile", "Dockerfile", "compose.yml", "yarn.lock", "flake.nix", "go.mod"])
PATHS = st.builds(
    "/".join, st.lists(NAMES | st.sampled_from(["web", "packages", "..", ""]) | st.text(max_size=5), max_size=4)
)
TEXTS = st.text(max_size=60) | st.sampled_from([DEV, START, MAKE, '{"packageManager": {}}', "define dev\ndev:\n"])


@given(files=st.dictionaries(PATHS, TEXTS, max_size=8), workdir=st.none() | PATHS)
def test_nothing_in_a_repository_is_an_exception_or_gets_unprintable_into_a_comment(
    files: dict[str, str], workdir: str | None
) -> None:
    found = detected(files, workdir)
    assert all(text.isprintable() for text in (*found.notes, *found.evidence, found.workdir))
    assert not found.workdir.startswith(("/", "../"))


@pytest.mark.parametrize("path", ["package.json", "a/b/c/package.json", "Makefile", "x/Dockerfile", ".catalyst.yaml"])
def test_the_files_that_are_read_are_asked_for(path: str) -> None:
    assert any(fnmatch(path, pattern) for pattern in READ_FILES)
