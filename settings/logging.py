"""The processes' own logs: JSON for machines or lines for the console, from structlog and from libraries alike."""

import logging
import sys

import structlog
from structlog.typing import Processor

from settings.settings import LogSettings


def configure_logging(settings: LogSettings) -> None:
    """Once per process, by its composition root. To stderr."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    # Libraries, and modules that know only the standard library, say their facts by `extra`.
    foreign: list[Processor] = [*shared, structlog.stdlib.ExtraAdder()]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(processors=_rendering(settings), foreign_pre_chain=foreign)
    )
    logging.basicConfig(handlers=[handler], level=settings.level.upper(), force=True)
    for chatty in ("httpx", "alembic", "asyncio"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def _rendering(settings: LogSettings) -> list[Processor]:
    clean: Processor = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    if settings.format == "json":
        return [clean, structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    # Plain tracebacks: rich ones print local variables, credentials among them, and cost a second each.
    plain = structlog.dev.plain_traceback
    return [clean, structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]
