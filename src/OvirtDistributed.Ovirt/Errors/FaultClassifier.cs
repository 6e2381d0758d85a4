// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Ovirt.Errors;

/// <summary>The only place that reads the engine's message texts and event codes.</summary>
/// <remarks>
/// HTTP status first, then English substrings (every call asks for en-US). The texts are those of ovirt-engine's
/// AppErrors bundle, the codes those of its AuditLogType. A text not known here never makes a failure retryable.
/// </remarks>
internal static class FaultClassifier
{
    // 409 texts that describe a passing state. Every entry makes the call worth repeating.
    private static readonly string[] LockedTexts =
    [
        "is locked",
        "are locked",
        "operation is currently in progress",
        "is being transferred",
        "is being migrated",
        "is performing an operation on a Snapshot",
        "is during a backup operation",
        "is an active image transfer for VM backup",
        "try again later",
        "try again in a few minutes",
    ];

    private static readonly string[] CheckpointTexts = ["checkpoint", "bitmap", "incremental"];

    // An engine that ran into trouble while starting a backup from a checkpoint.
    private const int EventFullBackupNeeded = 10791;
    private const int EventFreezeFailed = 10764;
    private const int EventUserFreezeFailed = 10769;

    // 10793 succeeded, 10794 finalized.
    private static readonly int[] BackupSuccessEvents = [10793, 10794];

    // 10791 full backup needed, 10792 failed, 10814 failed because unmonitored after an engine restart.
    private static readonly int[] BackupFailureEvents = [EventFullBackupNeeded, 10792, 10814];

    public static OvirtError Classify(int status, EngineFault fault, FaultScope scope)
    {
        var text = fault.Text ?? fault.Reason ?? string.Empty;
        return status switch
        {
            400 => ClassifyBadRequest(text, scope),
            401 => OvirtError.Unauthorized,
            403 => OvirtError.Forbidden,
            404 => OvirtError.NotFound,
            409 => ClassifyConflict(text, scope),
            408 or 504 => OvirtError.Timeout,
            500 when Has(text, "ILLEGAL") => OvirtError.DiskIllegal,
            500 => OvirtError.EngineFailed,
            502 or 503 => OvirtError.EngineUnavailable,
            >= 200 and < 400 => OvirtError.InvalidResponse,
            _ => OvirtError.Unknown,
        };
    }

    /// <summary>Whether a refused finalize means that the backup is already on its way out.</summary>
    public static bool IsAlreadyFinalized(OvirtException exception) =>
        exception.HttpStatus == 400
        && exception.FaultDetail is { } text
        && Has(text, "already in")
        && Has(text, "no need to stop");

    /// <summary>
    /// Whether a refused finalize came before the backup was ready: the engine answers with an error and yet marks the backup to fail, which it does a
    /// little later (StopVmBackupCommand).
    /// </summary>
    public static bool IsPrematureStop(OvirtException exception) =>
        exception.FaultDetail is { } text && Has(text, "premature backup stop was initiated");

    /// <summary>What a failed backup's events say about the reason.</summary>
    public static OvirtError ClassifyBackupFailure(IEnumerable<int> eventCodes, bool consistencyRequired)
    {
        var result = OvirtError.BackupFailed;
        foreach (var code in eventCodes)
        {
            if (code == EventFullBackupNeeded)
            {
                return OvirtError.CheckpointUnusable;
            }

            if (consistencyRequired && code is EventFreezeFailed or EventUserFreezeFailed)
            {
                result = OvirtError.GuestNotFrozen;
            }
        }

        return result;
    }

    public static bool IsBackupSuccess(int eventCode) => Array.IndexOf(BackupSuccessEvents, eventCode) >= 0;

    public static bool IsBackupFailure(int eventCode) => Array.IndexOf(BackupFailureEvents, eventCode) >= 0;

    private static OvirtError ClassifyBadRequest(string text, FaultScope scope)
    {
        if (scope == FaultScope.IncrementalStart && HasAny(text, CheckpointTexts))
        {
            return OvirtError.CheckpointUnusable;
        }

        return OvirtError.BadRequest;
    }

    private static OvirtError ClassifyConflict(string text, FaultScope scope)
    {
        if (HasAny(text, LockedTexts))
        {
            return OvirtError.Locked;
        }

        if (scope == FaultScope.IncrementalStart && HasAny(text, CheckpointTexts))
        {
            return OvirtError.CheckpointUnusable;
        }

        return OvirtError.Conflict;
    }

    private static bool HasAny(string text, string[] parts)
    {
        foreach (var part in parts)
        {
            if (Has(text, part))
            {
                return true;
            }
        }

        return false;
    }

    private static bool Has(string text, string part) => text.Contains(part, StringComparison.OrdinalIgnoreCase);
}
