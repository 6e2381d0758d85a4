// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Jobs.Backup.Commands;

/// <summary>Commands that workers run, or have the guest run, around the moment that a backup holds, so that an application in the guest is in order then.</summary>
internal sealed record BackupCommands
{
    /// <summary>The longest a command may be given: the application waits meanwhile.</summary>
    public static readonly TimeSpan LongestTimeLimit = TimeSpan.FromHours(1);

    public static readonly TimeSpan DefaultTimeLimit = TimeSpan.FromMinutes(5);

    /// <summary>Before the manager is asked for the backup or the snapshot.</summary>
    public CommandLine? Pre { get; init; }

    /// <summary>As soon as the manager holds the moment, before any data is read; and when it comes to no such moment. Has to be idempotent.</summary>
    public CommandLine? Post { get; init; }

    /// <summary>For each of them.</summary>
    public TimeSpan TimeLimit { get; init; } = DefaultTimeLimit;

    /// <summary>A pre-command that fails is a warning and not the end.</summary>
    public bool ContinueAfterFailedPre { get; init; }

    /// <summary>They run in the guest; null when on the worker.</summary>
    public GuestAccess? Guest { get; init; }

    /// <summary>Where they run, for people.</summary>
    public string Where() => Guest?.Where() ?? "on a worker";

    /// <summary>What runs where, for people; without the arguments, which may be many.</summary>
    public string Describe()
    {
        string[] names = [.. Pre is null ? [] : new[] { $"pre-command {Pre.Name}" }, .. Post is null ? [] : new[] { $"post-command {Post.Name}" }];
        return $"{string.Join(" and ", names)} {Where()}";
    }

    public CommandLine? Of(CommandPhase phase) => phase == CommandPhase.Pre ? Pre : Post;
}

/// <summary>A program of the workers' command directory, or of the guest, and its arguments, of which no shell ever makes anything else.</summary>
internal sealed record CommandLine(string Name, IReadOnlyList<string> Arguments);
