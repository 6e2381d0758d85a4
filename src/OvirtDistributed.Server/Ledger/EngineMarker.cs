// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Ledger;

/// <summary>
/// What the description of everything we create carries, so that it is found again even with an emptied database:
/// <c>[ovd instance=… repository=… job=…]</c>. Only what carries our own instance id is ever touched.
/// </summary>
internal static class EngineMarker
{
    public static string Of(Guid instanceId, Guid repositoryId, Guid jobId) => $"{OfRepository(instanceId, repositoryId)} job={jobId:N}]";

    /// <summary>What the markers of one repository's things begin with.</summary>
    public static string OfRepository(Guid instanceId, Guid repositoryId) => $"{OfInstance(instanceId)} repository={repositoryId:N}";

    public static string OfInstance(Guid instanceId) => $"[ovd instance={instanceId:N}";

    public static string OfJob(Guid jobId) => $" job={jobId:N}]";

    public static bool IsOfJob(string description, Guid instanceId, Guid jobId) =>
        description.Contains(OfInstance(instanceId), StringComparison.Ordinal) && description.Contains(OfJob(jobId), StringComparison.Ordinal);

    /// <summary>The repository that the marker in a description names; null without one.</summary>
    public static Guid? RepositoryOf(string description)
    {
        const string Name = " repository=";
        const int IdLength = 32;
        var start = description.IndexOf(Name, Math.Max(0, description.IndexOf("[ovd instance=", StringComparison.Ordinal)), StringComparison.Ordinal);
        return start >= 0 && description.Length >= start + Name.Length + IdLength && Guid.TryParseExact(description.AsSpan(start + Name.Length, IdLength), "N", out var id) ? id : null;
    }

    public static bool IsOfRepository(string description, Guid instanceId, Guid repositoryId) =>
        description.Contains(OfRepository(instanceId, repositoryId), StringComparison.Ordinal);
}
