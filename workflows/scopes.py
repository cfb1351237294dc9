"""For whom an override is when its sender didn't say."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from environments.work import OverrideRequest

PROJECT_BY_DEFAULT = "overrides-are-the-projects"


def with_scope(request: OverrideRequest) -> OverrideRequest:
    """For the project (FR-ENV-011). In histories of a time when it was for the environment it still is, until they are cut."""
    if "scope" in request.model_fields_set or workflow.patched(PROJECT_BY_DEFAULT):
        return request
    return request.model_copy(update={"scope": "environment"})
