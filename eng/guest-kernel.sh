#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Puts Debian's cloud kernel and its modules under artifacts/guest, for tests that boot a VM. It is unpacked, not installed: this machine's own boot is left alone.
set -euo pipefail
cd "$(dirname "$0")/.."
target=$PWD/artifacts/guest

if [ -e "$target/kernel/vmlinuz" ]; then
  exit 0
fi

mkdir -p "$target"
work=$(mktemp -d "$target/new.XXXXXX")
trap 'rm -rf "$work"' EXIT
package=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null | awk '/Depends: linux-image-/ { print $2; exit }')
if [ -z "$package" ]; then
  echo "The package linux-image-cloud-amd64 is unknown here: run apt-get update, then this again." >&2
  exit 1
fi

echo "Fetching $package for the tests that boot a VM (it is not installed)..."
if ! (cd "$work" && apt-get -o APT::Sandbox::User=root download "$package" >apt.log 2>&1); then
  tail -n 5 "$work/apt.log" >&2
  echo "$package cannot be fetched: run apt-get update, then this again." >&2
  exit 1
fi

dpkg-deb -x "$work"/linux-image-*.deb "$work/files"
version=$(ls "$work/files/lib/modules")
PATH=$PATH:/sbin:/usr/sbin depmod -b "$work/files" "$version"
mkdir -p "$work/kernel/lib"
mv "$work"/files/boot/vmlinuz-* "$work/kernel/vmlinuz"
mv "$work/files/lib/modules" "$work/kernel/lib/modules"
rm -rf "$target/kernel"
mv "$work/kernel" "$target/kernel"
