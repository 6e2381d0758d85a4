#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Reads a repository without the product: a second implementation, written from docs/repository-format.md alone.

It proves that the document is enough to get every byte back. It is also a tool for the day on which nothing else is left:

  python3 independent_reader list    REPOSITORY [KEY]
  python3 independent_reader restore REPOSITORY [KEY] --point ID --disk ID --output FILE [--offset N --length N]
  python3 independent_reader blob    REPOSITORY [KEY] --point ID --name ovf --output FILE

KEY is one of --passphrase-file, --key-file, --private-key, --paper, or --share as often as shares are needed.
The repository is only read. Content is always compared with its digests; --checksums also checks payload checksums, slowly.
"""
import argparse
import json
import sys

sys.dont_write_bytecode = True  # the folder may be read-only, and is not to change

try:
    import cryptography  # noqa: F401
    import zstandard  # noqa: F401
except ImportError as missing:
    sys.exit(f"independent_reader: {missing}. It needs Debian's packages: apt-get install python3-cryptography python3-zstandard "
             "(and Debian's own interpreter, /usr/bin/python3)")

from frames import METADATA  # noqa: E402
from keys import Secrets  # noqa: E402
from maps import restore  # noqa: E402
from repository import Repository  # noqa: E402
from text import Refused, require  # noqa: E402


def pick(items, member, value, what):
    found = [item for item in items if item[member] == value]
    require(found, f"{what} {value} is not in the point; it has {', '.join(item[member] for item in items) or 'none'}")
    return found[0]


def run(arguments):
    repository = Repository(arguments.repository, Secrets(arguments), arguments.checksums)
    if arguments.command == "list":
        failures = 0
        for match in repository.points():
            try:
                print(json.dumps(repository.manifest(match), ensure_ascii=True, sort_keys=True))
            except (Refused, KeyError, ValueError) as failure:
                failures += 1
                print(f"independent_reader: {failure}", file=sys.stderr)
        require(not failures, f"{failures} of the points cannot be read, the others are listed")
        return
    manifest = repository.find_manifest(arguments.point)
    repository.find_frames()
    if arguments.command == "restore":
        size = restore(repository, pick(manifest["disks"], "diskId", arguments.disk, "disk"), arguments.output, arguments.offset, arguments.length)
    else:
        blob = pick(manifest.get("blobs", []), "name", arguments.name, "blob")
        content = repository.fetch(METADATA, bytes.fromhex(blob["digest"]))
        with open(arguments.output, "wb") as file:
            size = file.write(content)
    print(f"{arguments.output}: {size} bytes, every digest compared")


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("repository")
    for option in ("--passphrase-file", "--key-file", "--private-key", "--paper"):
        common.add_argument(option, metavar="FILE")
    common.add_argument("--share", metavar="FILE", action="append")
    common.add_argument("--checksums", action="store_true")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", parents=[common])
    one = argparse.ArgumentParser(add_help=False, parents=[common])
    one.add_argument("--point", required=True)
    one.add_argument("--output", required=True)
    disk = commands.add_parser("restore", parents=[one])
    disk.add_argument("--disk", required=True)
    disk.add_argument("--offset", type=int, default=0)
    disk.add_argument("--length", type=int)
    commands.add_parser("blob", parents=[one]).add_argument("--name", required=True)
    return parser.parse_args()


if __name__ == "__main__":
    try:
        run(parse())
    except (Refused, OSError, KeyError, ValueError) as failure:
        sys.exit(f"independent_reader: {failure}")
