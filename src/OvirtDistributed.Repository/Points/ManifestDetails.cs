// SPDX-License-Identifier: Apache-2.0
namespace OvirtDistributed.Repository.Points;

/// <summary>What a manifest says that is nobody's business but the owner's: in an encrypted repository it is in the manifest only encrypted.</summary>
internal sealed record ManifestDetails
{
    public string VmName { get; init; } = "";

    public string? FallbackReason { get; init; }

    public string? ConsistencyDetail { get; init; }

    public IReadOnlyDictionary<string, string> SkippedDisks { get; init; } = new Dictionary<string, string>();

    public IReadOnlyDictionary<string, string> Properties { get; init; } = new Dictionary<string, string>();

    /// <summary>In the order of the manifest's disks.</summary>
    public IReadOnlyList<DiskDetails> Disks { get; init; } = [];

    internal sealed record DiskDetails
    {
        public string Alias { get; init; } = "";

        public string? FallbackReason { get; init; }

        public IReadOnlyDictionary<string, string> Properties { get; init; } = new Dictionary<string, string>();
    }
}
