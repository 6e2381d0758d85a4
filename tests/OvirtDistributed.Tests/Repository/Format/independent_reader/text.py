# SPDX-License-Identifier: Apache-2.0
"""Checksums and text envelopes: docs/repository-format.md, conventions and text envelope."""
import json


class Refused(Exception):
    """What is there is damaged, newer, or of another key: never guessed at."""


class Unknown(Refused):
    """It holds, and was written by a later program: no damage that a scan may pass over."""


def require(holds, fault, error=Refused):
    if not holds:
        raise error(fault)


CRC_TABLE = []
for _value in range(256):
    for _ in range(8):
        _value = (_value >> 1) ^ (0x82F63B78 if _value & 1 else 0)
    CRC_TABLE.append(_value)


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = CRC_TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


class Envelope:
    def __init__(self, name, content, form, newest=1):
        end = content[:1024].find(b"\n")
        require(end >= 0, f"{name}: the first line is missing")
        first = json.loads(content[:end])
        require(first["format"] == "ovirt-distributed/" + form, f"{name}: it is {first['format']}")
        require(first["version"] <= newest, f"{name}: format version {first['version']}, this program reads up to {newest}")
        self.version = first["version"]
        self.mac = first.get("mac")
        self.payload = content[end + 1:end + 1 + first["length"]]
        require(len(self.payload) == first["length"], f"{name}: it was cut short")
        require(crc32c(self.payload) == int(first["crc32c"], 16), f"{name}: its checksum does not hold")

    def json(self):
        return json.loads(self.payload)
