// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Repositories;
using OvirtDistributed.Tests.Server.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Server.Repositories;

[Collection(PostgresTests.Name)]
public sealed class LiveFiguresTests(PostgresServer postgres)
{
    [Fact]
    public async Task DataMoverAnswers_FiguresAreOfNow()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        await site.Get<RepositoryMonitor>().CheckAsync(await site.RepositoryAsync(), TestSite.Token).WithinDeadline();
        var job = await site.RunToEndAsync(await site.BackUpAsync(site.AddVm("vm").Name)).WithinDeadline();
        site.Mover.PointsByJob.Remove(job.Id); // behind the server's back, and before its next look

        var status = (await site.Get<LiveFigures>().ReadAsync([await site.RepositoryAsync()], TestSite.Token).WithinDeadline())[site.RepositoryId];

        Assert.Equal(0, status.Points);
        Assert.Equal(1, (await site.RepositoryAsync()).Points);
    }

    [Fact]
    public async Task DataMoverIsSilentOrAnother_IsLeftOutAfterAMoment()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var repository = await site.RepositoryAsync();
        site.Mover.IsSilent = true;
        Assert.Empty(await site.Get<LiveFigures>().ReadAsync([repository], TestSite.Token).WithinDeadline());

        site.Mover.IsSilent = false;
        site.Mover.Arm(MoverFailure.Unreachable);
        Assert.Empty(await site.Get<LiveFigures>().ReadAsync([repository], TestSite.Token).WithinDeadline());
        site.Mover.Encryption = null;
        Assert.Empty(await site.Get<LiveFigures>().ReadAsync([repository], TestSite.Token).WithinDeadline());
    }
}
