"""A rollout's commit on this worker's disk: which repository it is of, its credential, its files."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from activities.declarations import project_of
from activities.kinds import namespace_ref
from activities.protocols import Cluster, Forge, Source, SourceRefused
from environments import names
from environments.declared import DeclaredEnvironment
from environments.project import RepositoryOfProject, repository_of
from environments.work import RolloutRequest


@dataclass(frozen=True)
class Checkouts:
    cluster: Cluster
    forges: Mapping[str, Forge]
    source: Source

    async def project(
        self, request: RolloutRequest, declared: DeclaredEnvironment
    ) -> tuple[RepositoryOfProject, dict[str, Any] | None]:
        """The repository, and the Project's template for this type of environment. Raises SourceRefused."""
        stored, home = await asyncio.gather(
            project_of(self.cluster, declared), self.cluster.get(namespace_ref(request.key.namespace))
        )
        repository = repository_of(stored, home)
        if repository is None:
            team = names.team_namespace(request.identity.team)
            raise SourceRefused(
                f"The Project {declared.project} in {team} names no repository: set spec.sources[0].repositoryUrl."
            )
        return repository, repository.templates.get(declared.type)

    async def checkout(self, request: RolloutRequest, repository: RepositoryOfProject) -> Path:
        """Raises SourceRefused."""
        forge = self.forges.get(repository.forge)
        credential = await forge.clone_credential(repository.id, repository.clone_url) if forge else None
        return await self.source.checkout(repository.id, repository.clone_url, request.target.sha, credential)
