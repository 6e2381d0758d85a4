# SPDX-License-Identifier: Apache-2.0
"""Frame headers and decompression."""
import struct

import zstandard

from text import Refused, Unknown, crc32c, require

LARGEST_CONTENT = 4 << 20
CHUNK, MAP_PAGE, MAP_NODE, METADATA, WRAPPED_KEY = 1, 2, 3, 4, 5


class FrameHeader:
    SIZE = 88

    def __init__(self, data):
        require(len(data) == self.SIZE and data[:4] == b"OVDF", "frame header: the magic number is missing")
        require(crc32c(data[:84]) == struct.unpack_from("<I", data, 84)[0], "frame header: its checksum does not hold")
        version, self.kind, self.compression, self.flags, self.plain_length, self.stored_length = struct.unpack_from("<4BII", data, 4)
        require(version == 1, f"frame header: version {version}, this program reads 1", Unknown)
        require(CHUNK <= self.kind <= WRAPPED_KEY, f"frame header: kind {self.kind} is unknown", Unknown)
        require(self.compression <= 2, f"frame header: compression {self.compression} is unknown", Unknown)
        require(self.flags <= 1, f"frame header: flags {self.flags:02x} are unknown", Unknown)
        in_range = 1 <= self.plain_length <= LARGEST_CONTENT and 1 <= self.stored_length <= LARGEST_CONTENT + 16
        require(in_range, "frame header: a length is out of range", Unknown)
        self.digest = data[16:48]
        self.key_id = data[48:64]
        self.nonce = data[64:76]
        self.payload_checksum = struct.unpack_from("<I", data, 76)[0]
        self.bound = data[:48]


def lz4_block(source, length):
    plain, at = bytearray(), 0

    def extended(count):
        nonlocal at
        while count >= 15:
            more = source[at]
            at, count = at + 1, count + more
            if more != 255:
                break
        return count

    while at < len(source):
        token, at = source[at], at + 1
        literals = extended(token >> 4)
        plain += source[at:at + literals]
        at += literals
        if at >= len(source):
            break
        offset, at = source[at] | source[at + 1] << 8, at + 2
        match = extended(token & 15) + 4
        require(0 < offset <= len(plain) and len(plain) + match <= length, "LZ4: a match is out of range")
        for _ in range(match):
            plain.append(plain[-offset])
    return bytes(plain)


def decompress(compression, payload, length):
    if compression == 0:
        return payload
    try:
        return zstandard.ZstdDecompressor().decompress(payload, max_output_size=length) if compression == 1 else lz4_block(payload, length)
    except (zstandard.ZstdError, IndexError) as failure:
        raise Refused(f"the payload cannot be decompressed: {failure}") from failure
