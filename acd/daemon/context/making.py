"""The sources that are configured, put together."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry

from acd.daemon.context.from_history import FromHistory
from acd.daemon.context.from_http import FromHttp
from acd.daemon.context.lookups import Lookups
from acd.daemon.context.port import ContextSource
from acd.daemon.context.settings import PATH, ContextSettings, CrmContext
from acd.daemon.history.reader import HistoryReader
from acd.daemon.settings import HistorySettings
from acd.errors import ConfigError, Problem
from acd.secret_files import SecretError, read_secret

SECRET_MAX = 512
"""Longest secret, in bytes."""


def make_lookups(
    settings: ContextSettings | None,
    history: HistorySettings,
    *,
    now_us: Callable[[], int],
    registry: CollectorRegistry,
    file: str,
) -> Lookups:
    """Return whoever asks the sources that are configured; nobody is asked where there are none.

    Args:
        settings: What is configured.
        history: Where the history is.
        now_us: Says what time it is.
        registry: Gets the counter of answers.
        file: The configuration's path, for messages.

    Raises:
        ConfigError: The CRM's secret cannot be read.
    """
    if settings is None:
        return Lookups((), timeout_s=0, registry=registry)
    timeout_s = settings.timeout_us / 1e6
    sources: list[ContextSource] = []
    if settings.history is not None:
        shown = settings.history
        # A reader of its own: what nobody waits for any more ends, too.
        reader = HistoryReader(history.path, limit_s=timeout_s)
        sources.append(FromHistory(reader, now_us, contacts=shown.contacts, days=shown.days))
    if settings.crm is not None:
        sources.append(FromHttp(settings.crm.url, _secret(settings.crm, settings, file)))
    return Lookups(sources, timeout_s=timeout_s, registry=registry)


def _secret(crm: CrmContext, settings: ContextSettings, file: str) -> str:
    if crm.secret_file is None and crm.secret_env is None:
        return ""
    try:
        return read_secret(
            "secret",
            file=crm.secret_file,
            variable=crm.secret_env,
            folder=settings.folder,
            bytes_max=SECRET_MAX,
        )
    except SecretError as error:
        name, seen, wanted = error.args
        key = ".".join((*PATH, "crm", name))
        raise ConfigError(file, Problem(key, seen, wanted)) from None
