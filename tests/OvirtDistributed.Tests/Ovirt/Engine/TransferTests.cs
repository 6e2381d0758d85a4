// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;
using OvirtDistributed.Ovirt.Engine;
using OvirtDistributed.Ovirt.Engine.Transfers;
using OvirtDistributed.Ovirt.Errors;
using OvirtDistributed.Ovirt.Ids;
using OvirtDistributed.Tests.Ovirt.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Ovirt.Engine;

public sealed class TransferTests
{
    private const string Ticket = "e1a2c3d4-0000-4000-8000-feedfacecafe";

    private readonly TransferId _transfer = EngineId.New<TransferId>();
    private readonly DiskId _disk = EngineId.New<DiskId>();
    private readonly BackupId _backup = EngineId.New<BackupId>();
    private readonly ManualTimeProvider _time = new();

    [Fact]
    public async Task Lease_IsReadyWithBothUrlsAndCompletes()
    {
        await using var engine = await ScriptedEngine.StartAsync();
        engine.On("POST imagetransfers", Answer.Json(Transfer("initializing", urls: false), 201));
        engine.On(
            $"GET imagetransfers/{_transfer}",
            Answer.Json(Transfer("initializing", urls: false)),
            Answer.Json(Transfer("transferring")),
            Answer.Json(Transfer("transferring")),
            Answer.Json(Transfer("finalizing_success")),
            Answer.Json(Transfer("finished_success")));
        engine.On($"POST imagetransfers/{_transfer}/finalize", "{}");
        await using var client = engine.Connect(_time);
        TransferId? noted = null;

        var open = OpenAsync(client, CreateImageTransfer.DownloadFromBackup(_disk, _backup), id => noted = id);
        await _time.DriveAsync(open, TimeSpan.FromMilliseconds(500));
        await using var lease = await open;
        var complete = lease.CompleteAsync();
        await _time.DriveAsync(complete, TimeSpan.FromMilliseconds(500));

        Assert.Equal(TransferEnd.Succeeded, await complete);
        Assert.Equal(_transfer, noted);
        Assert.Equal("host1.example", lease.Url!.Host);
        Assert.Equal(54323, lease.ProxyUrl!.Port);
        Assert.DoesNotContain(Ticket, $"{lease.Url} {lease.Transfer}", StringComparison.Ordinal);
        using var body = JsonDocument.Parse(engine.Calls.First().Body);
        Assert.Equal("raw", body.RootElement.GetProperty("format").GetString());
        Assert.Equal("cancel", body.RootElement.GetProperty("timeout_policy").GetString());
        Assert.Equal("300", body.RootElement.GetProperty("inactivity_timeout").GetString());
        Assert.Equal(_backup.ToString(), body.RootElement.GetProperty("backup").GetProperty("id").GetString());
    }

    [Fact]
    public async Task LeaseIsDisposedWithoutCompletion_IsCancelled()
    {
        await using var engine = await ScriptedEngine.StartAsync();
        engine.On("POST imagetransfers", Answer.Json(Transfer("transferring"), 201));
        engine.On($"GET imagetransfers/{_transfer}", Answer.Json(Transfer("transferring")), Answer.Json(Transfer("transferring")), Answer.Json(Transfer("finished_failure")));
        engine.On($"POST imagetransfers/{_transfer}/cancel", "{}");
        await using var client = engine.Connect();

        var lease = await OpenAsync(client, CreateImageTransfer.DownloadDisk(_disk)).WithinDeadline();
        await lease.DisposeAsync();
        await lease.DisposeAsync();

        Assert.Equal(1, engine.Count($"POST imagetransfers/{_transfer}/cancel"));
        Assert.Equal(0, engine.Count($"POST imagetransfers/{_transfer}/finalize"));
    }

    [Fact]
    public async Task EngineRefusesTheCancelAtDisposal_HidesNoEarlierFailureAndSaysThatItIsNotEnded()
    {
        await using var engine = await ScriptedEngine.StartAsync();
        engine.On("POST imagetransfers", Answer.Json(Transfer("transferring"), 201));
        engine.On($"GET imagetransfers/{_transfer}", Transfer("transferring"));
        engine.On($"POST imagetransfers/{_transfer}/cancel", Answer.Fault(500, "[Internal Engine Error]"));
        await using var client = engine.Connect();
        var lease = await OpenAsync(client, CreateImageTransfer.DownloadDisk(_disk)).WithinDeadline();

        await lease.DisposeAsync();

        Assert.False(lease.IsEnded);
        Assert.Equal(1, engine.Count($"POST imagetransfers/{_transfer}/cancel"));
    }

    [Theory]
    [InlineData("paused_system", true)]
    [InlineData("cancelled_system", false)]
    [InlineData("finished_failure", false)]
    public async Task TransferDoesNotBegin_IsCancelledWhereNeededAndReported(string phase, bool cancels)
    {
        await using var engine = await ScriptedEngine.StartAsync();
        engine.On("POST imagetransfers", Answer.Json(Transfer("initializing", urls: false), 201));
        engine.On($"GET imagetransfers/{_transfer}", Answer.Json(Transfer(phase)), Answer.Json(Transfer(phase)), Answer.Json(Transfer("finished_failure")));
        engine.On($"POST imagetransfers/{_transfer}/cancel", "{}");
        await using var client = engine.Connect();

        var failure = await Assert.ThrowsAsync<OvirtException>(() => OpenAsync(client, CreateImageTransfer.UploadToDisk(_disk))).WithinDeadline();

        Assert.Equal(OvirtError.TransferFailed, failure.Error);
        Assert.Equal(cancels ? 1 : 0, engine.Count($"POST imagetransfers/{_transfer}/cancel"));
    }

    [Fact]
    public async Task CallerGivesUpWhileWaiting_TransferIsCancelledAllTheSame()
    {
        await using var engine = await ScriptedEngine.StartAsync();
        using var caller = new CancellationTokenSource();
        engine.On("POST imagetransfers", Answer.Json(Transfer("initializing", urls: false), 201));
        engine.On($"GET imagetransfers/{_transfer}", Answer.Json(Transfer("initializing", urls: false)), Answer.Json(Transfer("finished_failure")));
        engine.On($"POST imagetransfers/{_transfer}/cancel", "{}");
        await using var client = engine.Connect();

        var open = ImageTransferLease.OpenAsync(
            client.Transfers, CreateImageTransfer.DownloadDisk(_disk), CorrelationId.New(), (_, _) => caller.CancelAsync(), caller.Token);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => open).WithinDeadline();
        Assert.Equal(1, engine.Count($"POST imagetransfers/{_transfer}/cancel"));
    }

    [Fact]
    public async Task EngineFailsTheTransferAtTheEnd_CompleteThrows()
    {
        await using var engine = await ScriptedEngine.StartAsync();
        engine.On("POST imagetransfers", Answer.Json(Transfer("transferring"), 201));
        engine.On($"GET imagetransfers/{_transfer}", Answer.Json(Transfer("transferring")), Answer.Json(Transfer("transferring")), Answer.Json(Transfer("finished_failure")));
        engine.On($"POST imagetransfers/{_transfer}/finalize", "{}");
        await using var client = engine.Connect();
        await using var lease = await OpenAsync(client, CreateImageTransfer.UploadToDisk(_disk)).WithinDeadline();

        var failure = await Assert.ThrowsAsync<OvirtException>(lease.CompleteAsync).WithinDeadline();

        Assert.Equal(OvirtError.TransferFailed, failure.Error);
    }

    [Theory]
    [InlineData("ok", TransferEnd.Succeeded)]
    [InlineData("illegal", TransferEnd.Failed)]
    [InlineData(null, TransferEnd.Failed)]
    public async Task OldEngineForgetsAnUpload_TheDiskTells(string? diskStatus, TransferEnd expected)
    {
        await using var engine = await ScriptedEngine.StartAsync();
        engine.On($"GET imagetransfers/{_transfer}", Answer.Json(Transfer("transferring", direction: "upload")), Answer.NotFound);
        engine.On($"POST imagetransfers/{_transfer}/finalize", "{}");
        engine.On($"GET disks/{_disk}", diskStatus is null ? [Answer.NotFound] : [Answer.Json(Disk("locked")), Answer.Json(Disk(diskStatus))]);
        await using var client = engine.Connect(_time);

        var end = client.Transfers.EndAsync(_transfer, success: true, CorrelationId.New());
        await _time.DriveAsync(end, TimeSpan.FromMilliseconds(500));

        Assert.Equal(expected, await end);
    }

    [Fact]
    public async Task EndById_OfAForgottenTransferIsFine()
    {
        await using var engine = await ScriptedEngine.StartAsync();
        await using var client = engine.Connect();

        Assert.Equal(TransferEnd.Failed, await client.Transfers.EndAsync(_transfer, success: false, CorrelationId.New()).WithinDeadline());
        Assert.Equal(TransferEnd.Unknown, await client.Transfers.EndAsync(_transfer, success: true, CorrelationId.New()).WithinDeadline());
    }

    [Fact]
    public async Task TransferStaysInFinalizing_TimesOutAsRetryable()
    {
        await using var engine = await ScriptedEngine.StartAsync();
        engine.On($"GET imagetransfers/{_transfer}", Transfer("finalizing_success"));
        await using var client = engine.Connect(_time);

        var end = client.Transfers.EndAsync(_transfer, success: true, CorrelationId.New());
        await _time.DriveAsync(end, TimeSpan.FromSeconds(30));

        var failure = await Assert.ThrowsAsync<OvirtException>(() => end);
        Assert.Equal(OvirtError.Timeout, failure.Error);
        Assert.Equal(0, engine.Count($"POST imagetransfers/{_transfer}/finalize"));
    }

    [Fact]
    public async Task DamagedTransferUrl_IsNotRepeatedInTheMessage()
    {
        await using var engine = await ScriptedEngine.StartAsync();
        engine.On($"GET imagetransfers/{_transfer}", $$"""{"id":"{{_transfer}}","phase":"transferring","transfer_url":"host1/images/{{Ticket}}"}""");
        await using var client = engine.Connect();

        var failure = await Assert.ThrowsAsync<OvirtException>(() => client.Transfers.FindAsync(_transfer, CancellationToken.None)).WithinDeadline();

        Assert.Equal(OvirtError.InvalidResponse, failure.Error);
        Assert.DoesNotContain(Ticket, failure.ToString(), StringComparison.Ordinal);
    }

    private static Task<ImageTransferLease> OpenAsync(OvirtEngineClient client, CreateImageTransfer request, Action<TransferId>? noted = null) =>
        ImageTransferLease.OpenAsync(
            client.Transfers,
            request,
            CorrelationId.New(),
            (id, _) =>
            {
                noted?.Invoke(id);
                return Task.CompletedTask;
            },
            CancellationToken.None);

    private string Disk(string status) => $$"""{"id":"{{_disk}}","status":"{{status}}","provisioned_size":"1"}""";

    private string Transfer(string phase, bool urls = true, string direction = "download")
    {
        var links = urls ? $$""","transfer_url":"https://host1.example:54322/images/{{Ticket}}","proxy_url":"https://engine.example:54323/images/{{Ticket}}" """ : string.Empty;
        return $$"""{"id":"{{_transfer}}","phase":"{{phase}}","direction":"{{direction}}","image":{"id":"{{_disk}}"},"inactivity_timeout":"300"{{links}} }""";
    }
}
