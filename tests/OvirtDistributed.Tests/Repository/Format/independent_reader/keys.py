# SPDX-License-Identifier: Apache-2.0
"""The repository key: derivation, key slots, keys on paper."""
import hashlib
import re
import uuid

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from text import crc32c, require

SLOT_KINDS = {"Passphrase": 0, "KeyFile": 1, "PublicKey": 2, "Shares": 3}


def hkdf(material, salt, info):
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=salt, info=info).derive(material)


class RepositoryKey:
    def __init__(self, secret, key_set):
        self.secret, self.key_set = secret, key_set

    def derive(self, purpose, context=b""):
        return hkdf(self.secret, self.key_set.bytes, b"ovirt-distributed/1/" + purpose.encode() + b"\0" + context)


class Secrets:
    """What the caller gave to open key slots with; or the key itself, from paper."""

    def __init__(self, arguments):
        def content(path):
            with open(path, "rb") as file:
                return file.read()

        self.passphrase = content(arguments.passphrase_file).split(b"\n")[0].rstrip(b"\r") if arguments.passphrase_file else None
        self.key_file = content(arguments.key_file) if arguments.key_file else None
        self.private_key = serialization.load_pem_private_key(content(arguments.private_key), None) if arguments.private_key else None
        self.paper = read_paper(content(arguments.paper).decode(), "OVDKEY1") if arguments.paper else None
        self.shares = [read_paper(content(path).decode(), "OVDSHARE1") for path in arguments.share or []]
        self.given = any([self.passphrase, self.key_file, self.private_key, self.paper, self.shares])

    def slot_key(self, slot):
        """The slot's own key; None when nothing given is of the slot's kind."""
        kind = slot["kind"]
        if kind == "Passphrase" and self.passphrase:
            return hashlib.pbkdf2_hmac("sha512", self.passphrase, bytes.fromhex(slot["salt"]), slot["iterations"], 32)
        if kind == "KeyFile" and self.key_file:
            return hkdf(self.key_file, bytes.fromhex(slot["salt"]), b"ovirt-distributed/1/key file")
        if kind == "PublicKey" and self.private_key:
            oaep = padding.OAEP(mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)
            try:
                return self.private_key.decrypt(bytes.fromhex(slot["encryptedSlotKey"]), oaep)
            except ValueError:
                return None
        own = {share[17]: share[18:] for share in self.shares if share[:16] == uuid.UUID(slot["id"]).bytes}
        if kind == "Shares" and len(own) >= slot["threshold"]:
            return combine(dict(list(own.items())[:slot["threshold"]]))
        return None


def read_paper(text, prefix):
    lines = [line.strip() for line in text.split("\n")]
    letters = re.sub(r"[\s-]", "", "".join(line for line in lines if not line.startswith("#"))).upper()
    require(letters.startswith(prefix), f"the text does not start with {prefix}")
    alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    letters = letters[len(prefix):].translate(str.maketrans("OIL", "011"))
    value = 0
    for letter in letters:
        require(letter in alphabet, f"{prefix}: the letter {letter} cannot be in it")
        value = value << 5 | alphabet.index(letter)
    size = len(letters) * 5 // 8
    content = (value >> (len(letters) * 5 - size * 8)).to_bytes(size, "big")
    require(len(content) > 4 and crc32c(content[:-4]) == int.from_bytes(content[-4:], "big"), f"{prefix}: its checksum does not hold")
    return content[:-4]


def multiply(left, right):
    product = 0
    while right:
        product ^= left if right & 1 else 0
        left = (left << 1) ^ (0x11B if left & 0x80 else 0)
        right >>= 1
    return product


def combine(shares):
    """Shamir: the value at 0 of the polynomial through the shares, byte by byte."""
    secret = [0] * 32
    for number, part in shares.items():
        weight = 1
        for other in shares:
            if other != number:
                inverse = next(x for x in range(1, 256) if multiply(x, other ^ number) == 1)
                weight = multiply(weight, multiply(other, inverse))
        secret = [byte ^ multiply(value, weight) for byte, value in zip(secret, part)]
    return bytes(secret)


def unwrap(slot, slot_key):
    key_set = uuid.UUID(slot["keySetId"])
    bound = uuid.UUID(slot["id"]).bytes + key_set.bytes + bytes([SLOT_KINDS[slot["kind"]]])
    wrapped = bytes.fromhex(slot["wrappedKey"])
    try:
        return RepositoryKey(AESGCM(slot_key).decrypt(wrapped[:12], wrapped[12:], bound), key_set)
    except InvalidTag:
        return None
