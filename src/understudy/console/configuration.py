"""The configuration, as operators see and reload it: for the API and the pages alike."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import msgspec

from understudy.config.differences import differences
from understudy.console.http import ConsoleError, Operator
from understudy.domain.errors import LLMError
from understudy.reports.configuration import ConfigurationReport, Section, report_configuration
from understudy.reports.survey import EntryResult, TypeResult, survey

if TYPE_CHECKING:
    from collections.abc import Iterable

    from understudy.config import Config
    from understudy.console.context import ConsoleContext

log = logging.getLogger("understudy.gateway")


class ReloadResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a reload did."""

    changed: tuple[str, ...]
    """One sentence for each thing that changed; empty if nothing did."""


class CheckResult(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of each entry."""

    entries: tuple[EntryResult, ...]
    types: tuple[TypeResult, ...]
    """Provider types that the configuration defines."""


async def configuration(context: ConsoleContext, sections: Iterable[Section] | None = None) -> ConfigurationReport:
    """Return the configuration in use, and what its file says differently. `sections`: its tables that are reported;
    all of them if `None`."""
    config, reloading = context.config, context.served.reloading
    if reloading is None:
        return report_configuration(config, sections=sections)
    try:
        read = await context.run(reloading.read)
    except LLMError as error:
        return report_configuration(config, invalid=error.message, sections=sections)
    return report_configuration(config, pending=tuple(differences(config, read)), sections=sections)


async def reload(context: ConsoleContext, operator: Operator) -> ReloadResult:
    """Have all processes use what the file says now. Raise `ConsoleError`, with nothing changed, if it is invalid."""
    reloading = context.served.reloading
    if reloading is None:
        message = "this gateway has no configuration file to reload: it is part of another program"
        raise ConsoleError(409, "no_source", message)
    former = context.config
    try:
        read: Config = await context.run(reloading.read)
    except LLMError as error:
        raise ConsoleError(422, "invalid_configuration", error.message) from None
    if not (changed := differences(former, read)):
        return ReloadResult(changed=())
    log.info("%r reloads the configuration", operator.name)
    try:
        await reloading.reload()
    except LLMError as error:
        raise ConsoleError(422, "not_reloaded", error.message) from None
    return ReloadResult(changed=tuple(changed))


async def check(context: ConsoleContext, *, offline: bool) -> CheckResult:
    """Survey the entries; `offline`: without any requests to providers, which cost nothing either way."""
    config = context.config
    types = tuple(TypeResult.of(row) for row in config.provider_types)
    return CheckResult(entries=await survey(config, offline=offline), types=types)
