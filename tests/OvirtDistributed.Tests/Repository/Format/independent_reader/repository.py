# SPDX-License-Identifier: Apache-2.0
"""Opening, finding frames, points, content: steps 1 to 5 of the document."""
import hashlib
import hmac
import json
import mmap
import os
import re
import struct
import sys
import uuid

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from frames import CHUNK, MAP_NODE, MAP_PAGE, FrameHeader, decompress
from keys import SLOT_KINDS, RepositoryKey, unwrap
from text import Envelope, Refused, Unknown, crc32c, require

ID = r"[A-Za-z0-9-][A-Za-z0-9.-]{0,63}"
POINT_NAME = re.compile(rf"points/({ID})/({ID})/(\d{{8}}T\d{{9}}Z)_({ID})_({ID})\.json")


class Repository:
    def __init__(self, root, secrets, checksums):
        self.root, self.checksums = root, checksums
        envelope = Envelope("repo.json", self.read("repo.json"), "repository", newest=2)
        self.parameters = envelope.json()
        self.id = uuid.UUID(self.parameters["repositoryId"])
        self.key = self.unlock(secrets)
        self.digest_key = self.key.derive("digest") if self.key else None
        self.places, self.packs, self.ciphers = {}, {}, {}

    def read(self, name):
        with open(os.path.join(self.root, name), "rb") as file:
            return file.read()

    def names(self, folder):
        for directory, _, files in os.walk(os.path.join(self.root, folder)):
            for file in files:
                yield os.path.relpath(os.path.join(directory, file), self.root).replace(os.sep, "/")

    # Step 2
    def unlock(self, secrets):
        encryption = self.parameters.get("encryption")
        if encryption is None:
            require(not secrets.given, "a key was given, and repo.json says that the repository is not encrypted")
            return None
        require(encryption["cipher"] == "aes-256-gcm", f"cipher {encryption['cipher']} is unknown")
        require(secrets.given, "the repository is encrypted: give a key")
        key = RepositoryKey(secrets.paper[16:], uuid.UUID(bytes=secrets.paper[:16])) if secrets.paper else self.open_slot(secrets)
        require(key is not None, "nothing that was given opens a key slot of the repository")
        fits = key.key_set == uuid.UUID(encryption["keySetId"]) and key.derive("key check")[:16] == bytes.fromhex(encryption["keyCheck"])
        require(fits, "the key is not the key of this repository")
        return key

    def open_slot(self, secrets):
        for name in sorted(self.names("keys")):
            try:
                slot = Envelope(name, self.read(name), "key-slot").json()
                require(slot["kind"] in SLOT_KINDS, f"{name}: kind {slot['kind']} is unknown")
            except Refused as failure:
                print(f"{failure}; trying other slots", file=sys.stderr)
                continue
            slot_key = secrets.slot_key(slot)
            key = unwrap(slot, slot_key) if slot_key else None
            if key:
                return key
        return None

    # Step 3
    def find_frames(self):
        for name in sorted(self.names("packs")):
            match = re.fullmatch(r"packs/([0-9a-f]{2})/([0-9a-f]{8})\.pack", name)
            if not match or match[1] != match[2][-2:]:
                continue
            with open(os.path.join(self.root, name), "rb") as file:
                if os.fstat(file.fileno()).st_size <= 64:
                    continue
                pack = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            number = int(match[2], 16)
            self.packs[number] = pack
            self.check_pack(name, number, pack[:64])
            frames = self.footer(name, number, pack)
            for digest, offset in self.scan(pack) if frames is None else frames:
                self.places.setdefault(digest, []).append((number, offset))

    def check_pack(self, name, number, header):
        magic, version, own, owner, checksum = struct.unpack("<8sII16s8x20xI", header)
        if magic != b"OVDPACK1" or checksum != crc32c(header[:60]):
            print(f"{name}: its header does not hold; its frames are used where they do", file=sys.stderr)
            return
        require(version <= 1, f"{name}: version {version}, this program reads 1")
        if own != number or owner != self.id.bytes:
            print(f"{name}: it is pack {own} of repository {uuid.UUID(bytes=owner)}; its frames are used where they hold", file=sys.stderr)

    @staticmethod
    def footer(name, number, pack):
        """Digests and offsets; None when the pack is not sealed, or its end is damaged."""
        trailer = pack[-48:]
        magic, version, own, entries, footer_checksum, start, checksum = struct.unpack("<8sIIIIq8x4xI", trailer)
        if magic != b"OVDTRAIL" or checksum != crc32c(trailer[:44]):
            return None
        require(version <= 1, f"{name}: version {version}, this program reads 1")
        if own != number or start < 64 or start + 44 * entries + 48 != len(pack):
            return None
        footer = pack[start:start + 44 * entries]
        if crc32c(footer) != footer_checksum:
            return None
        items = list(struct.iter_unpack("<32sIII", footer))
        if any(offset < 64 or offset + FrameHeader.SIZE + stored > start for _, offset, stored, _ in items):
            return None
        return [(digest, offset) for digest, offset, _, _ in items]

    @staticmethod
    def scan(pack):
        at, damaged = 64, False
        while 0 <= at < len(pack):
            try:
                header = FrameHeader(pack[at:at + FrameHeader.SIZE])
                payload = pack[at + FrameHeader.SIZE:at + FrameHeader.SIZE + header.stored_length]
                require(len(payload) == header.stored_length and crc32c(payload) == header.payload_checksum, "the payload does not hold")
                yield header.digest, at
                at += FrameHeader.SIZE + header.stored_length
            except Refused as failure:
                if isinstance(failure, Unknown) and not damaged:
                    raise  # behind damage it may be the inside of a payload, here it is a frame
                damaged = True
                at = pack.find(b"OVDF", at + 1)

    # Step 5
    def fetch(self, kind, digest):
        failures = []
        for number, offset in self.places.get(digest, []):
            try:
                return self.content(kind, digest, self.packs[number], offset)
            except Refused as failure:
                failures.append(f"pack {number:08x} at {offset}: {failure}")
        raise Refused("; ".join(failures) or f"{digest.hex()} is in no pack")

    def content(self, kind, digest, pack, offset):
        header = FrameHeader(pack[offset:offset + FrameHeader.SIZE])
        require(header.digest == digest and header.kind == kind, f"kind {header.kind} {header.digest.hex()} where kind {kind} {digest.hex()} should be")
        start = offset + FrameHeader.SIZE
        payload = pack[start:start + header.stored_length]
        require(len(payload) == header.stored_length, "the pack ends within the frame")
        require(not self.checksums or crc32c(payload) == header.payload_checksum, "the checksum of the payload does not hold")
        if header.flags & 1:
            payload = self.decrypt(header, payload)
        else:
            require(self.key is None or kind in (MAP_PAGE, MAP_NODE), "it is not encrypted, in a repository that is")
        plain = decompress(header.compression, payload, header.plain_length)
        require(len(plain) == header.plain_length, f"{len(plain)} bytes of content, {header.plain_length} announced")
        require(self.digest(kind, plain) == digest, "its content has another digest")
        return plain

    def decrypt(self, header, payload):
        require(self.key is not None and len(payload) > 16, "it is encrypted, and cannot be")
        if header.key_id not in self.ciphers:
            self.ciphers[header.key_id] = AESGCM(self.key.derive("data key", header.key_id))
        try:
            return self.ciphers[header.key_id].decrypt(header.nonce, payload, header.bound)
        except InvalidTag as failure:
            raise Refused("its authentication does not hold") from failure

    def digest(self, kind, plain):
        digest = bytearray(hmac.new(self.digest_key, plain, hashlib.sha256).digest() if self.digest_key else hashlib.sha256(plain).digest())
        digest[0] ^= 0 if kind == CHUNK else 0x50 + kind
        return bytes(digest)

    # Step 4
    def points(self):
        return sorted((match for match in map(POINT_NAME.fullmatch, self.names("points")) if match), key=lambda match: (match[3], match[4]))

    def manifest(self, match):
        name = match[0]
        envelope = Envelope(name, self.read(name), "point")
        if self.key:
            expected = hmac.new(self.key.derive("manifest authentication"), envelope.payload, hashlib.sha256).hexdigest()
            require(envelope.mac is not None and hmac.compare_digest(expected, envelope.mac.lower()), f"{name}: its authentication code does not hold")
        manifest = envelope.json()
        ids = [manifest[member] for member in ("managerId", "vmId", "pointId", "jobId")]
        require(ids == [match[1], match[2], match[4], match[5]], f"{name}: it is the manifest of {'/'.join(ids)}")
        return self.unseal(name, manifest, "/".join(ids)) if self.key else manifest

    def unseal(self, name, manifest, bound):
        sealed = bytes.fromhex(manifest.pop("sealed", ""))
        try:
            details = json.loads(AESGCM(self.key.derive("manifest details")).decrypt(sealed[:12], sealed[12:], bound.encode()))
        except (InvalidTag, ValueError) as failure:
            raise Refused(f"{name}: its encrypted details cannot be read") from failure
        for disk, more in zip(manifest["disks"], details.pop("disks", [])):
            disk.update(more)
        manifest.update(details)
        return manifest

    def find_manifest(self, point):
        found = [match for match in self.points() if match[4] == point]
        require(len(found) == 1, f"point {point}: {len(found)} of this id are in the repository")
        return self.manifest(found[0])
