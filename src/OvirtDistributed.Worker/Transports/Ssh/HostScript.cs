// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Worker.Ssh;

namespace OvirtDistributed.Worker.Transports.Ssh;

/// <summary>
/// What runs on the host while a task reads or writes a disk: qemu-nbd behind a unix socket that SSH forwards. It ends, and leaves nothing behind, when its standard
/// input ends or stays silent for a minute, and so also when the worker is killed or cannot be reached any more. Uses nothing but what every
/// host has: sh, coreutils, util-linux, qemu-nbd, qemu-img and LVM.
/// </summary>
internal static class HostScript
{
    /// <summary>What it prints once the socket is there.</summary>
    public const string Ready = "ready";

    /// <summary>How often it wants to hear something: well within its minute.</summary>
    public static readonly TimeSpan SignInterval = TimeSpan.FromSeconds(10);

    /// <summary>
    /// POSIX sh. Arguments: directory to make for the socket, clients, read or write, folder of the volume groups, volume that must be accessible, image for qemu-nbd,
    /// then logical volumes as GROUP/VOLUME.
    /// </summary>
    /// <remarks>
    /// A logical volume that is active stays so: vdsm, or another task, has made it active. One that was not is deactivated at the end; LVM refuses that while anybody has it open.
    /// The socket is there before the image is open, so an answer is waited for. LVM is told which devices to look at, because hosts keep it from the storage of VMs. On storage that does not trust root the server runs as vdsm.
    /// </remarks>
    public const string Text = """
        umask 077
        PATH=$PATH:/usr/sbin:/sbin
        dir=$1 clients=$2 access=$3 groups=$4 volume=$5 image=$6
        shift 6
        pid= activated=
        lvm_change() {
          lvchange --config 'devices { filter = ["a|^/dev/mapper/|", "r|.*|"] use_devicesfile = 0 hints = "none" write_cache_state = 0 } global { use_lvmpolld = 0 }' "$@" >/dev/null
        }
        finish() {
          trap '' HUP INT TERM PIPE
          if [ -n "$pid" ]; then kill "$pid" 2>/dev/null; wait "$pid" 2>/dev/null; fi
          for lv in $activated; do lvm_change -an "$lv" || true; done
          rm -rf "$dir"
        }
        trap 'exit 1' HUP INT TERM PIPE
        mkdir -m 700 "$dir" || exit 1
        trap finish EXIT
        for lv do
          if [ ! -e "$groups/$lv" ]; then
            lvm_change -ay "$lv" || exit 1
            activated="$lv $activated"
          fi
        done
        flag=-r as=
        if [ "$access" = write ]; then flag=-w; fi
        if [ "$(id -u)" = 0 ] && [ ! "$flag" "$volume" ] && id vdsm >/dev/null 2>&1; then
          chown vdsm "$dir" && as='setpriv --reuid=vdsm --regid=kvm --init-groups'
        fi
        set -- --persistent --export-name= --shared="$clients" --socket="$dir/nbd" --cache=none --aio=native
        if [ "$access" = read ]; then
          set -- "$@" --read-only
          case $(qemu-nbd --help) in *--allocation-depth*) set -- "$@" --allocation-depth ;; esac
        fi
        $as qemu-nbd "$@" "$image" </dev/null >/dev/null &
        pid=$!
        tries=0
        until qemu-img info "nbd+unix:///?socket=$dir/nbd" >/dev/null 2>&1; do
          kill -0 "$pid" 2>/dev/null && [ "$tries" -lt 300 ] || exit 1
          tries=$((tries + 1))
          sleep 0.1
        done
        if [ -n "${SUDO_UID:-}" ]; then chown "$SUDO_UID" "$dir" "$dir/nbd"; fi
        echo ready
        while [ -n "$(timeout 60 head -c 1)" ]; do :; done
        exit 0
        """;

    /// <summary>The command line for the host's shell.</summary>
    public static string CommandLine(bool sudo, IEnumerable<string> arguments) =>
        $"{(sudo ? "exec sudo -n " : "exec ")}/bin/sh -c {SshClient.Quoted(Text)} ovd {string.Join(' ', arguments.Select(SshClient.Quoted))}";
}
