// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Hosting.Tls;

namespace OvirtDistributed.Cli.Connection;

/// <summary>How to reach the backup server.</summary>
internal sealed record ConnectionSettings
{
    /// <summary>gRPC address of the backup server; null when nothing names one.</summary>
    public string? Server { get; init; }

    public TlsOptions Tls { get; init; } = new();

    /// <summary>Limit of every single call. Waiting for a job and reading a disk have none.</summary>
    public TimeSpan Timeout { get; init; } = DefaultTimeout;

    /// <summary>Long enough for a manager that is slow to answer its first login.</summary>
    public static readonly TimeSpan DefaultTimeout = TimeSpan.FromSeconds(60);
}
