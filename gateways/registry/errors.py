"""What the registry's answers become; "unknown" is an answer here, not an error."""

from activities.protocols import GatewayError


class RegistryUnavailable(GatewayError):
    """It didn't answer, or with 5xx or 429."""

    retryable = True


class RegistryRefused(GatewayError):
    """401, 403, 405: no right, or deletion isn't enabled (REGISTRY_STORAGE_DELETE_ENABLED)."""

    retryable = False


def error_from(status: int, what: str) -> GatewayError:
    text = f"The registry answered {status} to {what}"
    if status == 405:
        return RegistryRefused(f"{text}: deletion isn't enabled in it (REGISTRY_STORAGE_DELETE_ENABLED)")
    return RegistryRefused(text) if status in (400, 401, 403) else RegistryUnavailable(text)
