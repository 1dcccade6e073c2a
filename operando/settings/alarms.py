"""The blocks `[[alarms]]`: when somebody is to be told, and how."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from operando.settings.base import Settings

__all__ = ["AlarmSettings"]


class AlarmSettings(Settings):
    """When somebody is to be told, and how.

    `when` says what is watched, `above` or `below` the limit in its unit; it is over when the value is back
    by `margin`. `phase` belongs to "fraction"; `code` and `severity` to "finding". At most one message in
    `every_min` minutes goes to a `command`, as its last argument, and to a `webhook`, as JSON; either is
    given up after `timeout_s`.
    """

    when: Literal[
        "stale", "gap", "lost", "i0", "ring", "drift", "residual", "lithium", "fraction", "dose", "disk",
        "ended", "finding",
    ]  # fmt: skip
    name: str | None = Field(default=None, min_length=1, max_length=80)
    above: float | None = Field(default=None, allow_inf_nan=False)
    below: float | None = Field(default=None, allow_inf_nan=False)
    margin: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    phase: str | None = None
    code: str | None = None
    severity: Literal["info", "warning", "alarm"] | None = None
    every_min: float = Field(default=10.0, gt=0, allow_inf_nan=False)
    command: tuple[str, ...] | None = Field(default=None, min_length=1)
    webhook: str | None = None
    timeout_s: float = Field(default=10.0, gt=0, le=300)

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        has_limit = self.above is not None or self.below is not None
        for is_wrong, msg in (
            (self.command is None and self.webhook is None, "an alarm needs a command or a webhook"),
            (self.above is not None and self.below is not None, "give one limit, above or below"),
            (has_limit and self.when in _WITHOUT_LIMIT, f"'{self.when}' has no limit; leave it out"),
            (not has_limit and self.when in _WITH_LIMIT, f"'{self.when}' needs a limit, above or below"),
            (
                (self.phase is not None) != (self.when == "fraction"),
                "phase belongs to 'fraction', and only there",
            ),
            (
                (self.code is not None or self.severity is not None) != (self.when == "finding"),
                "code or severity belong to 'finding', and only there",
            ),
        ):
            if is_wrong:
                raise ValueError(msg)
        return self


_WITHOUT_LIMIT = frozenset({"ended", "finding"})
_WITH_LIMIT = frozenset({"i0", "ring", "drift", "residual", "lithium", "fraction", "dose"})
