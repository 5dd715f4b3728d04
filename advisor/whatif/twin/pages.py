"""Pages written into the twin's empty indexes, so that the planner finds production's tree heights and counters.

Layouts: src/include/access/nbtree.h and ginblock.h, storage/bufpage.h; unchanged from PostgreSQL 13 to 18.
"""

from __future__ import annotations

import math
import struct

from advisor.whatif.twin.files import BLOCK

_HEADER = 24  # bytes of a page header
_SPECIAL = BLOCK - 16  # a B-tree page ends with 16 bytes of BTPageOpaqueData
_LEAF, _ROOT = 1, 2  # btpo_flags
_INNER_FILL = 0.7  # BTREE_NONLEAF_FILLFACTOR
BTREE_META_ROOT_OFFSET = 32  # btm_root, btm_level, btm_fastroot, btm_fastlevel
BTREE_ALLEQUALIMAGE_OFFSET = 64


def maxalign(size: float) -> int:
    """Return `size` rounded up to a multiple of 8."""
    return (math.ceil(size) + 7) // 8 * 8


def btree_height(pages: int, key_bytes: float, rows_per_key: float) -> int:
    """Return the level of the root of a B-tree of `pages` pages; 0 when it is a single leaf or empty.

    `key_bytes` is the data of the key columns; `rows_per_key` how many rows share one key, because inner
    tuples of duplicates carry a heap address as tie breaker.
    """
    tie_breaker = 8 * (rows_per_key - 1) / rows_per_key if rows_per_key > 1 else 0
    fanout = max(2, int((BLOCK - 40) * _INNER_FILL / (8 + maxalign(key_bytes) + tie_breaker + 4)))
    level, height = pages - 1, 0
    while level > 1:
        level = math.ceil(level / fanout)
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


def gin_patch(
    path: str, pending_pages: int, total_pages: int, entry_pages: int, data_pages: int, entries: int
) -> list[tuple[str, int, bytes]]:
    """Return the writes that put production's counters into a GIN metapage."""
    return [
        (path, 36, struct.pack("<I", pending_pages)),
        (path, 48, struct.pack("<III", total_pages, entry_pages, data_pages)),
        (path, 64, struct.pack("<q", entries)),
    ]
