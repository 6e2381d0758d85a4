// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Worker.Execution;
using Xunit;

namespace OvirtDistributed.Tests.Worker.Transfers;

internal static class Failures
{
    /// <summary>The failure a task ends with; its message must not give the transfer away.</summary>
    public static async Task<TaskFailureException> OfAsync(Task work)
    {
        var failure = await Assert.ThrowsAsync<TaskFailureException>(() => work);
        Assert.DoesNotContain(ImageServer.Ticket, failure.Message, StringComparison.Ordinal);
        Assert.NotEmpty(failure.Message);
        return failure;
    }
}
