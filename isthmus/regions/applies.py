"""Which region's law applies to a person: what device, account and address say, in the order each file names.

A region asks its own signals in order and listens to the first one that is known. So a device sold in mainland China
brings China's rules along, whatever the account says, and the account's region applies beside it; several together take
the strictest. The gateway trusts only signals that somebody vouches for: the key's tenant, the device's signed claim.
"""

from __future__ import annotations

from collections.abc import Mapping

from isthmus.core.errors import Refusal
from isthmus.regions.schema import APPLIES, HOUSE_ID, Region


def applying(regions: Mapping[str, Region], signals: Mapping[str, str]) -> tuple[str, ...]:
    """Ids of the regions that apply, sorted. `signals` maps words of APPLIES to a region id; unknown ones are absent.

    A person in Italy stands under IT, which inherits EU; EU itself is not added. Where no region claims the person,
    every region that a signal names applies: silence is never a way out. Raises Refusal unknown_region for a signal
    that names no region, and ValueError for a signal that is none.
    """
    for signal, name in signals.items():
        if signal not in APPLIES:
            raise ValueError(f"a signal is one of {', '.join(APPLIES)}")
        if name not in regions or name == HOUSE_ID:
            known = ", ".join(sorted(set(regions) - {HOUSE_ID}))
            raise Refusal("unknown_region", region=name, known=known)
    claiming = [name for name, region in regions.items() if _heard(region, signals) == name]
    return tuple(sorted(claiming or set(signals.values())))


def _heard(region: Region, signals: Mapping[str, str]) -> str:
    """What the first known signal of `region` says; "" when none is known."""
    return next((signals[signal] for signal in region.applies if signal in signals), "")
