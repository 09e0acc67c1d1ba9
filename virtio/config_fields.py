"""The fields of configuration spaces (5), and the features that make them exist."""

from __future__ import annotations

from typing import NamedTuple

from virtio.spec import BlkFeature, ConsoleFeature, DeviceId


class ConfigField(NamedTuple):
    """`offset` and `width` in bytes. The field is there if the device offers `feature` (None: always)."""

    offset: int
    width: int
    name: str
    feature: BlkFeature | ConsoleFeature | None = None


def _fields(
    feature: BlkFeature | ConsoleFeature | None, *fields: tuple[int, int, str]
) -> tuple[ConfigField, ...]:
    return tuple(ConfigField(*field, feature) for field in fields)


CONFIG_FIELDS: dict[int, tuple[ConfigField, ...]] = {
    DeviceId.BLOCK: (
        *_fields(None, (0, 8, "capacity")),
        *_fields(BlkFeature.SIZE_MAX, (8, 4, "size_max")),
        *_fields(BlkFeature.SEG_MAX, (12, 4, "seg_max")),
        *_fields(BlkFeature.GEOMETRY, (16, 2, "cylinders"), (18, 1, "heads"), (19, 1, "sectors")),
        *_fields(BlkFeature.BLK_SIZE, (20, 4, "blk_size")),
        *_fields(
            BlkFeature.TOPOLOGY, (24, 1, "physical_block_exp"), (25, 1, "alignment_offset"), (26, 2, "min_io_size"),
            (28, 4, "opt_io_size"),
        ),
        *_fields(BlkFeature.CONFIG_WCE, (32, 1, "writeback")),
        *_fields(BlkFeature.MQ, (34, 2, "num_queues")),
        *_fields(
            BlkFeature.DISCARD, (36, 4, "max_discard_sectors"), (40, 4, "max_discard_seg"),
            (44, 4, "discard_sector_alignment"),
        ),
        *_fields(
            BlkFeature.WRITE_ZEROES, (48, 4, "max_write_zeroes_sectors"), (52, 4, "max_write_zeroes_seg"),
            (56, 1, "write_zeroes_may_unmap"),
        ),
        *_fields(
            BlkFeature.SECURE_ERASE, (60, 4, "max_secure_erase_sectors"), (64, 4, "max_secure_erase_seg"),
            (68, 4, "secure_erase_sector_alignment"),
        ),
        *_fields(
            BlkFeature.ZONED, (72, 4, "zone_sectors"), (76, 4, "max_open_zones"), (80, 4, "max_active_zones"),
            (84, 4, "max_append_sectors"), (88, 4, "write_granularity"), (92, 1, "model"),
        ),
    ),
    DeviceId.CONSOLE: (
        *_fields(ConsoleFeature.SIZE, (0, 2, "cols"), (2, 2, "rows")),
        *_fields(ConsoleFeature.MULTIPORT, (4, 4, "max_nr_ports")),
        *_fields(ConsoleFeature.EMERG_WRITE, (8, 4, "emerg_wr")),
    ),
    DeviceId.ENTROPY: (),
}  # fmt: skip
"""By device type, in order (5.2.4, 5.3.4); a type that is not here has fields that nobody wrote down yet."""
