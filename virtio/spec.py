"""Numbers of the VirtIO specification: device ids (5), feature bits (6), status bits (2.1), ring flags (2.7)."""

from __future__ import annotations

from enum import IntEnum, IntFlag

MAGIC = 0x74726976
"""MagicValue: "virt" in little endian (4.2.2)."""
VERSION_MODERN = 2
VENDOR_ID = 0x554D4551
"""What QEMU answers; drivers do not look at it."""
MAX_SPLIT_QUEUE_SIZE = 32768
MOST_NAMES = 4
"""Features that a sentence names; of the rest it says the number."""


class DeviceId(IntEnum):
    """Device types (5)."""

    NONE = 0
    NETWORK = 1
    BLOCK = 2
    CONSOLE = 3
    ENTROPY = 4
    BALLOON = 5
    IO_MEMORY = 6
    RPMSG = 7
    SCSI = 8
    TRANSPORT_9P = 9
    MAC80211_WLAN = 10
    RPROC_SERIAL = 11
    CAIF = 12
    MEMORY_BALLOON = 13
    GPU = 16
    RTC = 17
    INPUT = 18
    SOCKET = 19
    CRYPTO = 20
    SIGNAL_DISTRIBUTION = 21
    PSTORE = 22
    IOMMU = 23
    MEMORY = 24
    SOUND = 25
    FILE_SYSTEM = 26
    PMEM = 27


class DeviceStatus(IntFlag):
    """The Status register (2.1)."""

    ACKNOWLEDGE = 1
    DRIVER = 2
    DRIVER_OK = 4
    FEATURES_OK = 8
    DEVICE_NEEDS_RESET = 64
    FAILED = 128


class Interrupt(IntFlag):
    """InterruptStatus and InterruptACK (4.2.2)."""

    USED_BUFFER = 1
    CONFIG_CHANGE = 2


class Feature(IntEnum):
    """Queue and transport features, by bit number (6)."""

    NOTIFY_ON_EMPTY = 24
    ANY_LAYOUT = 27
    INDIRECT_DESC = 28
    EVENT_IDX = 29
    VERSION_1 = 32
    ACCESS_PLATFORM = 33
    RING_PACKED = 34
    IN_ORDER = 35
    ORDER_PLATFORM = 36
    SR_IOV = 37
    NOTIFICATION_DATA = 38
    NOTIF_CONFIG_DATA = 39
    RING_RESET = 40
    ADMIN_VQ = 41
    SUSPEND = 43


class BlkFeature(IntEnum):
    """Features of a block device (5.2.3)."""

    SIZE_MAX = 1
    SEG_MAX = 2
    GEOMETRY = 4
    RO = 5
    BLK_SIZE = 6
    FLUSH = 9
    TOPOLOGY = 10
    CONFIG_WCE = 11
    MQ = 12
    DISCARD = 13
    WRITE_ZEROES = 14
    LIFETIME = 15
    SECURE_ERASE = 16
    ZONED = 17


class BlkRequest(IntEnum):
    """Types of requests to a block device (5.2.6)."""

    IN = 0
    OUT = 1
    FLUSH = 4
    GET_ID = 8
    DISCARD = 11
    WRITE_ZEROES = 13


class BlkStatus(IntEnum):
    """The last byte of a request to a block device (5.2.6)."""

    OK = 0
    IOERR = 1
    UNSUPP = 2


class ConsoleFeature(IntEnum):
    """Features of a console (5.3.3)."""

    SIZE = 0
    MULTIPORT = 1
    EMERG_WRITE = 2


class DescFlag(IntFlag):
    """Descriptor flags (2.7.5)."""

    NEXT = 1
    WRITE = 2
    INDIRECT = 4


class AvailFlag(IntFlag):
    """Flags of the avail ring (2.7.6)."""

    NO_INTERRUPT = 1


class UsedFlag(IntFlag):
    """Flags of the used ring (2.7.8)."""

    NO_NOTIFY = 1


DEVICE_FEATURES: dict[int, type[IntEnum]] = {
    DeviceId.BLOCK: BlkFeature,
    DeviceId.CONSOLE: ConsoleFeature,
}


def mask(*bits: int) -> int:
    """A feature word of 64 bits with these bits set."""
    return sum(1 << bit for bit in set(bits))


def feature_names(device_id: int, features: int) -> list[str]:
    """The features set in a 64-bit word, by name, lowest bit first; an unknown bit is `bit N`."""
    names: list[str] = []
    own = DEVICE_FEATURES.get(device_id)
    for bit in range(features.bit_length()):
        if not features >> bit & 1:
            continue
        table = Feature if bit in Feature._value2member_map_ else own
        try:
            names.append(str(table(bit).name) if table is not None else f"bit {bit}")
        except ValueError:
            names.append(f"bit {bit}")
    return names


def name_features(device_id: int, features: int) -> str:
    """The features set in a word, as a sentence names them: the first few, and how many more."""
    names = feature_names(device_id, features)
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(names[:MOST_NAMES]) + more


def device_name(device_id: int) -> str:
    """The type of a device by name, or its number."""
    try:
        return DeviceId(device_id).name
    except ValueError:
        return f"device {device_id}"
