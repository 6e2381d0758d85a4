// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Contracts.Admin.V1;
using OvirtDistributed.Tests.Cli.Fakes;
using Xunit;
using Task = System.Threading.Tasks.Task;

namespace OvirtDistributed.Tests.Cli;

/// <summary>A restore that leaves no way back is asked about, whether it was given with options or as a plan.</summary>
public sealed class LossQuestionTests
{
    public static TheoryData<string> Commands =>
    [
        "restore vm 7b1d --overwrite --power-off --no-safety-point",
        "restore vm --plan 9f86",
        "restore disk 7b1d web_root --to-vm web --in-place --no-safety-point",
        "restore disk --plan 9f86",
    ];

    [Theory]
    [MemberData(nameof(Commands))]
    public async Task OnATerminal_IsAskedAndGoesOnWithAYes(string command)
    {
        await using var server = await FakeBackupServer.StartAsync(Losing());
        var run = new CliRun { InputIsTerminal = true, Input = "y\n" };

        await run.RunAsync(server.Address, CancellationToken.None, command.Split(' '));

        Assert.Equal((int)ExitCode.Ok, run.ExitCode);
        Assert.StartsWith(FakeInstallation.Loss + "\nLose it? [y/N] ", run.Error, StringComparison.Ordinal);
        Assert.Equal([false, true], Accepted(server));
    }

    [Theory]
    [InlineData("\n")]
    [InlineData("n\n")]
    [InlineData("")]
    public async Task AnythingButYes_DoesNothing(string answer)
    {
        await using var server = await FakeBackupServer.StartAsync(Losing());
        var run = new CliRun { InputIsTerminal = true, Input = answer };

        await run.RunAsync(server.Address, CancellationToken.None, "restore", "vm", "--plan", "9f86");

        Assert.Equal((int)ExitCode.Refused, run.ExitCode);
        Assert.Contains("Not confirmed; nothing was done.", run.Error, StringComparison.Ordinal);
        Assert.Equal([false], Accepted(server));
    }

    [Theory]
    [MemberData(nameof(Commands))]
    public async Task WithoutATerminal_IsRefusedUnlessYesIsGiven(string command)
    {
        await using var server = await FakeBackupServer.StartAsync(Losing());

        var run = await CliRun.OvdAsync(server, command.Split(' '));
        Assert.Equal((int)ExitCode.Refused, run.ExitCode);
        Assert.Contains(FakeInstallation.Loss, run.Error, StringComparison.Ordinal);

        run = await CliRun.OvdAsync(server, [.. command.Split(' '), "--yes"]);
        Assert.Equal((int)ExitCode.Ok, run.ExitCode);
        Assert.Equal([false, true], Accepted(server));
    }

    private static FakeInstallation Losing()
    {
        var installation = Samples.Installation();
        installation.LossIsNotAccepted = true;
        return installation;
    }

    private static IEnumerable<bool> Accepted(FakeBackupServer server) => server.Installation.Requests.Select(request => request switch
    {
        RestoreVmRequest vm => (bool?)vm.AcceptLoss,
        RestoreDiskRequest disk => disk.AcceptLoss,
        _ => null,
    }).OfType<bool>();
}
