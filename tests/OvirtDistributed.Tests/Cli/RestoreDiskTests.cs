// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;
using Google.Protobuf;
using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Contracts.Admin.V1;
using OvirtDistributed.Tests.Cli.Fakes;
using OvirtDistributed.Tests.Shared;
using Xunit;
using Task = System.Threading.Tasks.Task;

namespace OvirtDistributed.Tests.Cli;

/// <summary>A disk from a Data Mover to a local file.</summary>
public sealed class RestoreDiskTests : IDisposable
{
    private const int MiB = 1 << 20;

    private readonly TemporaryDirectory _directory = new();

    private string Target => _directory.File("disk.raw");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Disk_IsWrittenByteForByteAndSparse()
    {
        // Several map pages, ranges across their borders, an odd size at the end.
        await using var site = await Site.StartAsync((60 * MiB) + 512, (4096, 3 * MiB), (15 * MiB, 2 * MiB), (59 * MiB, MiB + 512));

        var run = await site.RestoreAsync(Target);

        Assert.Equal("", run.Error);
        Assert.Equal((int)ExitCode.Ok, run.ExitCode);
        Assert.Equal(site.Disk.Content, await File.ReadAllBytesAsync(Target, TestContext.Current.CancellationToken));
        Assert.True(AllocatedBytes(Target) < 12 * MiB, "zeros take room");
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Target));
        Assert.Equal([Target], Directory.GetFiles(_directory.Path));
        Assert.Equal(["session-1"], site.Mover.Shared.Closed);
        Assert.Contains("every digest holds", run.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task DiskOfZeros_IsAHole()
    {
        await using var site = await Site.StartAsync(40 * MiB);

        var run = await site.RestoreAsync(Target);

        Assert.Equal((int)ExitCode.Ok, run.ExitCode);
        Assert.Equal(40 * MiB, new FileInfo(Target).Length);
        Assert.Equal(0, AllocatedBytes(Target));
    }

    [Fact]
    public async Task AsJson_TellsSizesAndRoot()
    {
        await using var site = await Site.StartAsync(20 * MiB, (0, MiB));

        var run = await site.RestoreAsync(Target, "-o", "json");

        using var document = JsonDocument.Parse(run.Out);
        var root = document.RootElement;
        Assert.Equal(Target, root.GetProperty("file").GetString());
        Assert.Equal(20 * MiB, root.GetProperty("size_bytes").GetInt64());
        Assert.Equal(MiB, root.GetProperty("data_bytes").GetInt64());
        Assert.Equal(site.Disk.Root.Digest.ToString(), root.GetProperty("root_digest").GetString());
    }

    [Fact]
    public async Task PlanToAFile_SaysWhatWouldBeWrittenAndWritesNothing()
    {
        await using var site = await Site.StartAsync(20 * MiB, (0, MiB));

        var run = await CliRun.OvdAsync(site.Server, "plan", "restore-disk", Samples.PointId, "--to-file", Target, "-o", "json");

        var plan = JsonDocument.Parse(run.Out).RootElement;
        Assert.Equal((Target, false), (plan.GetProperty("file").GetString(), plan.GetProperty("replaces").GetBoolean()));
        Assert.Equal(site.Server.Installation.Location!.Disk.SizeBytes, plan.GetProperty("write_bytes_at_most").GetInt64());
        Assert.False(File.Exists(Target));
    }

    [Fact]
    public async Task OnATerminal_DrawsABar()
    {
        await using var site = await Site.StartAsync(20 * MiB, (0, MiB));
        var run = new CliRun { Terminal = true };

        await run.RunAsync(site.Server.Address, CancellationToken.None, "restore", "disk", Samples.PointId, "--to-file", Target);

        Assert.Equal((int)ExitCode.Ok, run.ExitCode);
        Assert.Contains("━━━━━━━━━━━━━━━━━━━━━━━━", run.Out, StringComparison.Ordinal);
        Assert.Contains("100%", run.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task FrameIsAnotherOne_NothingIsLeft()
    {
        await using var site = await Site.StartAsync(20 * MiB, (0, MiB));
        site.Disk.Frames[site.Disk.Chunks[3]] = site.Disk.Frames[site.Disk.Chunks[4]];

        var run = await site.RestoreAsync(Target);

        Assert.Equal((int)ExitCode.DataDamaged, run.ExitCode);
        Assert.Contains(site.Disk.Chunks[3].ToString(), run.Error, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(_directory.Path));
    }

    [Fact]
    public async Task FrameIsMissing_MoversAnswerIsShown()
    {
        await using var site = await Site.StartAsync(20 * MiB, (0, MiB));
        site.Disk.Frames.Remove(site.Disk.Chunks[0]);

        var run = await site.RestoreAsync(Target);

        Assert.Equal((int)ExitCode.DataDamaged, run.ExitCode);
        Assert.Contains($"at byte 0 in repository main: Digest {site.Disk.Chunks[0]} is in no live pack. No copy", run.Error, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(_directory.Path));
    }

    [Fact]
    public async Task CatalogMeansAnotherRoot_IsRefused()
    {
        await using var site = await Site.StartAsync(20 * MiB, (0, MiB));
        site.Server.Installation.Location!.Root = site.Mover.Shared.Root.Clone();
        site.Server.Installation.Location.Root.Digest = ByteString.CopyFrom(new byte[32]);

        var run = await site.RestoreAsync(Target);

        Assert.Equal((int)ExitCode.DataDamaged, run.ExitCode);
        Assert.Contains("catalog", run.Error, StringComparison.Ordinal);
        Assert.Single(site.Mover.Shared.Closed);
    }

    [Fact]
    public async Task RepositoryIsEncrypted_IsRefused()
    {
        await using var site = await Site.StartAsync(20 * MiB, (0, MiB));
        site.Mover.Shared.Encrypted = true;

        var run = await site.RestoreAsync(Target);

        Assert.Equal((int)ExitCode.Refused, run.ExitCode);
        Assert.Contains("encrypted", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task StreamIsCutInTheMiddleOfAFrame_GoesOn()
    {
        await using var site = await Site.StartAsync(40 * MiB, (0, 4 * MiB));
        site.Mover.Shared.StreamsToCut = 2;

        var run = await site.RestoreDrivingTimeAsync(Target);

        Assert.Equal("", run.Error);
        Assert.Equal(2, site.Mover.Shared.StreamsCut);
        Assert.Equal(site.Disk.Content, await File.ReadAllBytesAsync(Target, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task SessionEndsInTheMiddle_IsOpenedAgain()
    {
        await using var site = await Site.StartAsync(40 * MiB, (0, 4 * MiB));
        site.Mover.Shared.SessionsToForget = 1;

        var run = await site.RestoreDrivingTimeAsync(Target);

        Assert.Equal("", run.Error);
        Assert.Equal(1, site.Mover.Shared.SessionsForgotten);
        Assert.Equal(2, site.Mover.Shared.Opened.Count);
        Assert.Equal(site.Disk.Content, await File.ReadAllBytesAsync(Target, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task CopiesLackOtherChunks_EachGivesWhatItHas()
    {
        await using var site = await Site.StartAsync(40 * MiB, (0, 4 * MiB), (30 * MiB, MiB));
        await using var other = await site.AddCopyAsync("offsite");
        await using var third = await site.AddCopyAsync("third");
        site.Disk.Frames.Remove(site.Disk.Chunks[3]);
        other.Shared.Disk.Frames[site.Disk.Chunks[4]] = other.Shared.Disk.Frames[site.Disk.Chunks[5]];
        other.Shared.Disk.Frames.Remove(site.Disk.Chunks[70]);
        third.Shared.Disk.Frames.Clear();

        var run = await site.RestoreAsync(Target);

        Assert.Equal("", run.Error);
        Assert.Equal((int)ExitCode.Ok, run.ExitCode);
        Assert.Equal(site.Disk.Content, await File.ReadAllBytesAsync(Target, TestContext.Current.CancellationToken));
        Assert.Contains($"Repository main at byte 0: Digest {site.Disk.Chunks[3]} is in no live pack.", run.Out, StringComparison.Ordinal);
        Assert.Contains("Data came from main (", run.Out, StringComparison.Ordinal);
        Assert.Contains("offsite (", run.Out, StringComparison.Ordinal);
        Assert.DoesNotContain("third (", run.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task NoCopyHasAChunk_NamesThePlaceAndEachReason()
    {
        await using var site = await Site.StartAsync(40 * MiB, (0, 4 * MiB));
        await using var other = await site.AddCopyAsync("offsite");
        site.Disk.Frames.Remove(site.Disk.Chunks[3]);
        other.Shared.Disk.Frames.Remove(site.Disk.Chunks[3]);

        var run = await site.RestoreAsync(Target);

        Assert.Equal((int)ExitCode.DataDamaged, run.ExitCode);
        Assert.Contains($"at byte {3 * StoredDisk.ChunkBytes}, neither from its restore point nor from a copy", run.Error, StringComparison.Ordinal);
        Assert.Contains("Repository main: ", run.Error, StringComparison.Ordinal);
        Assert.Contains("Repository offsite: ", run.Error, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(_directory.Path));
    }

    [Fact]
    public async Task DataMoverGoesAwayInTheMiddle_CopyGivesTheRest()
    {
        await using var site = await Site.StartAsync(40 * MiB, (0, 24 * MiB));
        await using var other = await site.AddCopyAsync("offsite");
        var asked = 0;
        site.Mover.Shared.BeforeFrames = _ => Interlocked.Increment(ref asked) <= 3
            ? Task.CompletedTask
            : throw new Grpc.Core.RpcException(new Grpc.Core.Status(Grpc.Core.StatusCode.Unavailable, "the machine is gone"));

        var run = await site.RestoreDrivingTimeAsync(Target, "-o", "json");

        Assert.Equal("", run.Error);
        Assert.Equal(site.Disk.Content, await File.ReadAllBytesAsync(Target, TestContext.Current.CancellationToken));
        using var document = JsonDocument.Parse(run.Out);
        Assert.Contains(document.RootElement.GetProperty("sources").EnumerateArray(), source => source.GetProperty("repository").GetString() == "offsite");
        Assert.Contains("Repository main could not be read: the machine is gone", document.RootElement.GetProperty("notes")[0].GetString(), StringComparison.Ordinal);
        Assert.NotEmpty(other.Shared.Opened);
    }

    [Fact]
    public async Task RepositoryIsNotReachable_CopyGivesAll()
    {
        await using var site = await Site.StartAsync(20 * MiB, (0, MiB));
        await using var other = await site.AddCopyAsync("offsite");

        var run = await site.RestoreAsync(Target, "--mover", "http://127.0.0.1:1");

        Assert.Equal((int)ExitCode.Ok, run.ExitCode);
        Assert.Contains("Repository main could not be read: Cannot reach the Data Mover at http://127.0.0.1:1", run.Out, StringComparison.Ordinal);
        Assert.Equal(site.Disk.Content, await File.ReadAllBytesAsync(Target, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task CopyHasAnotherSize_IsRefused()
    {
        await using var site = await Site.StartAsync(20 * MiB, (0, MiB));
        await using var other = await site.AddCopyAsync("offsite", await StoredDisk.CreateAsync(21 * MiB, 7, (0, MiB)));
        site.Disk.Frames.Remove(site.Disk.Chunks[3]);

        var run = await site.RestoreAsync(Target);

        Assert.Equal((int)ExitCode.DataDamaged, run.ExitCode);
        Assert.Contains("repository offsite", run.Error, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(_directory.Path));
    }

    [Fact]
    public async Task Interrupted_LeavesNothing()
    {
        await using var site = await Site.StartAsync(40 * MiB, (0, 4 * MiB));
        using var interrupt = new CancellationTokenSource();
        var asked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        site.Mover.Shared.BeforeFrames = token =>
        {
            asked.TrySetResult();
            return Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, token);
        };
        var run = new CliRun();

        var running = run.RunAsync(site.Server.Address, interrupt.Token, "restore", "disk", Samples.PointId, "--to-file", Target);
        await asked.Task.WithinDeadline();
        await interrupt.CancelAsync();

        Assert.Equal((int)ExitCode.Interrupted, await running.WithinDeadline());
        Assert.Empty(Directory.GetFileSystemEntries(_directory.Path));
        Assert.Single(site.Mover.Shared.Closed);
    }

    [Fact]
    public async Task FileExists_IsKeptUnlessForced()
    {
        await using var site = await Site.StartAsync(20 * MiB, (0, MiB));
        await File.WriteAllTextAsync(Target, "precious", TestContext.Current.CancellationToken);

        var refused = await site.RestoreAsync(Target);

        Assert.Equal((int)ExitCode.Refused, refused.ExitCode);
        Assert.Contains("--force", refused.Error, StringComparison.Ordinal);
        Assert.Empty(site.Server.Installation.Requests);
        Assert.Equal("precious", await File.ReadAllTextAsync(Target, TestContext.Current.CancellationToken));

        var forced = await site.RestoreAsync(Target, "--force");

        Assert.Equal((int)ExitCode.Ok, forced.ExitCode);
        Assert.Equal(site.Disk.Content, await File.ReadAllBytesAsync(Target, TestContext.Current.CancellationToken));
    }

    [Theory]
    [InlineData("/dev/null", ExitCode.Usage, "is a device")]
    [InlineData("/tmp", ExitCode.Usage, "is a directory")]
    [InlineData("/nonexistent/disk.raw", ExitCode.LocalFile, "directory does not exist")]
    public async Task TargetCannotBeWritten_IsSaidBeforeReading(string target, object exitCode, string message)
    {
        await using var site = await Site.StartAsync(20 * MiB);

        var run = await site.RestoreAsync(target, "--force");

        Assert.Equal((int)(ExitCode)exitCode, run.ExitCode);
        Assert.Contains(message, run.Error, StringComparison.Ordinal);
        Assert.Empty(site.Server.Installation.Requests);
    }

    [Fact]
    public async Task MoverIsNotReachable_NamesItsAddressAndNotTheServers()
    {
        await using var site = await Site.StartAsync(20 * MiB);

        var run = await site.RestoreAsync(Target, "--mover", "http://127.0.0.1:1");

        Assert.Equal((int)ExitCode.Unavailable, run.ExitCode);
        Assert.Contains("the Data Mover at http://127.0.0.1:1", run.Error, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(_directory.Path));
    }

    private static long AllocatedBytes(string file)
    {
        using var stat = System.Diagnostics.Process.Start(new System.Diagnostics.ProcessStartInfo("stat", ["-c", "%b %B", file]) { RedirectStandardOutput = true, UseShellExecute = false })!;
        var numbers = stat.StandardOutput.ReadToEnd().Split(' ');
        return long.Parse(numbers[0]) * long.Parse(numbers[1]);
    }

    private sealed class Site(FakeBackupServer server, FakeDataMover mover, (int Offset, int Length)[] data) : IAsyncDisposable
    {
        private readonly (int Offset, int Length)[] _data = data;

        public FakeBackupServer Server { get; } = server;

        public FakeDataMover Mover { get; } = mover;

        public StoredDisk Disk => Mover.Shared.Disk;

        public static async Task<Site> StartAsync(int sizeBytes, params (int Offset, int Length)[] data)
        {
            var mover = await FakeDataMover.StartAsync(await StoredDisk.CreateAsync(sizeBytes, 7, data));
            var installation = Samples.Installation();
            installation.Location = new LocateDiskResponse
            {
                MoverAddress = mover.Address,
                MoverRepository = "main",
                PointId = Samples.PointId,
                Disk = installation.Points[0].Disks[0],
                Root = mover.Shared.Root,
            };
            return new Site(await FakeBackupServer.StartAsync(installation), mover, data);
        }

        /// <summary>The same disk, or another one in its place, at a Data Mover of its own.</summary>
        public async Task<FakeDataMover> AddCopyAsync(string repository, StoredDisk? disk = null)
        {
            var copy = await FakeDataMover.StartAsync(disk ?? await StoredDisk.CreateAsync(Disk.Content.Length, 7, _data));
            Server.Installation.Location!.Copies.Add(new DiskCopy
            {
                Repository = repository,
                MoverAddress = copy.Address,
                MoverRepository = repository,
                PointId = $"copy-in-{repository}",
                Root = copy.Shared.Root,
            });
            return copy;
        }

        public Task<CliRun> RestoreAsync(string file, params string[] options) =>
            CliRun.OvdAsync(Server, ["restore", "disk", Samples.PointId, "web01_Disk1", "--to-file", file, .. options]);

        /// <summary>The same while time passes, for pauses between attempts.</summary>
        public async Task<CliRun> RestoreDrivingTimeAsync(string file, params string[] options)
        {
            var run = new CliRun();
            var running = run.RunAsync(Server.Address, CancellationToken.None, ["restore", "disk", Samples.PointId, "--to-file", file, .. options]);
            while (!running.IsCompleted)
            {
                await Task.WhenAny(running, run.Time.WaitForTimersAsync(1, CancellationToken.None)).WithinDeadline();
                run.Time.Advance(TimeSpan.FromMilliseconds(500));
            }

            await running;
            return run;
        }

        public async ValueTask DisposeAsync()
        {
            await Server.DisposeAsync();
            await Mover.DisposeAsync();
        }
    }
}
