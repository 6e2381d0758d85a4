#!/usr/bin/env bash
# Installs the Debian packages that the demo uses, and those that tests or benchmarks need besides, after saying which are missing.
# Installs nothing else. Usage: install-packages.sh [tests|bench]
set -euo pipefail

packages=(postgresql rabbitmq-server qemu-utils qemu-system-common qemu-block-extra libzstd1 liblz4-1)
case "${1:-}" in
  '') ;;
  tests) packages+=(openssh-client openssh-server sudo npm zsh fish python3 python3-cryptography python3-zstandard qemu-system-x86 busybox-static udev lvm2 kmod cpio ceph-mon ceph-osd radosgw spin gcc libc6-dev mount) ;;
  bench) packages+=(restic borgbackup libnbd-bin e2fsprogs time) ;;
  *) echo "'$1' is unknown: tests, bench, or nothing for the demo" >&2; exit 2 ;;
esac

missing=()
for package in "${packages[@]}"; do
  # npm also comes with Node.js packages that are not Debian's.
  if [ "$package" = npm ] && command -v npx >/dev/null; then
    continue
  fi
  if [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" != installed ]; then
    missing+=("$package")
  fi
done

if [ ${#missing[@]} -eq 0 ]; then
  exit 0
fi

echo "Debian packages needed and not installed: ${missing[*]}"
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "Run as root: apt-get install ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi

# RUNLEVEL=1 keeps the packages' own services from being started: demo and tests run private ones.
log=$(mktemp)
trap 'rm -f "$log"' EXIT
install() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y --no-install-recommends "${missing[@]}" >"$log" 2>&1
}
echo "Installing them (their services are not started)..."
if ! install; then
  "${as_root[@]}" apt-get update >"$log" 2>&1 || true
  if ! install; then
    tail -n 20 "$log" >&2
    echo "Installation failed. Install by hand: apt-get install ${missing[*]}" >&2
    exit 1
  fi
fi
echo "Installed."
