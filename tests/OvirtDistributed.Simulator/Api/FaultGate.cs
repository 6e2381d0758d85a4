// SPDX-License-Identifier: Apache-2.0

using Microsoft.AspNetCore.Http;
using OvirtDistributed.Simulator.Faults;

namespace OvirtDistributed.Simulator.Api;

/// <summary>Lets armed faults act on the manager's requests.</summary>
internal sealed class FaultGate(FaultSet faults, TimeProvider time)
{
    /// <summary>
    /// Strikes the rules of a moment and carries out their effects in the order in which they were armed.
    /// </summary>
    /// <returns>The answer that replaces the handler's, if any, and the faults that act on the work the request starts. Aborts the connection itself.</returns>
    public async Task<(ApiAnswer? Answer, List<ArmedFault> Sticking)> PassAsync(HttpContext context, FaultMoment moment, string path, bool json)
    {
        ApiAnswer? answer = null;
        var sticking = new List<ArmedFault>();
        foreach (var fault in faults.Strike(moment, context.Request.Method, path))
        {
            var rule = fault.Rule;
            if (rule.Delay > TimeSpan.Zero)
            {
                await Task.Delay(rule.Delay, time, context.RequestAborted);
            }

            if (rule.StickPhase || rule.FailMerge)
            {
                sticking.Add(fault);
            }

            if (rule.DropConnection)
            {
                context.Abort();
                throw new ConnectionDropped();
            }

            if (rule.Status is { } status)
            {
                answer ??= ApiAnswer.Of(status, new ApiFault(status, "Operation Failed", rule.Detail ?? "[]").ToNode(), json);
            }
        }

        return (answer, sticking);
    }

    /// <summary>The connection has been closed; there is nobody to answer.</summary>
    public sealed class ConnectionDropped : Exception;
}
