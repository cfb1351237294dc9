"""A rollout's commit on this worker's disk: which repository it is of, its credential, its files."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from activities.declarations import Declaration
from activities.protocols import Forge, Source, SourceRefused
from environments import names
from environments.project import RepositoryOfProject, repository_of
from environments.work import RolloutRequest


@dataclass(frozen=True)
class Checkouts:
    forges: Mapping[str, Forge]
    source: Source

    async def checkout(self, request: RolloutRequest, repository: RepositoryOfProject) -> Path:
        """Raises SourceRefused."""
        forge = self.forges.get(repository.forge)
        credential = await forge.clone_credential(repository.id, repository.clone_url) if forge else None
        return await self.source.checkout(repository.id, repository.clone_url, request.target.sha, credential)


def repository_for(request: RolloutRequest, declaration: Declaration) -> RepositoryOfProject:
    """Raises SourceRefused where its Project names none."""
    repository = repository_of(declaration.project, declaration.home)
    if repository is None:
        team, project = names.team_namespace(request.identity.team), declaration.environment.project
        raise SourceRefused(f"The Project {project} in {team} names no repository: set spec.sources[0].repositoryUrl.")
    return repository
