#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes the initial RAM disk of a small Linux VM out of this machine's own programs: udev, LVM, an OpenSSH server, qemu-nbd, the .NET runtime and a program
# directory, which becomes /opt/ovd. Usage: guest-image.sh PROGRAM_DIRECTORY INIT_SCRIPT IMAGE
set -euo pipefail
PATH=$PATH:/sbin:/usr/sbin
programs=$(readlink -f "$1") init=$(readlink -f "$2") image=$(readlink -m "$3")
kernel=$(readlink -f "$(dirname "$0")/../artifacts/guest/kernel")
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

# Copies files with every library that they need, to where they are here.
add() {
  local file
  for file; do
    mkdir -p "$root$(dirname "$file")"
    cp -L "$file" "$root$file"
    { ldd "$file" 2>/dev/null || true; } | awk '$2 == "=>" && $3 ~ /^\// { print $3 } $1 ~ /^\// { print $1 }' | while read -r library; do
      if [ ! -e "$root$library" ]; then
        mkdir -p "$root$(dirname "$library")"
        cp -L "$library" "$root$library"
      fi
    done
  done
}

library() { ldconfig -p | awk -v name="$1" '$1 == name && /x86-64/ { print $NF; exit }'; }

mkdir -p "$root"/{proc,sys,dev,run,tmp,etc,root,usr/bin,usr/sbin,usr/lib,usr/lib64,opt/ovd}
for directory in bin sbin lib lib64; do
  ln -s "usr/$directory" "$root/$directory"
done
add /bin/busybox
ln -s /bin/busybox "$root/bin/sh"
install -m 755 "$init" "$root/init"

# udev with its rules for disks and device mapper.
add /bin/udevadm /lib/udev/scsi_id /lib/udev/ata_id
ln -s /bin/udevadm "$root/bin/systemd-udevd"
mkdir -p "$root/lib/udev/rules.d"
cp /lib/udev/rules.d/{50-udev-default,55-dm,56-lvm,60-block,60-persistent-storage,60-persistent-storage-dm,95-dm-notify}.rules "$root/lib/udev/rules.d/"
printf 'root:x:0:0:root:/root:/bin/sh\nsshd:x:100:65534::/run/sshd:/bin/false\n' > "$root/etc/passwd"
getent group root tty disk kmem input video kvm render sgx audio lp cdrom tape dialout utmp | cut -d: -f1-3 | sed 's/$/:/' > "$root/etc/group"
printf 'hosts: files\npasswd: files\ngroup: files\n' > "$root/etc/nsswitch.conf"
# The lab's servers listen on loopback of the machine that runs the VM, which the VM's network shows under this address.
printf '10.0.2.2 localhost\n' > "$root/etc/hosts"

# Kernel modules with what they depend on.
version=$(ls "$kernel/lib/modules")
for module in virtio_pci virtio_blk virtio_net virtio_scsi sd_mod dm-mod; do
  modprobe -d "$kernel" -S "$version" --show-depends "$module" | awk '$1 == "insmod" { print $2 }'
done | sort -u | while read -r module; do
  mkdir -p "$root/lib/modules/$version"
  cp "$module" "$root/lib/modules/$version/"
done
depmod -b "$root" "$version" 2>/dev/null

# LVM, what a host serves disks with, and an OpenSSH server.
add /usr/sbin/lvm /usr/sbin/dmsetup "$(command -v qemu-nbd)" "$(command -v qemu-img)" /usr/sbin/sshd
for command in lvchange lvcreate lvs pvcreate vgchange vgcreate; do
  ln -s lvm "$root/usr/sbin/$command"
done

# The .NET runtime, what it loads by name, and our program.
dotnet=$(dirname "$(readlink -f "$(command -v dotnet)")")
for file in $(find "$dotnet/host" "$dotnet"/shared/Microsoft.{NETCore,AspNetCore}.App -name '*.so'); do
  add "$file"
done
mkdir -p "$root$dotnet"
cp -r "$dotnet/host" "$dotnet/shared" "$root$dotnet/"
printf '%s\n' "$dotnet" > "$root/etc/dotnet-root"
for name in libssl.so.3 libcrypto.so.3 libzstd.so.1 liblz4.so.1 libz.so.1; do
  add "$(library "$name")"
done
cp -r "$programs/." "$root/opt/ovd/"
find "$root/opt/ovd" \( -name '*.pdb' -o -name '*.xml' \) -delete

mkdir -p "$(dirname "$image")"
(cd "$root" && find . | cpio -o -H newc --quiet) > "$image.new"
mv "$image.new" "$image"
