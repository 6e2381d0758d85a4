// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using System.Text.Json;
using Google.Protobuf.Reflection;
using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Contracts.Admin.V1;
using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Tests.Cli.Fakes;
using Xunit;
using Command = System.CommandLine.Command;
using Task = System.Threading.Tasks.Task;

namespace OvirtDistributed.Tests.Cli;

/// <summary>What the server calls a field is shown as the option or argument that it was given by.</summary>
public sealed class FieldNamesTests
{
    public static TheoryData<string, string[], string[]> Requests() => new()
    {
        { "backup run", Fields(RunBackupRequest.Descriptor), [] },
        { "plan backup", Fields(RunBackupRequest.Descriptor), ["request_id"] },
        { "restore vm", Fields(RestoreVmRequest.Descriptor), [] },
        { "plan restore", Fields(RestoreVmRequest.Descriptor), ["request_id", "plan", "accept_loss"] },
        { "restore disk", Fields(RestoreDiskRequest.Descriptor), [] },
        { "plan restore-disk", Fields(RestoreDiskRequest.Descriptor), ["request_id", "plan", "accept_loss"] },
        { "point copy", Fields(CopyPointsRequest.Descriptor), [] },
        { "point verify", Fields(VerifyPointsRequest.Descriptor), ["bytes_per_second", "cluster", "request_id"] },
        { "point list", Fields(ListPointsRequest.Descriptor), [] },
        { "point show", Fields(GetPointRequest.Descriptor), [] },
        { "point remove", Fields(RemovePointRequest.Descriptor), [] },
        { "point lock", Fields(LockPointRequest.Descriptor), [] },
        { "point pin", Fields(PinPointRequest.Descriptor), [] },
        { "job list", Fields(ListJobsRequest.Descriptor), [] },
        { "job show", Fields(GetJobRequest.Descriptor), [] },
        { "job cancel", Fields(CancelJobRequest.Descriptor), [] },
        { "manager add", Fields(AddManagerRequest.Descriptor), [] },
        { "manager set-ssh", Fields(SetManagerSshRequest.Descriptor), [] },
        { "manager remove", Fields(RemoveManagerRequest.Descriptor), [] },
        { "manager inventory", Fields(GetInventoryRequest.Descriptor), [] },
        { "vm enable-cbt", Fields(EnableCbtRequest.Descriptor), [] },
        { "repository add", Fields(AddRepositoryRequest.Descriptor), [] },
        { "repository remove", Fields(RemoveRepositoryRequest.Descriptor), [] },
        { "repository gc", Fields(CollectGarbageRequest.Descriptor), [] },
        { "repository damaged", Fields(ListDamagedPointsRequest.Descriptor), [] },
        { "repository set-aside", Fields(SetPointAsideRequest.Descriptor), [] },
        { "repository key remove", Fields(RemoveKeySlotRequest.Descriptor), [] },
        { "repository key add", Fields(AddKeySlotRequest.Descriptor), ["slot"] },
        { "repository key import", Fields(ImportKeyRequest.Descriptor), ["key", "key_set_id"] },
        { "retention set", Fields(SetRetentionPolicyRequest.Descriptor), [] },
        { "retention assign", Fields(AssignRetentionPolicyRequest.Descriptor), [] },
        { "retention preview", Fields(PreviewRetentionRequest.Descriptor), [] },
        { "retention apply", Fields(ApplyRetentionRequest.Descriptor), [] },
        { "retention remove", Fields(RemoveRetentionPolicyRequest.Descriptor), [] },
    };

    /// <summary>A field that is added to a request, and an option that is renamed, must not leave messages with names that nobody knows.</summary>
    [Theory]
    [MemberData(nameof(Requests))]
    public void EveryFieldOfARequest_HasTheNameOfAnOptionOrArgument(string command, string[] fields, string[] notGiven)
    {
        var found = command.Split(' ').Aggregate((Command)Tree(), (at, name) => at.Subcommands.Single(child => child.Name == name));

        Assert.DoesNotContain(fields.Except(notGiven), field => FieldNames.SymbolOf(found, field) is null);
    }

    [Theory]
    [InlineData("freeze_timeout", "freeze_timeout '00:00:05' cannot be used: use 5 to 600 seconds.", "--freeze-timeout '5' cannot be used: use 5 to 600 seconds.")]
    [InlineData("patterns", "patterns 'web-*': no VM of manager prod has a name like this.", "--match 'web-*': no VM of manager prod has a name like this.")]
    [InlineData("manager", "manager is needed: there are 2 managers: a, b.", "--manager is needed: there are 2 managers: a, b.")]
    [InlineData("vms", "vms 'zz': there is no such VM.", "VM 'zz': there is no such VM.")]
    [InlineData("full", "full 'true' cannot be used: not now.", "--full cannot be used: not now.")]
    [InlineData("commands.guest.user", "commands.guest.user 'a b' cannot be used: no.", "--guest-user 'a b' cannot be used: no.")]
    [InlineData("exclude_disks", "VM 'exclude_disks' and the VM's exclude_disks: leave exclude_disks out.", "VM 'exclude_disks' and the VM's --exclude-disk: leave --exclude-disk out.")]
    [InlineData("tags", "All tags of tags stay.", "All tags of tags stay.")]
    [InlineData("nothing_known", "nothing_known 'x' cannot be used.", "nothing_known 'x' cannot be used.")]
    public async Task FieldOfAMessage_IsWrittenAsItsOption(string field, string message, string shown)
    {
        var installation = new FakeInstallation { Failure = new OperatorException(FailureKind.InvalidInput, message) { Fields = [field] } };
        await using var server = await FakeBackupServer.StartAsync(installation);

        var run = await CliRun.OvdAsync(server, "backup", "run", "zz", "--freeze-timeout", "5", "--consistency", "freeze");

        Assert.Equal($"ovd: {shown}\n", run.Error);
    }

    [Theory]
    [InlineData("transport_mode 'ssh' cannot be used: it is not set up.", "--mode 'ssh' cannot be used: it is not set up.")]
    [InlineData("manager 'prod': there is no such manager.", "--manager 'prod': there is no such manager.")]
    [InlineData("manager 'prod' has 2 running jobs.", "manager 'prod' has 2 running jobs.")]
    [InlineData("Repository main cannot be used: it is full.", "Repository main cannot be used: it is full.")]
    public async Task ServerThatNamesNoFields_IsUnderstoodByItsText(string message, string shown)
    {
        await using var server = await FakeBackupServer.StartAsync(new FakeInstallation { Failure = new OperatorException(FailureKind.WrongState, message) });

        var run = await CliRun.OvdAsync(server, "backup", "run", "zz");

        Assert.Equal($"ovd: {shown}\n", run.Error);
    }

    [Fact]
    public async Task VmOfADisk_IsTheOneThatWasTyped()
    {
        var failure = new OperatorException(FailureKind.NotFound, "vms 'nosuch': there is no such VM.") { Fields = ["vms"] };
        await using var server = await FakeBackupServer.StartAsync(new FakeInstallation { Failure = failure });

        var run = await CliRun.OvdAsync(server, "restore", "disk", "7b", "data", "--to-vm", "nosuch");

        Assert.Equal("ovd: --to-vm 'nosuch': there is no such VM.\n", run.Error);
    }

    [Fact]
    public async Task KeyOfAMap_StaysWithItsOption()
    {
        var installation = new FakeInstallation { Failure = OperatorException.Invalid("networks[büro]", "x", "there is no such profile.") };
        await using var server = await FakeBackupServer.StartAsync(installation);

        var run = await CliRun.OvdAsync(server, "restore", "vm", "7b", "--name", "n", "--network", "büro=x");

        Assert.Equal("ovd: --network büro 'x' cannot be used: there is no such profile.\n", run.Error);
    }

    [Fact]
    public async Task SeveralFields_AreAllTranslated()
    {
        var failure = new OperatorException(FailureKind.InvalidInput, "rule.last '-1' is out of range.\nSet one of rule.daily, rule.yearly.") { Fields = ["rule.last", "rule.daily", "rule.yearly"] };
        await using var server = await FakeBackupServer.StartAsync(new FakeInstallation { Failure = failure });

        var run = await CliRun.OvdAsync(server, "retention", "set", "weekly", "--keep-last=-1");

        Assert.Equal("ovd: --keep-last '-1' is out of range.\nSet one of --keep-daily, --keep-yearly.\n", run.Error);
    }

    [Fact]
    public async Task Json_NamesTheFieldsToo()
    {
        var installation = new FakeInstallation { Failure = OperatorException.Invalid("manager", "", "there are 2 managers: a, b.") };
        await using var server = await FakeBackupServer.StartAsync(installation);

        var run = await CliRun.OvdAsync(server, "backup", "run", "zz", "-o", "json");

        using var error = JsonDocument.Parse(run.Error);
        var body = error.RootElement.GetProperty("error");
        Assert.Equal("--manager is needed: there are 2 managers: a, b.", body.GetProperty("message").GetString());
        Assert.Equal("manager", Assert.Single(body.GetProperty("fields").EnumerateArray()).GetString());
    }

    private static RootCommand Tree()
    {
        var options = new GlobalOptions();
        return CommandTree.Build(new CommandRunner(new CliRun().Host(TextReader.Null), options), options);
    }

    /// <summary>With those of messages within, divided by dots as the server names them.</summary>
    private static string[] Fields(MessageDescriptor message) => [.. message.Fields.InDeclarationOrder().SelectMany(field =>
        field is { FieldType: FieldType.Message, IsMap: false } && field.MessageType.File == message.File
            ? Fields(field.MessageType).Select(inner => $"{field.Name}.{inner}")
            : [field.Name])];
}
