# SPDX-License-Identifier: Apache-2.0
"""Extent maps, and disks from them: steps 5 and 6."""
import struct

from frames import CHUNK, MAP_NODE, MAP_PAGE
from text import require

PAGE_BYTES = 16 << 20
FAN_OUT = 4096
ZERO = bytes(32)


def count_at(level, size):
    count = -(-size // PAGE_BYTES)
    for _ in range(level):
        count = -(-count // FAN_OUT)
    return count


def levels_of(size):
    level = 0
    while count_at(level, size) > 1:
        level += 1
    return level


class DiskMap:
    def __init__(self, repository, root):
        self.repository, self.size, self.levels = repository, root["diskSize"], root["levels"]
        self.root = bytes.fromhex(root["digest"])
        require(0 <= self.size <= 1 << 50 and self.levels == levels_of(self.size), "the root's levels do not fit its size")

    def pages(self, first, last):
        """Numbers and digests of the pages that are not zero."""
        if self.size:
            yield from self.below(self.levels, 0, self.root, first, last)

    def below(self, level, index, digest, first, last):
        span = FAN_OUT ** level
        if digest == ZERO or index * span > last or (index + 1) * span <= first:
            return
        if level == 0:
            yield index, digest
            return
        for number, child in enumerate(self.children(level, index, digest)):
            yield from self.below(level - 1, index * FAN_OUT + number, child, first, last)

    def children(self, level, index, digest):
        plain = self.repository.fetch(MAP_NODE, digest)
        require(len(plain) >= 12 and plain[:4] == b"OVDN", "map node: the magic number is missing")
        require(plain[4] <= 1, f"map node: version {plain[4]}, this program reads 1")
        due = min(FAN_OUT, count_at(level - 1, self.size) - index * FAN_OUT)
        count = struct.unpack_from("<I", plain, 8)[0]
        fits = plain[4:8] == bytes([1, level, 0, 0]) and count == due and len(plain) == 12 + 32 * count
        require(fits, f"map node {digest.hex()}: it is not what is due at its place")
        return [plain[12 + 32 * i:44 + 32 * i] for i in range(count)]

    def entries(self, index, digest):
        """Offset in the disk, length, chunk and offset in the chunk; zeros left out."""
        plain = self.repository.fetch(MAP_PAGE, digest)
        require(len(plain) >= 24 and plain[:4] == b"OVDM", "map page: the magic number is missing")
        require(plain[4] <= 1, f"map page: version {plain[4]}, this program reads 1")
        covers, entries, digests, reserved = struct.unpack_from("<4I", plain, 8)
        due = min(PAGE_BYTES, self.size - index * PAGE_BYTES)
        fits = plain[4:8] == bytes([1, 0, 0, 0]) and reserved == 0 and covers == due and len(plain) == 24 + 12 * entries + 32 * digests
        require(fits, f"map page {digest.hex()}: it is not what is due at its place")
        at, end, table = index * PAGE_BYTES, index * PAGE_BYTES + covers, 24 + 12 * entries
        for length, offset, number in struct.iter_unpack("<3I", plain[24:table]):
            require(0 < length <= end - at, "map page: an entry leaves the page")
            if number != 0xFFFFFFFF:
                require(number < digests, "map page: an entry names no digest")
                yield at, length, plain[table + 32 * number:table + 32 * number + 32], offset
            else:
                require(offset == 0, "map page: zeros have an offset")
            at += length
        require(at == end, "map page: the entries do not cover the page")


def restore(repository, disk, output, offset, length):
    disk_map = DiskMap(repository, disk["root"])
    end = disk_map.size if length is None else offset + length
    require(0 <= offset <= end <= disk_map.size, f"the disk has {disk_map.size} bytes")
    with open(output, "wb") as file:
        file.truncate(end - offset)  # zeros; on most file systems they take no space
        held, content = None, b""
        for index, digest in disk_map.pages(offset // PAGE_BYTES, (end - 1) // PAGE_BYTES if end else -1):
            for at, size, chunk, inside in disk_map.entries(index, digest):
                start, stop = max(at, offset), min(at + size, end)
                if start >= stop:
                    continue
                if chunk != held:
                    held, content = chunk, repository.fetch(CHUNK, chunk)
                require(inside + size <= len(content), f"chunk {chunk.hex()}: the map uses more than it has")
                file.seek(start - offset)
                file.write(content[inside + start - at:inside + stop - at])
    return end - offset
