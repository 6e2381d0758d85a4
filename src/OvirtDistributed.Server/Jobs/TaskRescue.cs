// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Jobs;

/// <summary>What the point's own repository could not give to a task, and what copies of the point did about it.</summary>
internal sealed record TaskRescue
{
    public IReadOnlyList<RescueSource> Sources { get; init; } = [];

    /// <summary>What is still damaged, and why; empty when all was repaired.</summary>
    public string Unrepaired { get; init; } = "";

    /// <summary>Why the repository could not be read, or not to the end; empty when it could.</summary>
    public string Unreachable { get; init; } = "";

    /// <summary>What to tell of it: for the job's notes and its log.</summary>
    /// <param name="disk">Of the task.</param>
    /// <param name="repository">The point's own.</param>
    public IEnumerable<string> Notes(string disk, string repository)
    {
        foreach (var source in Sources)
        {
            var word = source.BytesOnItsWord > 0 && Unreachable.Length == 0 ? $", {source.BytesOnItsWord} of the bytes on the copy's word alone" : "";
            yield return source.Objects > 0
                ? $"Disk {disk}: {source.Objects} damaged chunks or map pages ({source.Bytes} bytes of the disk) came from repository {source.Repository}; {source.RepairedObjects} of them were repaired in {repository}{word}."
                : $"Disk {disk}: {source.Bytes} bytes came from repository {source.Repository}{word}.";
        }
    }

    /// <summary>What needs attention; empty when nothing does.</summary>
    public IEnumerable<string> Warnings(string disk, string repository)
    {
        if (Unreachable.Length > 0)
        {
            yield return $"Disk {disk}: repository {repository} could not be read, its copies were: {Unreachable}";
        }

        if (Unrepaired.Length > 0)
        {
            yield return $"Disk {disk} is still damaged in {repository}: {Unrepaired}";
        }
    }
}

/// <summary>What came from one of the copies.</summary>
internal sealed record RescueSource(string Repository, long Objects, long Bytes, long RepairedObjects, long BytesOnItsWord);
