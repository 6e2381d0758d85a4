// SPDX-License-Identifier: Apache-2.0

using System.Text.Json.Nodes;
using OvirtDistributed.Simulator.Storage.Qmp;

namespace OvirtDistributed.Simulator.Storage.Processes;

internal sealed partial class VmProcess
{
    /// <summary>A clean qemu answers these at once; a client that does not leave would make the wait longer.</summary>
    private static readonly TimeSpan EventDeadline = TimeSpan.FromSeconds(30);

    /// <summary>Opens an image as a node with its file node below it. <paramref name="backing"/> null means none, whatever the header says.</summary>
    public async Task AddNodeAsync(string node, string file, VolumeFormat format, string? backing, bool readOnly)
    {
        _ = await ExecuteAsync("blockdev-add", new JsonObject
        {
            ["driver"] = "file",
            ["node-name"] = LiveDisk.FileNode(node),
            ["filename"] = file,
            ["auto-read-only"] = true,
            ["discard"] = "unmap",
        });
        try
        {
            _ = await ExecuteAsync("blockdev-add", NodeOptions(node, format, backing, readOnly));
        }
        catch
        {
            await TryDeleteNodeAsync(LiveDisk.FileNode(node));
            throw;
        }
    }

    public Task ReopenAsync(string node, VolumeFormat format, string? backing, bool readOnly) =>
        ExecuteAsync("blockdev-reopen", new JsonObject { ["options"] = new JsonArray(NodeOptions(node, format, backing, readOnly)) });

    /// <summary>Closes nodes, upper layers first. Used on failure paths too, so what is not there is no error.</summary>
    public async Task RemoveNodesAsync(IEnumerable<string> baseFirst)
    {
        foreach (var node in baseFirst.Reverse())
        {
            await TryDeleteNodeAsync(node);
            await TryDeleteNodeAsync(LiveDisk.FileNode(node));
        }
    }

    public async Task ExportAsync(string id, string node, string name, bool writable, string? bitmap)
    {
        var arguments = new JsonObject
        {
            ["type"] = "nbd",
            ["id"] = id,
            ["node-name"] = node,
            ["name"] = name,
            ["writable"] = writable,
            ["allocation-depth"] = true,
        };
        if (bitmap is not null)
        {
            arguments["bitmaps"] = new JsonArray(bitmap);
        }

        _ = await ExecuteAsync("block-export-add", arguments);
    }

    /// <summary>Takes an export away, disconnecting its clients, and waits until the node is free.</summary>
    public async Task UnexportAsync(string id)
    {
        using var gone = _qmp.Expect("BLOCK_EXPORT_DELETED", data => data["id"]?.GetValue<string>() == id);
        _ = await ExecuteAsync("block-export-del", new JsonObject { ["id"] = id, ["mode"] = "hard" });
        await AwaitAsync(gone, EventDeadline, $"the end of export {id}");
    }

    /// <summary>Bitmaps of a node by name; the value tells whether it can be used.</summary>
    public async Task<Dictionary<string, bool>> BitmapsAsync(string node)
    {
        var nodes = await ExecuteAsync("query-named-block-nodes", new JsonObject { ["flat"] = true });
        var found = nodes?.AsArray().FirstOrDefault(n => n?["node-name"]?.GetValue<string>() == node)
            ?? throw new StorageException(StorageFailure.NotFound, $"VM {VmId} has no node {node}.");
        var bitmaps = new Dictionary<string, bool>(StringComparer.Ordinal);
        foreach (var bitmap in found["dirty-bitmaps"]?.AsArray() ?? [])
        {
            if (bitmap?["name"] is { } name)
            {
                bitmaps[name.GetValue<string>()] = bitmap["inconsistent"]?.GetValue<bool>() != true;
            }
        }

        return bitmaps;
    }

    /// <summary>Runs a job to its end and forgets it. <paramref name="atReady"/> runs when it is ready, before it is told to complete.</summary>
    public async Task RunJobAsync(string command, JsonObject arguments, Func<Task>? atReady)
    {
        var id = NextName("job");
        arguments["job-id"] = id;
        arguments["auto-dismiss"] = false;
        using var concluded = ExpectStatus(id, "concluded");
        using var ready = ExpectStatus(id, "ready");
        _ = await ExecuteAsync(command, arguments);
        try
        {
            if (atReady is not null && await Task.WhenAny(ready.Seen, concluded.Seen).WaitAsync(JobDeadline, _timeProvider) == ready.Seen)
            {
                await atReady();
                _ = await ExecuteAsync("job-complete", new JsonObject { ["id"] = id });
            }

            await AwaitAsync(concluded, JobDeadline, $"the end of {command}");
        }
        catch (StorageException)
        {
            await CancelJobAsync(id);
            throw;
        }

        var error = await JobErrorAsync(id);
        _ = await ExecuteAsync("job-dismiss", new JsonObject { ["id"] = id });
        if (error is not null)
        {
            throw new StorageException(
                error.Contains("No space", StringComparison.Ordinal) ? StorageFailure.NoSpace : StorageFailure.ToolFailed, $"VM {VmId}: {command} failed: {error}");
        }
    }

    /// <summary>Cancels a job that may be in any state, waits for its end and forgets it.</summary>
    public async Task CancelJobAsync(string id)
    {
        using var concluded = ExpectStatus(id, "concluded");
        var jobs = await ExecuteAsync("query-jobs", null);
        var status = jobs?.AsArray().FirstOrDefault(j => j?["id"]?.GetValue<string>() == id)?["status"]?.GetValue<string>();
        if (status is null)
        {
            return;
        }

        if (status != "concluded")
        {
            _ = await ExecuteAsync("job-cancel", new JsonObject { ["id"] = id });
            await AwaitAsync(concluded, JobDeadline, $"the end of job {id}");
        }

        _ = await ExecuteAsync("job-dismiss", new JsonObject { ["id"] = id });
    }

    private static JsonObject NodeOptions(string node, VolumeFormat format, string? backing, bool readOnly)
    {
        var options = new JsonObject
        {
            ["driver"] = QemuImg.FormatName(format),
            ["node-name"] = node,
            ["file"] = LiveDisk.FileNode(node),
            ["discard"] = "unmap",
            ["read-only"] = readOnly,
        };
        if (format == VolumeFormat.Cow)
        {
            options["backing"] = backing;
        }

        return options;
    }

    private QmpExpectation ExpectStatus(string job, string status) =>
        _qmp.Expect("JOB_STATUS_CHANGE", data => data["id"]?.GetValue<string>() == job && data["status"]?.GetValue<string>() == status);

    private async Task<string?> JobErrorAsync(string id)
    {
        var jobs = await ExecuteAsync("query-jobs", null);
        return jobs?.AsArray().FirstOrDefault(j => j?["id"]?.GetValue<string>() == id)?["error"]?.GetValue<string>();
    }

    private async Task TryDeleteNodeAsync(string node)
    {
        try
        {
            _ = await ExecuteAsync("blockdev-del", new JsonObject { ["node-name"] = node });
        }
        catch (StorageException)
        {
            // Not there, or held by a part that is itself being taken away: the process ends with the VM at the latest.
        }
    }

    private async Task AwaitAsync(QmpExpectation expectation, TimeSpan deadline, string what)
    {
        try
        {
            _ = await expectation.Seen.WaitAsync(deadline, _timeProvider);
        }
        catch (TimeoutException)
        {
            throw new StorageException(StorageFailure.ToolFailed, $"VM {VmId}: waited {deadline} for {what}.");
        }
        catch (QmpException e)
        {
            throw Failed(e);
        }
    }
}
