"""Pages written into the twin's empty indexes, so that the planner finds production's tree heights and counters.

Layouts: src/include/access/nbtree.h and ginblock.h, storage/bufpage.h; unchanged from PostgreSQL 13 to 18.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass

from advisor.whatif.twin.files import BLOCK

_HEADER = 24  # bytes of a page header
_SPECIAL = BLOCK - 16  # a B-tree page ends with 16 bytes of BTPageOpaqueData
_LINE_POINTER = 4
_LEAF, _ROOT = 1, 2  # btpo_flags
_INVALID_BLOCK = 0xFFFFFFFF
_INNER_FILL = 0.7  # BTREE_NONLEAF_FILLFACTOR
BTREE_META_ROOT_OFFSET = 32  # btm_root, btm_level, btm_fastroot, btm_fastlevel
BTREE_ALLEQUALIMAGE_OFFSET = 64


def btree_height(pages: int, separator_bytes: float, *, grown: bool = False) -> int:
    """Return the level of the root of a B-tree of `pages` pages; 0 when it is a single leaf or empty.

    `separator_bytes` is the size of an inner tuple, its header included. CREATE INDEX fills inner pages to 70 %;
    in an index that has `grown` by insertion the root splits only when it is full.
    """
    full = max(2, int((BLOCK - 40) / (separator_bytes + _LINE_POINTER)))
    fanout = max(2, int((BLOCK - 40) * _INNER_FILL / (separator_bytes + _LINE_POINTER)))
    level, height = pages - 1, 0
    while level > 1:
        level = 1 if grown and level <= full else math.ceil(level / fanout)
        height += 1
    return height


def _btree_page(level: int, flags: int, child: int | None) -> bytes:
    page = bytearray(BLOCK)
    if child is None:
        struct.pack_into("<QHHHHHHI", page, 0, 0, 0, 0, _HEADER, _SPECIAL, _SPECIAL, BLOCK | 4, 0)
    else:
        # One downlink without key data ("minus infinity"): 8 bytes, t_info = size | INDEX_ALT_TID_MASK.
        struct.pack_into("<QHHHHHHI", page, 0, 0, 0, 0, _HEADER + 4, _SPECIAL - 8, _SPECIAL, BLOCK | 4, 0)
        struct.pack_into("<I", page, _HEADER, (_SPECIAL - 8) | 1 << 15 | 8 << 17)
        struct.pack_into("<HHHH", page, _SPECIAL - 8, child >> 16, child & 0xFFFF, 0, 8 | 0x2000)
    struct.pack_into("<IIIHH", page, _SPECIAL, 0, 0, level, flags, 0)
    return bytes(page)


def btree_patch(path: str, height: int) -> list[tuple[str, int, bytes]]:
    """Return the writes that give an empty B-tree the height `height`; probes run through it and find nothing."""
    if height <= 0:
        return []
    writes = [(path, 0, _metapage(height))]
    for level in range(height + 1):
        flags = (_LEAF if level == 0 else 0) | (_ROOT if level == height else 0)
        writes.append((path, (level + 1) * BLOCK, _btree_page(level, flags, None if level == 0 else level)))
    return writes


def _metapage(height: int, *, allequalimage: bool = True) -> bytes:
    """Return a whole metapage: writing all of it needs no look at the old one, also on a remote twin."""
    page = bytearray(BLOCK)
    struct.pack_into("<QHHHHHHI", page, 0, 0, 0, 0, 72, _SPECIAL, _SPECIAL, BLOCK | 4, 0)
    # btm_magic, btm_version 4, root, level, fastroot, fastlevel, last_cleanup_num_delpages, pad, heap_tuples, image
    struct.pack_into("<IIIIIIIIdB", page, _HEADER, 0x053162, 4, height + 1, height, height + 1, height, 0, 0, -1.0,
                     int(allequalimage))  # fmt: skip
    struct.pack_into("<IIIHH", page, _SPECIAL, 0, 0, 0, 8, 0)  # BTP_META
    return bytes(page)


@dataclass(frozen=True, slots=True)
class GinCounters:
    """The planner's part of a GIN metapage."""

    pending_pages: int
    total_pages: int
    entry_pages: int
    data_pages: int
    entries: int


def gin_patch(path: str, counters: GinCounters) -> list[tuple[str, int, bytes]]:
    """Return the writes that put production's counters into a GIN metapage: a whole page, as remote files want it."""
    page = bytearray(BLOCK)
    struct.pack_into("<QHHHHHHI", page, 0, 0, 0, 0, _HEADER + 56, BLOCK - 8, BLOCK - 8, BLOCK | 4, 0)
    # head, tail, tailFreeSize, nPendingPages, nPendingHeapTuples, nTotalPages, nEntryPages, nDataPages, nEntries,
    # ginVersion
    struct.pack_into("<IIIIqIIIxxxxqi", page, _HEADER, _INVALID_BLOCK, _INVALID_BLOCK, 0, counters.pending_pages, 0,
                     counters.total_pages, counters.entry_pages, counters.data_pages, counters.entries, 2)  # fmt: skip
    struct.pack_into("<IHH", page, BLOCK - 8, _INVALID_BLOCK, 0, 8)  # rightlink, maxoff, GIN_META
    return [(path, 0, bytes(page))]
