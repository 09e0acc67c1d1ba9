"""The state of a virtio-mmio slot for a checkpoint: the transport, its queues and the device in it.

A checkpoint is not trusted: what no driver could have brought about is refused. What follows from status and features
is derived again.
"""

from __future__ import annotations

from emu.snapshot import BadState, Octets, State, bits, dump, inside, load, record
from virtio.mmio import FEATURE_WORDS, MmioTransport
from virtio.spec import Feature, device_name, feature_names
from virtio.status import DRIVER_BITS, DRIVER_OK, FEATURES_OK, NEEDS_RESET

REGISTERS = {
    "status": bits(8), "generation": bits(32), "accepted": bits(32 * FEATURE_WORDS),
    "device_features_sel": bits(32), "driver_features_sel": bits(32), "queue_sel": bits(32),
}  # fmt: skip
CONFIG = Octets(0xF00)
FEATURES = bits(64)


class SlotState:
    """Reads and sets the state of `transport`; the device in it has to be of the kind that was saved."""

    def __init__(self, transport: MmioTransport) -> None:
        self.transport = transport

    def snapshot(self) -> State:
        """Registers, queues, and what the device remembers."""
        transport, model = self.transport, self.transport.model
        return {
            "device": int(model.device_id), "features": model.features, "negotiated": model.negotiated,
            "registers": dump(transport, REGISTERS), "interrupt": transport.pending.snapshot(),
            "queues": [queue.snapshot() for queue in transport.queues],
            "config": CONFIG.dump(model.config), "model": model.snapshot(),
        }  # fmt: skip

    def restore(self, state: object) -> None:
        """Take over a state; raises BadState."""
        transport, model = self.transport, self.transport.model
        names = ("device", "features", "negotiated", "registers", "interrupt", "queues", "config", "model")
        saved = record(state, names)
        self._compare(saved)
        with inside("registers"):
            load(transport, REGISTERS, saved["registers"])
        with inside("negotiated"):
            model.negotiated = FEATURES.load(saved["negotiated"])
        self._derive()
        with inside("interrupt"):
            transport.pending.restore(saved["interrupt"])
        queues = saved["queues"]
        if not isinstance(queues, list) or len(queues) != len(transport.queues):
            raise BadState(f"not a list of {len(transport.queues)} queues", "queues")
        for queue, queue_state in zip(transport.queues, queues, strict=True):
            with inside(f"queue {queue.index}"):
                queue.restore(queue_state)
        with inside("model"):
            model.restore(saved["model"])
        with inside("config"):
            config = CONFIG.load(saved["config"])
            if len(config) != len(model.config):
                raise BadState(f"{len(config)} bytes instead of {len(model.config)}")
        model.config[:] = config

    def _compare(self, saved: State) -> None:
        model = self.transport.model
        if saved["device"] != model.device_id:
            raise BadState(f"{_name(saved['device'])} was in this slot, now it is {_name(model.device_id)}")
        with inside("features"):
            differ = FEATURES.load(saved["features"]) ^ model.features
            if differ:
                names = ", ".join(feature_names(model.device_id, differ))
                raise BadState(f"{names}: offered by only one of the saved and the present device")

    def _derive(self) -> None:
        """What the transport sets as status and features change."""
        transport, model, status = self.transport, self.transport.model, self.transport.status
        if status & ~(DRIVER_BITS | NEEDS_RESET):
            raise BadState(f"{status:#x} has bits that are not defined", "registers", "status")
        if model.negotiated & ~model.features or (status & FEATURES_OK and not model.accepts(model.negotiated)):
            raise BadState(f"{model.negotiated:#x} is not what the device agrees to", "negotiated")
        for queue in transport.queues:
            queue.live = bool(status & DRIVER_OK) and not status & NEEDS_RESET
            queue.event_idx, queue.indirect = model.has(Feature.EVENT_IDX), model.has(Feature.INDIRECT_DESC)


def _name(device_id: object) -> str:
    return (device_name(device_id) if device_id else "no device") if isinstance(device_id, int) else "no known device"
