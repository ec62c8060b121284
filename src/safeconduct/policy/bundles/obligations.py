"""`obligations:` in `policy.yaml`: what the names stand for that rules may demand."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

from safeconduct.core.obligations import Constant, Constrain, Demands, Source

_NAME: Final = r"[A-Za-z_][A-Za-z0-9_-]{0,63}"
ArgumentPath = Annotated[
    str,
    msgspec.Meta(
        pattern=rf"^{_NAME}(\.{_NAME}){{0,7}}$",
        description="names of arguments with `.` between them, such as filter.tenant_id",
    ),
]
Category = Annotated[
    str,
    msgspec.Meta(
        pattern=rf"^{_NAME}$", description="the name of a category, such as pii, or of a finding"
    ),
]


class Obligation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a name that rules demand stands for.

    `constrain` maps dotted paths into the arguments to what they have to be, `redact` names
    categories of fields and kinds of findings that agents do not see.
    """

    constrain: dict[ArgumentPath, Source | Constant] = {}
    redact: tuple[Category, ...] = ()
    spotlight: Literal["delimit"] | None = None

    @property
    def demands(self) -> Demands:
        """The same, as the core knows it."""
        return Demands(
            constrain=tuple(
                Constrain(tuple(path.split(".")), value) for path, value in self.constrain.items()
            ),
            redact=self.redact,
            spotlight=self.spotlight is not None,
        )
