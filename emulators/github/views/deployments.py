"""Deployments, their statuses, environments."""

from emulators.github.model import Deployment, DeploymentStatus, Environment, Json, Repository
from emulators.github.views.accounts import simple_user
from emulators.github.views.apps import app
from emulators.github.views.scope import Scope, node_id, time


def deployment(scope: Scope, found: Deployment) -> Json:
    url = f"{scope.of(found.repository)}/deployments/{found.id}"
    return {
        "url": url,
        "id": found.id,
        "node_id": node_id("Deployment", found.id),
        "task": found.task,
        "original_environment": found.original_environment,
        "environment": found.environment,
        "description": found.description,
        "created_at": time(found.created_at),
        "updated_at": time(found.updated_at),
        "statuses_url": f"{url}/statuses",
        "repository_url": scope.of(found.repository),
        "creator": simple_user(scope, found.creator),
        "sha": found.sha,
        "ref": found.ref,
        "payload": found.payload,
        "transient_environment": found.transient,
        "production_environment": found.production,
        "performed_via_github_app": None if found.app is None else app(scope, found.app),
    }


def deployment_status(scope: Scope, found: DeploymentStatus) -> Json:
    repository = found.deployment.repository
    url = f"{scope.of(repository)}/deployments/{found.deployment.id}"
    at = time(found.created_at)
    return {
        "url": f"{url}/statuses/{found.id}",
        "id": found.id,
        "node_id": node_id("DeploymentStatus", found.id),
        "state": found.state,
        "creator": simple_user(scope, found.creator),
        "description": found.description,
        "environment": found.environment,
        "target_url": found.log_url,
        "created_at": at,
        "updated_at": at,
        "deployment_url": url,
        "repository_url": scope.of(repository),
        "environment_url": found.environment_url,
        "log_url": found.log_url,
        "performed_via_github_app": None if found.app is None else app(scope, found.app),
    }


def environment(scope: Scope, repository: Repository, found: Environment) -> Json:
    times = {"created_at": time(found.created_at), "updated_at": time(found.created_at)}
    page = f"{scope.page_of(repository)}/deployments/activity_log?environments_filter={found.name}"
    facts = {"id": found.id, "node_id": node_id("Environment", found.id), "name": found.name, "html_url": page}
    facts |= {"url": f"{scope.of(repository)}/environments/{found.name}"}
    return facts | times | {"protection_rules": [], "deployment_branch_policy": None}
