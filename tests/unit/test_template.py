"""How one commit is deployed: which template counts, what it may say, and overrides on top."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from environments.detection import detect
from environments.model import CommitSha, DeploymentMethod, EnvironmentVariable, Overrides, Snapshot, Template
from environments.template import InvalidTemplate, choose_template

SHA = CommitSha("0123456789abcdef0123456789abcdef01234567")
FILE = ".catalyst.yaml"
NODE = {"package.json": json.dumps({"scripts": {"dev": "next dev"}})}
NOTHING = Overrides()


def chosen(
    files: dict[str, str],
    project: dict[str, Any] | None = None,
    overrides: Overrides = NOTHING,
    type_: str = "development",
) -> Template:
    snapshot = Snapshot(paths=tuple(sorted(files)), texts=files)
    return choose_template(snapshot, detect(snapshot, overrides.workdir), project, overrides, SHA, type_)


def written(text: str, **files: str) -> dict[str, str]:
    """A repository with `templates.development` as given."""
    indented = "".join(f"    {line}\n" for line in text.splitlines())
    return {FILE: f"templates:\n  development:\n{indented}"} | files


def env_of(template: Template) -> dict[str, str]:
    return {each.name: each.value for each in template.env}


# --- which counts ------------------------------------------------------------------------------------------------


def test_the_file_wins_over_the_project_and_that_over_detection() -> None:
    project = {"type": "source", "command": "project's"}
    assert chosen(written("command: file's") | NODE, project).command == "file's"
    assert chosen(NODE, project).command == "project's"
    assert chosen(NODE).command == "npm run dev"


def test_a_long_lived_environment_uses_its_own_template_then_deployment() -> None:
    text = "templates:\n  deployment: {command: d}\n  staging: {command: s}\n"
    assert chosen({FILE: text}, type_="staging").command == "s"
    assert chosen({FILE: text}, type_="production").command == "d"
    assert chosen({FILE: text} | NODE).command == "npm run dev"


# --- by detection ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("files", "field", "install"),
    [
        ([], None, "npm install"),
        (["package-lock.json"], None, "npm ci"),
        (["pnpm-lock.yaml"], None, "{pnpm@9} && pnpm install --frozen-lockfile"),
        (["pnpm-lock.yaml"], "pnpm@8.15.4", "{pnpm@8.15.4} && pnpm install --frozen-lockfile"),
        ([], "pnpm@9.1.0", "{pnpm@9.1.0} && pnpm install"),
        (["yarn.lock"], None, "{yarn@1} && yarn install --frozen-lockfile"),
        (["yarn.lock", ".yarnrc.yml"], None, "{@yarnpkg/cli-dist@4} && yarn install --immutable"),
        (["yarn.lock"], "yarn@3.6.0", "{@yarnpkg/cli-dist@3.6.0} && yarn install --immutable"),
        (["bun.lock"], None, "{bun@1} && bun install --frozen-lockfile"),
    ],
)
def test_dependencies_are_installed_as_the_lockfile_says(files: list[str], field: str | None, install: str) -> None:
    package = json.dumps({"scripts": {"dev": "next dev"}, "packageManager": field})
    template = chosen({"package.json": package} | dict.fromkeys(files, ""))
    wanted = install.replace("{", "npm install --global --prefix /cache/tools ").replace("}", "")
    assert (template.method, template.image, template.install_command) == (DeploymentMethod.SOURCE, "node:22", wanted)


def test_a_workspace_installs_where_its_lockfile_lies() -> None:
    template = chosen({"package.json": "{}", "package-lock.json": "", "packages/a/package.json": NODE["package.json"]})
    assert (template.workdir, template.install_command) == ("packages/a", "cd ../.. && npm ci")


@pytest.mark.parametrize(
    ("script", "watches"),
    [
        ("vite", True),
        ("vite --port 3000", True),
        ("vite preview", False),
        ("vite build && node server.js", False),
        ("next dev", True),
        ("next start", False),
        ("node --watch server.js", True),
        ("node server.js", False),
        ("cross-env A=1 nodemon app.js", True),
        ("tsx watch src/index.ts", True),
        ("tsc && node dist", False),
        ("ng serve", True),
    ],
)
def test_a_command_that_sees_changes_by_itself_is_known(script: str, watches: bool) -> None:
    for manager in ("npm@10.0.0", "pnpm@9.0.0", "yarn@1.0.0", "bun@1.0.0"):
        package = json.dumps({"scripts": {"dev": script}, "packageManager": manager})
        assert chosen({"package.json": package}).is_watching is watches


def test_what_is_installed_depends_on_the_lockfile_and_what_stands_beside_it() -> None:
    files = {
        "package.json": "{}",
        "package-lock.json": "",
        ".npmrc": "",
        "packages/a/package.json": NODE["package.json"],
    }
    assert chosen(files).install_inputs == ("package-lock.json", "package.json", ".npmrc", "packages/a/package.json")
    text = "type: source\ncommand: python main.py\ninstall: pip install -r requirements.txt\n"
    assert chosen(written(text, **{"requirements.txt": "", "main.py": ""})).install_inputs == ("requirements.txt",)


@pytest.mark.parametrize("by", ["template", "override"])
def test_a_port_that_somebody_set_is_no_guess(by: str) -> None:
    assert not chosen(NODE).is_port_fixed
    set_by = {
        "template": chosen(written("port: 9000") | NODE),
        "override": chosen(NODE, overrides=Overrides(port=9000)),
    }
    assert (set_by[by].port, set_by[by].is_port_fixed) == (9000, True)


def test_a_dockerfile_is_built_in_its_folder() -> None:
    template = chosen({"api/Dockerfile": "EXPOSE 81"}, overrides=Overrides(workdir="api"))
    assert (template.method, template.workdir, template.dockerfile, template.port) == (
        DeploymentMethod.CONTAINER,
        "api",
        "Dockerfile",
        81,
    )


def test_make_runs_in_the_shell_s_image() -> None:
    template = chosen({"Makefile": "dev:\n"})
    assert (template.method, template.command, template.image) == (DeploymentMethod.SOURCE, "make dev", None)


@pytest.mark.parametrize("name", ["compose.yml", "flake.nix", "README.md"])
def test_what_isn_t_supported_yet_is_a_shell_that_says_so(name: str) -> None:
    template = chosen({name: ""})
    assert template.method is DeploymentMethod.SHELL
    assert ".catalyst.yaml" in template.notes[0]


# --- as written --------------------------------------------------------------------------------------------------


def test_source_with_everything() -> None:
    text = (
        "type: source\nworkdir: app\ncommand: python main.py\ninstall: pip install .\nimage: python:3.11\nport: 8000\n"
    )
    template = chosen(written(text + "env:\n  DEBUG: true\n  N: 1", **{"app/main.py": ""}))
    assert template == Template(
        method=DeploymentMethod.SOURCE,
        image="python:3.11",
        command="python main.py",
        install_command="pip install .",
        workdir="app",
        port=8000,
        is_port_fixed=True,
        env=(EnvironmentVariable(name="DEBUG", value="true"), EnvironmentVariable(name="N", value="1")),
    )


def test_what_isn_t_written_is_as_detected() -> None:
    template = chosen(written("port: 9000") | NODE)
    assert (template.command, template.install_command, template.port) == ("npm run dev", "npm install", 9000)
    assert chosen(written("command: npm run preview") | NODE).install_command == "npm install"


def test_detection_looks_in_the_written_workdir() -> None:
    template = chosen(written("workdir: site", **{"site/package.json": NODE["package.json"]}))
    assert (template.workdir, template.command) == ("site", "npm run dev")


@pytest.mark.parametrize(
    ("text", "context", "dockerfile"),
    [
        ("type: dockerfile", ".", "Dockerfile"),
        ("type: container\nvalues: {build: {method: dockerfile, path: Dockerfile, context: .}}", ".", "Dockerfile"),
        ("type: helm\npath: charts/generic-service\nvalues: {build: {path: Dockerfile}}", ".", "Dockerfile"),
        ("type: dockerfile\nvalues: {build: {path: Dockerfile.dev, context: web}}", "web", "Dockerfile.dev"),
        ("type: dockerfile\nvalues: {build: {path: web/Dockerfile.dev, context: web}}", "web", "Dockerfile.dev"),
        ("type: dockerfile\nvalues: {build: {path: web/Dockerfile.dev, context: .}}", ".", "web/Dockerfile.dev"),
        (
            "type: helm\nbuilds: [{name: a, sourceRef: main, path: web, dockerfile: Dockerfile.dev}]",
            "web",
            "Dockerfile.dev",
        ),
    ],
)
def test_a_dockerfile_build(text: str, context: str, dockerfile: str) -> None:
    files = {"Dockerfile": "EXPOSE 80", "web/Dockerfile.dev": "EXPOSE 82"}
    template = chosen(written(text, **files))
    assert (template.method, template.workdir, template.dockerfile) == (DeploymentMethod.CONTAINER, context, dockerfile)
    assert template.port == (82 if dockerfile.endswith("dev") else 80)


@pytest.mark.parametrize(
    ("text", "image", "tag"),
    [
        ("type: prebuilt\nvalues: {image: {repository: nginx, tag: '1.22'}}", "nginx", "1.22"),
        (
            "type: helm\npath: charts/generic-app\nvalues: {image: {repository: ghcr.io/example/app}}",
            "ghcr.io/example/app",
            SHA,
        ),
        ("type: prebuilt\nimage: host:5000/app", "host:5000/app", SHA),
        ("type: prebuilt\nimage: host:5000/app:v1", "host:5000/app", "v1"),
        ("type: prebuilt\nimage: app@sha256:12", "app@sha256:12", None),
        ("type: prebuilt\nconfig: {image: 'app:v3'}", "app", "v3"),
    ],
)
def test_a_prebuilt_image_and_its_tag(text: str, image: str, tag: str | None) -> None:
    template = chosen(written(text))
    assert (template.method, template.image, template.tag) == (DeploymentMethod.PREBUILT, image, tag)


@pytest.mark.parametrize("type_", ["docker-compose", "nix-flake", "manifest", "kustomize", "managed", "helm"])
def test_a_type_of_later_is_a_shell_that_names_it(type_: str) -> None:
    template = chosen(written(f"type: {type_}\npath: chart", **{"chart/Chart.yaml": ""}) | NODE)
    assert template.method is DeploymentMethod.SHELL
    assert f"`{type_}`" in template.notes[0]


def test_a_chart_of_the_repository_is_more_than_its_image() -> None:
    text = "type: helm\npath: chart\nvalues: {image: {repository: app}}"
    assert chosen(written(text, **{"chart/Chart.yaml": ""})).method is DeploymentMethod.SHELL


def test_the_original_s_config_is_read() -> None:
    project = {
        "type": "source",
        "command": "x",
        "config": {"ports": [{"containerPort": 81}], "env": [{"name": "A", "value": "b"}]},
    }
    template = chosen({}, project)
    assert (template.port, env_of(template)) == (81, {"A": "b"})


# --- what makes no sense -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("port: 99999", "templates.development.port"),
        ("port: '80'", "templates.development.port"),
        ("command: [a]", "templates.development.command"),
        ("env: {A B: 1}", "'A B' can't be the name"),
        ("env: [{name: A, valueFrom: {}}]", "`name` and `value`"),
        ("env: {A: [1]}", "the value of A"),
        ("type: source", "Add `command:`"),
        ("type: prebuilt", "values.image.repository"),
        ("type: dockerfile", "no file `Dockerfile`"),
        ("type: dockerfile\nvalues: {build: {path: Dockerfile, context: ../..}}", "leads out of the repository"),
        ("workdir: nowhere", "no folder of the repository"),
        ("workdir: ../..", "leads out of the repository"),
        ("command: x\nimage: 'a b'", "no reference of an image"),
    ],
)
def test_a_template_that_makes_no_sense_says_where_and_what_to_do(text: str, says: str) -> None:
    with pytest.raises(InvalidTemplate, match=r"^\.catalyst\.yaml, templates\.development") as caught:
        chosen(written(text))
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "mapping"),
        ("- a", "mapping"),
        ("a: 1", "`templates`"),
        ("templates: {development: 1}", "templates.development"),
        ("templates:\n  a: {\n", "line 3"),
        ("templates:\n  a: 1\n  a: 2\n", "line 3"),
        ("templates: &a\n  b: *a\n", "line 2"),
        ("templates: !!python/object/apply:os.system [x]", "line 1"),
        ("[" * 1000, "20 levels"),
        ("a: " + "x" * 70_000, "64 KiB"),
        ("a: \x00", "not valid YAML"),
        ("templates: {development: {port: 2001-02-30}}", "YAML"),
    ],
)
def test_a_file_that_can_t_be_read_says_where(text: str, says: str) -> None:
    with pytest.raises(InvalidTemplate, match=r"^\.catalyst\.yaml") as caught:
        chosen({FILE: text})
    assert says in str(caught.value)


def test_a_file_too_large_for_a_snapshot_is_not_taken_for_none() -> None:
    snapshot = Snapshot(paths=(FILE,))
    with pytest.raises(InvalidTemplate, match="too large"):
        choose_template(snapshot, detect(snapshot), None, NOTHING, SHA, "development")


@given(
    text=st.text(max_size=80),
    project=st.none() | st.dictionaries(st.sampled_from(["type", "env", "values"]), st.text()),
)
def test_a_file_either_counts_or_is_invalid(text: str, project: dict[str, Any] | None) -> None:
    for content in (text, f"templates:\n  development:\n    {text}"):
        try:
            chosen({FILE: content}, project)
        except InvalidTemplate as error:
            assert len(str(error)) < 1000


# --- overrides ---------------------------------------------------------------------------------------------------


def test_what_a_person_set_wins() -> None:
    env = (EnvironmentVariable(name="A", value="theirs"),)
    overrides = Overrides(command="make run", port=9000, env=env, image="node:20")
    template = chosen(written("command: a\nport: 1\nenv: {A: b, B: c}"), overrides=overrides)
    assert (template.command, template.port, template.image) == ("make run", 9000, "node:20")
    assert env_of(template) == {"A": "theirs", "B": "c"}


def test_a_command_is_what_the_shell_was_waiting_for() -> None:
    template = chosen({}, overrides=Overrides(command="./run"))
    assert (template.method, template.command, template.notes) == (DeploymentMethod.SOURCE, "./run", ())


def test_an_image_set_instead_of_a_build_is_run_as_it_is() -> None:
    template = chosen({"Dockerfile": ""}, overrides=Overrides(image="ghcr.io/example/app:v2.0.0"))
    assert (template.method, template.image, template.tag) == (
        DeploymentMethod.PREBUILT,
        "ghcr.io/example/app",
        "v2.0.0",
    )


def test_a_tag_is_promoted_by_override() -> None:
    text = "type: prebuilt\nvalues: {image: {repository: app, tag: v1}}"
    assert chosen(written(text), overrides=Overrides(tag="v2")).tag == "v2"


def test_an_override_of_the_workdir_that_this_commit_lacks_is_told() -> None:
    with pytest.raises(InvalidTemplate, match="set by override"):
        chosen({}, overrides=Overrides(workdir="gone"))
