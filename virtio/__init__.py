"""VirtIO on both sides: registers, rings, device models and drivers, without an emulator.

`virtio.attach(uc, device, base=..., irq=...)` puts a device on a Unicorn instance that you already have.
"""

from virtio.attach import attach

__all__ = ["attach"]
