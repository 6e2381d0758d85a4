#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# First process of a VM that tests boot: mounts, modules, udev and the network; then the files that qemu hands over, and /etc/ovd/start among them.
/bin/busybox --install -s /bin
export PATH=/bin:/sbin:/usr/bin:/usr/sbin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs run /run
mkdir -p /dev/pts
mount -t devpts pts /dev/pts
for module in virtio_pci virtio_blk virtio_net virtio_scsi sd_mod dm-mod; do
  modprobe "$module"
done
systemd-udevd --daemon
udevadm trigger --action=add
udevadm settle
ip link set lo up
ip addr add 10.0.2.15/24 dev eth0
ip link set eth0 up
ip route add default via 10.0.2.2
tar -x -C / -f /dev/vda
export DOTNET_ROOT="$(cat /etc/dotnet-root)" DOTNET_TieredCompilation=1 DOTNET_TieredPGO=0
echo "guest: start at $(cut -d' ' -f1 /proc/uptime) s"
sh /etc/ovd/start
echo "guest: end at $(cut -d' ' -f1 /proc/uptime) s"
sync
poweroff -f
