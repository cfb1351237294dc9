"""Refusals in GitHub's words: https://docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api."""

from emulators.github.model import Json

DOCUMENTATION = "https://docs.github.com/rest"


class ApiError(Exception):
    """Answered with `status` and a body of message, documentation_url and status, as GitHub's are."""

    def __init__(
        self, status: int, message: str, errors: list[Json] | None = None, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.errors, self.headers = status, message, errors, headers or {}

    def body(self, documentation_url: str) -> Json:
        found = {} if self.errors is None else {"errors": self.errors}
        return {"message": self.message} | found | {"documentation_url": documentation_url, "status": str(self.status)}


class Moved(Exception):
    """A repository has another name: answered with 301, or 307 where the method must stay."""

    def __init__(self, repository_id: int) -> None:
        super().__init__(f"moved to repository {repository_id}")
        self.repository_id = repository_id


def not_found() -> ApiError:
    """Also for what the caller may not see."""
    return ApiError(404, "Not Found")


def invalid(resource: str, field: str, code: str = "invalid", message: str | None = None) -> ApiError:
    """422; `code`: missing, missing_field, invalid, already_exists, unprocessable or custom."""
    error = {"resource": resource, "code": code, "field": field}
    return ApiError(422, "Validation Failed", [error | ({} if message is None else {"message": message})])


def custom(resource: str, message: str) -> ApiError:
    return ApiError(422, "Validation Failed", [{"resource": resource, "code": "custom", "message": message}])
