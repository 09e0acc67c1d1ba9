"""A device and a witness of its events, without a machine, and what is said of them."""

from __future__ import annotations

from typing import NamedTuple

from virtio.device import Device
from virtio.devices.rng import Rng
from virtio.testing import Pair, pair
from virtio.why.judge import Verdict, judge
from virtio.why.look import look
from virtio.why.view import DeviceView
from virtio.why.witness import Witness

PC = " at pc 0x0"
"""Where everything happens that no hart does."""


class Watched(NamedTuple):
    """A pair, and a witness of its events."""

    pair: Pair
    witness: Witness

    def view(self) -> DeviceView:
        found = look(self.pair.transport, self.witness)
        assert found is not None
        return found

    def verdict(self) -> Verdict:
        (found,) = judge(self.view())
        return found

    def says(self) -> str:
        """The one sentence, behind the name of its link."""
        found = self.verdict()
        return f"{found.link}: {found.broken.message} [{found.broken.section}]"


def watched(device: Device | None = None) -> Watched:
    p = pair(device or Rng(), name="virtio0-rng")
    witness = Witness()
    p.trace.subscribe(witness)
    return Watched(p, witness)
