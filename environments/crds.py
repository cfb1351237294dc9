"""The two custom resources as models, and their CustomResourceDefinitions (FR-ENV-020; the original's fields and ours).

Accepted is the union of what the original ever had: `config.envVars` and `config.env`, `sources` and `source`, templates of
every type. What is accepted and not supported yet is said on the pull request, not refused here. All spec texts and lists
are bounded; status isn't, because a status that is refused would hide what went wrong.
"""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from environments.crd_schema import keyed_by, preserved, structural
from environments.egress import ALLOWED, DEFAULT, LONGEST_HOST, MOST_HOSTS
from environments.model import KubernetesObject
from environments.preview_rules import PreviewRules

GROUP = "catalyst.catalyst.dev"
VERSION = "v1alpha1"
NAME_RULE = {
    "rule": "self.metadata.name.matches('^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$')",
    "message": "the name becomes part of a namespace and a host name: at most 63 of a-z, 0-9 and -, not - at the ends",
}

Name = Annotated[str, Field(min_length=1, max_length=63)]
Text = Annotated[str, Field(max_length=4096)]
ShortText = Annotated[str, Field(max_length=253)]
Port = Annotated[int, Field(ge=1, le=65535)]
Anything = Annotated[dict[str, Any], preserved()]
Texts = Annotated[list[Text], Field(max_length=100)]
HOSTS_RULE = {
    "rule": f"self.all(host, host.matches(r'^({ALLOWED})$'))",
    "message": f"each is `{DEFAULT}` (the platform's list), a host like api.example.com, or *.example.com: "
    "lower case, no address, port or path",
}
AllowedHosts = Annotated[
    list[Annotated[str, Field(max_length=LONGEST_HOST + 2)]],
    Field(max_length=MOST_HOSTS, json_schema_extra={"x-kubernetes-validations": [HOSTS_RULE]}),
]
"""Outside hosts that the project's previews and builds reach (environments.egress)."""


class Part(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


# --- shared ------------------------------------------------------------------------------------------------------


class EnvVar(Part):
    name: Annotated[str, Field(min_length=1, max_length=253)]
    value: Annotated[str, Field(max_length=32768)] = ""
    value_from: Anything | None = None


class ContainerPort(Part):
    container_port: Port
    name: ShortText | None = None
    protocol: ShortText | None = None


class EnvironmentConfig(Part):
    """Container settings; people's overrides of image, tag, ports and env lie here."""

    image: Text | None = None
    tag: ShortText | None = None
    command: Texts | None = None
    args: Texts | None = None
    working_dir: Text | None = None
    ports: Annotated[list[ContainerPort], Field(max_length=20)] | None = None
    env: Annotated[list[EnvVar], Field(max_length=200), keyed_by("name")] | None = None
    env_vars: Annotated[list[EnvVar], Field(max_length=200), keyed_by("name")] | None = None
    resources: Anything | None = None
    liveness_probe: Anything | None = None
    readiness_probe: Anything | None = None
    startup_probe: Anything | None = None
    volume_mounts: Annotated[list[Anything], Field(max_length=50)] | None = None
    init_containers: Annotated[list[Anything], Field(max_length=20)] | None = None
    services: Annotated[list[Anything], Field(max_length=20)] | None = None
    volumes: Annotated[list[Anything], Field(max_length=50)] | None = None


class Condition(Part):
    type: str
    status: str
    reason: str | None = None
    message: str | None = None
    observed_generation: int | None = None
    last_transition_time: datetime | None = None


# --- Project -----------------------------------------------------------------------------------------------------


class ProjectSource(Part):
    name: Name
    repository_url: Text
    branch: ShortText


class Build(Part):
    name: Name
    source_ref: ShortText | None = None
    path: Text | None = None
    dockerfile: Text | None = None
    resources: Anything | None = None


class EnvironmentTemplate(Part):
    """As in `.catalyst.yaml` (docs/catalyst-yaml.md)."""

    type: ShortText | None = None
    source_ref: ShortText | None = None
    path: Text | None = None
    workdir: Text | None = None
    command: Text | None = None
    install: Text | None = None
    image: Text | None = None
    port: Port | None = None
    env: Annotated[list[EnvVar], Field(max_length=200), keyed_by("name")] | None = None
    builds: Annotated[list[Build], Field(max_length=20)] | None = None
    values: Anything | None = None
    config: EnvironmentConfig | None = None


class Quota(Part):
    cpu: ShortText | None = None
    memory: ShortText | None = None


class ProjectResources(Part):
    default_quota: Quota | None = None


class ProjectOverride(Part):
    """What people set for all environments of one type, in the form of an Environment's spec; it wins over every template."""

    dev_command: Text | None = None
    workdir: Text | None = None
    config: EnvironmentConfig | None = None


class ProjectEgress(Part):
    allowed_hosts: AllowedHosts | None = None


class ProjectSpec(Part):
    github_installation_id: ShortText | None = None
    sources: Annotated[list[ProjectSource], Field(max_length=20), keyed_by("name")]
    templates: Annotated[dict[str, EnvironmentTemplate], Field(max_length=20)] | None = None
    overrides: Annotated[dict[str, ProjectOverride], Field(max_length=20)] | None = None
    resources: ProjectResources | None = None
    egress: ProjectEgress | None = None
    previews: PreviewRules | None = None
    """Which pull requests get one; the base branch's `.catalyst.yaml` comes before it."""


class ProjectStatus(Part):
    conditions: Annotated[list[Condition], keyed_by("type")] | None = None


class Project(Part):
    spec: ProjectSpec
    status: ProjectStatus | None = None


# --- Environment -------------------------------------------------------------------------------------------------


class ProjectReference(Part):
    name: Name


class EnvironmentSource(Part):
    name: Name
    commit_sha: ShortText | None = None
    branch: ShortText | None = None
    pr_number: Annotated[int, Field(ge=0)] | None = None


class EnvironmentSpec(Part):
    project_ref: ProjectReference
    type: ShortText
    deployment_mode: ShortText | None = None
    sources: Annotated[list[EnvironmentSource], Field(max_length=20), keyed_by("name")] | None = None
    source: EnvironmentSource | None = None
    dev_command: Text | None = None
    workdir: Text | None = None
    config: EnvironmentConfig | None = None
    retry: Annotated[int, Field(ge=0)] | None = None


class Step(Part):
    name: str
    state: str
    detail: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None


class EnvironmentStatus(Part):
    phase: str | None = None
    url: str | None = None
    observed_generation: int | None = None
    sha: str | None = None
    deployed_sha: str | None = None
    rollout: int | None = None
    reason: str | None = None
    message: str | None = None
    notes: list[str] | None = None
    steps: list[Step] | None = None
    conditions: Annotated[list[Condition], keyed_by("type")] | None = None


class Environment(Part):
    spec: EnvironmentSpec
    status: EnvironmentStatus | None = None


# --- the definitions ---------------------------------------------------------------------------------------------

AGE = ("Age", ".metadata.creationTimestamp", "date")


def definitions() -> dict[str, KubernetesObject]:
    """Plural name -> CustomResourceDefinition."""
    environment = _definition(
        Environment,
        short="env",
        columns=[
            ("Phase", ".status.phase", "string"),
            ("SHA", ".status.sha", "string"),
            ("URL", ".status.url", "string"),
            AGE,
        ],
    )
    project = _definition(
        Project, short="proj", columns=[("Repository", ".spec.sources[0].repositoryUrl", "string"), AGE]
    )
    return {"environments": environment, "projects": project}


def _definition(model: type[Part], *, short: str, columns: list[tuple[str, str, str]]) -> KubernetesObject:
    kind = model.__name__
    plural = f"{kind.lower()}s"
    schema = structural(model.model_json_schema(by_alias=True))
    schema["properties"] |= {
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        "metadata": {"type": "object"},
    }
    schema["x-kubernetes-validations"] = [NAME_RULE]
    version = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": [{"name": n, "jsonPath": path, "type": t} for n, path, t in columns],
        "schema": {"openAPIV3Schema": schema},
    }
    names = {
        "kind": kind,
        "listKind": f"{kind}List",
        "plural": plural,
        "singular": kind.lower(),
        "shortNames": [short],
        "categories": ["catalyst"],
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {"group": GROUP, "names": names, "scope": "Namespaced", "versions": [version]},
    }
