// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Hosting.Errors;

namespace OvirtDistributed.Server.Jobs.Restore;

/// <summary>A restore that takes what a VM holds now and leaves no way back is made only for somebody who has said that this is meant.</summary>
internal static class RestoreLoss
{
    /// <summary>By this word callers tell the refusal from others, to ask and to come again.</summary>
    public const string Reason = "loss-not-accepted";

    /// <exception cref="OperatorException">It is lost, and nobody said that it may be; names what.</exception>
    public static void RequireAccepted(RestoreSubject subject, RestorePlan? plan, bool accepted)
    {
        var details = subject.Details;
        if (accepted || !details.RewritesVm() || details.SafetyPoint)
        {
            return;
        }

        var vm = plan?.Target is { } target ? $"VM {target.Name}, which is {target.Status}," : $"VM {details.NewName}";
        var names = (plan?.Disks ?? []).Select(disk => disk.Replaces?.Alias).OfType<string>().ToList();
        var disks = names.Count == 0 ? "" : $" ({string.Join(", ", names)})";
        var lost = details.Scope == RestoreScope.InPlace ? $"has its disk{disks} written over" : $"loses its disks{disks} to those of the restore point";
        throw new OperatorException(
            FailureKind.WrongState, $"{vm} {lost}, and no safety point is made: what is there now cannot be brought back. Confirm that (--yes), or leave --no-safety-point out.")
        {
            Reason = Reason,
        };
    }
}
