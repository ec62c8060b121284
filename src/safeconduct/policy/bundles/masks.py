"""`masks.yaml`: which parts of the policy input, of arguments and of results are not kept.

erase: [/user/device, /arguments/iban]
hash: [/facts/owner, /facts/analyst]
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from safeconduct.core.masks import MASKABLE, How, Mask
from safeconduct.kit import yaml
from safeconduct.policy.bundles.layout import MASKS
from safeconduct.policy.refusal import PolicyRefused

_POINTER: Final = re.compile(r"/(?P<member>[a-z]+)/(?P<name>(?:[^~/]|~[01])+)")
_FIX: Final = "write `erase:` and `hash:`, lists of pointers such as /facts/owner and /user/groups"


class _Masks(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    erase: tuple[str, ...] = ()
    hash: tuple[str, ...] = ()


def read_masks(text: str) -> tuple[Mask, ...]:
    """Read the text of `masks.yaml`.

    Raises:
        PolicyRefused: with the line of what is unknown, named twice, or cannot be masked.
    """
    try:
        document = yaml.load(text, MASKS)
        found = msgspec.convert(document.value, _Masks)
    except yaml.YamlError as error:
        raise PolicyRefused(error.sentence, file=MASKS, line=error.line, fix=error.fix) from None
    except msgspec.ValidationError as error:
        raise PolicyRefused(str(error).split(" - at ")[0], file=MASKS, fix=_FIX) from None
    masks: dict[tuple[str, str], Mask] = {}
    lists: tuple[tuple[How, tuple[str, ...]], ...] = (("erase", found.erase), ("hash", found.hash))
    for how, pointers in lists:
        for number, pointer in enumerate(pointers):
            one = _mask(pointer, how)
            line = document.line((how, number))
            if one is None:
                raise PolicyRefused(
                    "this is nothing that can be masked",
                    file=MASKS,
                    line=line,
                    fix="name an argument, a member of a result, a fact, or of the user kind,"
                    " groups, acr, amr, auth_time or device",
                )
            if (one.member, one.name) in masks:
                raise PolicyRefused("named twice", file=MASKS, line=line, fix="remove one of them")
            masks[one.member, one.name] = one
    return tuple(masks.values())


def _mask(pointer: str, how: How) -> Mask | None:
    parts = _POINTER.fullmatch(pointer)
    if parts is None or parts["member"] not in MASKABLE:
        return None
    name = parts["name"].replace("~1", "/").replace("~0", "~")
    names = MASKABLE[parts["member"]]
    return Mask(parts["member"], name, how) if names is None or name in names else None
