// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Worker.Agent;

/// <summary>What a worker says about itself.</summary>
internal sealed record WorkerIdentity(Guid Id, string Name, Guid ClusterId, int Slots, string Version, string SystemUuid)
{
    /// <summary>Export domains that are mounted here.</summary>
    public IReadOnlyCollection<string> ExportDomains { get; init; } = [];

    /// <summary>SMBIOS uuid as the kernel gives it; only root may read it. Empty where there is none.</summary>
    private const string SystemUuidFile = "/sys/class/dmi/id/product_uuid";

    public static WorkerIdentity From(WorkerOptions options, string version) =>
        new(options.EffectiveId, options.Name, options.ClusterId, options.Slots, version, string.IsNullOrEmpty(options.SystemUuid) ? ReadSystemUuid() : options.SystemUuid.ToLowerInvariant())
        {
            ExportDomains = options.ExportMounts.Names,
        };

    private static string ReadSystemUuid()
    {
        try
        {
            return File.Exists(SystemUuidFile) ? File.ReadAllText(SystemUuidFile).Trim().ToLowerInvariant() : string.Empty;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return string.Empty;
        }
    }
}
