// SPDX-License-Identifier: Apache-2.0

using System.Runtime.InteropServices;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;
using OvirtDistributed.Ovirt.Auth;
using OvirtDistributed.Ovirt.Engine;
using OvirtDistributed.Ovirt.Trust;
using OvirtDistributed.Server.Database;
using OvirtDistributed.Server.Jobs.Backup.Freezing;
using OvirtDistributed.Server.Managers;
using OvirtDistributed.Simulator;
using OvirtDistributed.Simulator.Faults;
using OvirtDistributed.Tests.Server.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Server.Jobs;

/// <summary>The real guard, a process of its own, against a manager over TLS.</summary>
[Collection(PostgresTests.Name)]
public sealed partial class ThawGuardTests(PostgresServer postgres) : IAsyncLifetime
{
    private const int SigTerm = 15;
    private const string ThawPath = "/vms/*/thawfilesystems";

    private readonly SimulatorOptions _options = new();
    private TestSite _site = null!;
    private SimulatorHost _manager = null!;
    private Guid _vmId;

    public async ValueTask InitializeAsync()
    {
        _site = await TestSite.StartAsync(postgres).WithinDeadline();
        var model = SimulatorModel.Empty with { DataCenters = [DataCenterModel.Simple("d", "c", [new VmModel("db", [new DiskModel(1 << 20)]) { Running = true }], 1)] };
        _manager = await SimulatorHost.StartAsync(_options, model, CancellationToken.None).WithinDeadline();
        _vmId = (await VmAsync()).Id;
        await using var context = _site.Database();
        var manager = await context.Managers.SingleAsync(CancellationToken.None);
        manager.Url = _manager.ApiUrl.ToString();
        manager.UserName = _options.User;
        manager.SealedPassword = _site.Get<PasswordSeal>().Seal(manager.Id, _options.Password);
        manager.CaPem = _manager.CaPem;
        await context.SaveChangesAsync(CancellationToken.None);
    }

    public async ValueTask DisposeAsync()
    {
        await _manager.DisposeAsync();
        await _site.DisposeAsync();
    }

    [Fact]
    public async Task Thawed_GuardEndsWithoutACall()
    {
        var guard = await StartAsync();
        await guard.FrozenAsync();

        await guard.EndAsync().WithinDeadline();

        await GoneAsync(guard);
        Assert.Equal(0, (await VmAsync()).Thaws);
        await guard.DisposeAsync();
    }

    [Fact]
    public async Task ServerIsGone_GuardThawsThoughItIsAskedToEndAndTheManagerFailsTwice()
    {
        var fault = _manager.Engine.Faults.Arm(new FaultRule { Name = "thaw fails", Method = "POST", Path = ThawPath, Status = 500, Times = 2 });
        var guard = await StartAsync();
        await FreezeAsync();
        await guard.FrozenAsync();
        Assert.Equal(guard.Id, SessionOf(guard.Id));
        Assert.Equal(0, Signal(guard.Id, SigTerm));
        Assert.DoesNotContain(_options.Password, File.ReadAllText($"/proc/{guard.Id}/cmdline"), StringComparison.Ordinal);
        Assert.DoesNotContain(_options.Password, File.ReadAllText($"/proc/{guard.Id}/environ"), StringComparison.Ordinal);
        Assert.NotNull((await VmAsync()).FrozenSince);

        // What the end of the server's process does.
        await guard.DisposeAsync();

        await Deadline.UntilAsync(async () => (await VmAsync()).FrozenSince is null, "the guest is thawed", TimeSpan.FromSeconds(30));
        await GoneAsync(guard);
        Assert.True(fault.Exercised);
        Assert.Equal(1, (await VmAsync()).Thaws);
    }

    [Fact]
    public async Task TimeIsOver_GuardThawsBesideAServerThatDoesNothing()
    {
        var guard = await StartAsync(TimeSpan.FromMilliseconds(500));
        await FreezeAsync();
        await guard.FrozenAsync();

        await Deadline.UntilAsync(async () => (await VmAsync()).FrozenSince is null, "the guest is thawed", TimeSpan.FromSeconds(30));

        await GoneAsync(guard);
        await guard.EndAsync().WithinDeadline();
        await guard.DisposeAsync();
    }

    [Fact]
    public async Task SettingsThatCannotWork_NoGuardIsLeftAndTheReasonIsSaid()
    {
        await using (var context = _site.Database())
        {
            (await context.Managers.SingleAsync(CancellationToken.None)).Url = "https://host/wrong";
            await context.SaveChangesAsync(CancellationToken.None);
        }

        var failure = await Assert.ThrowsAsync<InvalidOperationException>(() => StartAsync());

        Assert.Contains("ended at once", failure.Message, StringComparison.Ordinal);
    }

    private async Task<ThawGuardProcess> StartAsync(TimeSpan? timeout = null)
    {
        var guards = new ThawGuardProcesses(
            _site.Get<IDbContextFactory<ServerDbContext>>(), _site.Get<PasswordSeal>(), TimeProvider.System, _site.Options, NullLogger<ThawGuardProcesses>.Instance);
        var guest = new GuardedGuest(_site.ManagerId, _vmId, Guid.NewGuid(), timeout ?? TimeSpan.FromMinutes(5), TimeSpan.FromMinutes(4));
        var guard = (ThawGuardProcess)await guards.StartAsync(guest, CancellationToken.None).WithinDeadline();
        await guard.AskedAsync().WithinDeadline();
        return guard;
    }

    private async Task FreezeAsync()
    {
        await using var client = new OvirtEngineClientFactory(TimeProvider.System, NullLoggerFactory.Instance).Create(new EngineConnection
        {
            ApiUrl = _manager.ApiUrl,
            User = _options.User,
            Password = new Secret(_options.Password),
            Trust = TlsTrust.Pinned(_manager.CaPem),
        });
        await new OvirtEngine(client).FreezeGuestAsync(_vmId, Guid.NewGuid(), CancellationToken.None).WithinDeadline();
    }

    private async Task<SimulatedVm> VmAsync() => (await _manager.Engine.VmsAsync(CancellationToken.None)).Single(vm => vm.Name == "db");

    private static Task GoneAsync(ThawGuardProcess guard) => Deadline.UntilAsync(
        () => Task.FromResult(!File.Exists($"/proc/{guard.Id}/stat") || StatOf(guard.Id)[0] == "Z"), "the guard has ended", TimeSpan.FromSeconds(30));

    private static int SessionOf(int process) => int.Parse(StatOf(process)[3], System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>State, parent, group, session and so on: what follows the name, which is in parentheses.</summary>
    private static string[] StatOf(int process)
    {
        try
        {
            var text = File.ReadAllText($"/proc/{process}/stat");
            return text[(text.LastIndexOf(')') + 2)..].Split(' ');
        }
        catch (IOException)
        {
            return ["Z"];
        }
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Signal(int processId, int signal);
}
