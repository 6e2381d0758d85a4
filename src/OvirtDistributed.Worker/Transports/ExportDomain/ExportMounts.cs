// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Worker.Execution;

namespace OvirtDistributed.Worker.Transports.ExportDomain;

/// <summary>Export domains of managers that this worker has mounted, as configured: id of the storage domain, or ADDRESS:PATH as hosts mount it → local directory.</summary>
public sealed class ExportMounts
{
    private readonly IReadOnlyDictionary<string, string> _paths;

    /// <param name="paths">By the names they are configured with.</param>
    public ExportMounts(IReadOnlyDictionary<string, string> paths) => _paths = paths;

    public static ExportMounts None { get; } = new(new Dictionary<string, string>(StringComparer.Ordinal));

    /// <summary>What the server is told.</summary>
    public IReadOnlyCollection<string> Names => [.. _paths.Keys];

    /// <summary>Reads a section whose keys may have colons in them, as ADDRESS:PATH has.</summary>
    public static ExportMounts Read(IConfiguration section) => new(section.AsEnumerable(makePathsRelative: true)
        .Where(pair => !string.IsNullOrEmpty(pair.Value))
        .ToDictionary(pair => pair.Key, pair => pair.Value!, StringComparer.Ordinal));

    /// <summary>Every problem, each naming the setting, the value and what to do.</summary>
    public IEnumerable<string> Problems(string section)
    {
        foreach (var (name, path) in _paths)
        {
            if (!Guid.TryParse(name, out _) && !name.Contains(":/", StringComparison.Ordinal))
            {
                yield return $"{section}:{name} names no export domain: write the storage domain's id, or ADDRESS:/PATH as the manager shows it.";
            }

            if (!Path.IsPathRooted(path))
            {
                yield return $"{section}:{name} '{path}' is not a full path: write the local directory on which the export domain is mounted.";
            }
        }
    }

    /// <summary>The directory of an order's domain.</summary>
    /// <exception cref="TaskFailureException">It is not configured here.</exception>
    internal string Find(ExportDisk disk)
    {
        var found = _paths.FirstOrDefault(pair => Guid.TryParse(pair.Key, out var id)
            ? string.Equals($"{id:D}", disk.StorageDomainId, StringComparison.OrdinalIgnoreCase)
            : disk.Location.Length > 0 && string.Equals(pair.Key.TrimEnd('/'), disk.Location.TrimEnd('/'), StringComparison.Ordinal));
        return found.Value ?? throw new TaskFailureException(
            FailureCode.BadOrder, $"The worker does not know export domain {disk.StorageDomainId} ({disk.Location}): mount it and set {Agent.WorkerOptions.Section}:ExportDomains:{disk.StorageDomainId}.");
    }
}
