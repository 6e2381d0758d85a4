// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Worker.Ssh;

/// <summary>The words for failures of a kind of machine.</summary>
/// <param name="Kind">What the machine is, at the beginning of a sentence.</param>
/// <param name="KnownHosts">Where an operator sets the host keys.</param>
/// <param name="PrivateKey">Where an operator sets the private key.</param>
internal sealed record SshAdvice(string Kind, string KnownHosts, string PrivateKey)
{
    /// <summary>A host of the manager's.</summary>
    public static SshAdvice Host { get; } = new("Host", "ovd manager set-ssh --known-hosts", "ovd manager set-ssh --key-file");

    /// <summary>The guest of a VM, in which commands run.</summary>
    public static SshAdvice Guest { get; } = new("Guest", "ovd backup run --guest-known-hosts", "ovd backup run --guest-key-file");
}
