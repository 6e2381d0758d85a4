// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Contracts.Admin.V1;
using OvirtDistributed.EndToEnd.Sites;
using OvirtDistributed.Lab.Sites;
using OvirtDistributed.Tests.Shared;
using Xunit;
using static OvirtDistributed.EndToEnd.Sites.Models;

namespace OvirtDistributed.EndToEnd.Encryption;

/// <summary>Repositories are encrypted by default: who keeps the data cannot read it, and who lost the server still can.</summary>
public sealed class EncryptedRepositoryTests(SharedServers servers, ITestOutputHelper output)
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task DataMoverNeverHoldsTheKeyNorWhatItKeeps_NotInItsMemoryNorInItsFiles()
    {
        await using var site = await TestSite.StartAsync(servers, OneCluster(Running("web", Disk(96, filled: 0.8))), output);
        var reference = await site.SaveReferenceAsync("web");
        var needles = await NeedlesAsync(site, reference[0]);
        var slow = site.SlowReads(TimeSpan.FromMilliseconds(200));
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var atWorker = new HashSet<string>(StringComparer.Ordinal);

        // Looked at again and again while data goes in, and then while it comes out.
        var job = await site.Lab.StartBackupAsync("web", full: true, CancellationToken.None).WithinDeadline();
        _ = await site.CopyingAsync(job);
        for (var i = 0; i < 3; i++)
        {
            seen.UnionWith(ProcessMemory.Find(site.Lab.DataMover.ProcessId, needles));
            atWorker.UnionWith(ProcessMemory.Find(site.Lab.Workers[0].ProcessId, needles));
        }

        Assert.True(site.Engine.Faults.Remove(slow.Rule.Name));
        var backup = await site.SucceedsAsync(job);
        seen.UnionWith(ProcessMemory.Find(site.Lab.DataMover.ProcessId, needles));
        await site.RestoresToAsync(backup, reference);
        seen.UnionWith(ProcessMemory.Find(site.Lab.DataMover.ProcessId, needles));

        // The worker shows that the search finds what is there; "public" is what a Data Mover must know.
        Assert.Contains("key", atWorker);
        Assert.Contains("public", seen);
        Assert.DoesNotContain("key", seen);
        Assert.DoesNotContain(seen, name => name.StartsWith("content", StringComparison.Ordinal));
        // The lock is held by the Data Mover; it is empty.
        foreach (var file in Directory.EnumerateFiles(site.Lab.RepositoryDirectory, "*", SearchOption.AllDirectories).Where(file => !file.EndsWith(".lock", StringComparison.Ordinal)))
        {
            var content = await File.ReadAllBytesAsync(file, Token);
            Assert.All(needles.Where(needle => needle.Key != "public"), needle => Assert.Equal(-1, content.AsSpan().IndexOf(needle.Value)));
        }

        await site.FinishAsync();
    }

    [Fact]
    public async Task ServerLostItsKeys_SharesOpenTheRepositoryAgain()
    {
        await using var site = await TestSite.StartAsync(servers, OneCluster(Stopped("db", Disk(32))), output);
        var reference = await site.SaveReferenceAsync("db");
        var backup = await site.BackUpAsync("db");
        var shares = Directory.CreateDirectory(Path.Combine(site.Lab.DataDirectory, "shares")).FullName;
        var passphrase = Path.Combine(site.Lab.DataDirectory, "passphrase");
        await File.WriteAllTextAsync(passphrase, "correct horse battery staple\n", Token);
        _ = await site.OvdAsync("repository", "key", "add", "main", "--passphrase-file", passphrase, "--label", "operators");
        _ = await site.OvdAsync("repository", "key", "add", "main", "--shares", "2/3", "--output", shares);
        Assert.Contains("2 of 3 shares", await site.OvdAsync("repository", "key", "list", "main"), StringComparison.Ordinal);

        await site.Lab.ExecuteSqlAsync("DELETE FROM repository_keys", Token);
        Assert.Contains("key missing", await site.OvdAsync("repository", "list"), StringComparison.Ordinal);
        var refused = await site.Lab.StartRestoreAsync(new RestoreVmRequest { Point = backup.PointId, Name = "too-early" }, Token).WithinDeadline();
        var failed = await site.Lab.WaitForEndAsync(refused.Id, Token).WithinDeadline(TestSite.JobDeadline);
        Assert.Equal(JobOutcome.Failed, failed.Outcome);
        Assert.Contains("ovd repository key import main", failed.Message, StringComparison.Ordinal);

        var one = Directory.GetFiles(shares).Order().Skip(1).ToArray();
        var tooFew = await Assert.ThrowsAsync<InvalidOperationException>(() => site.OvdAsync("repository", "key", "import", "main", "--share", one[0]));
        Assert.Contains("needs 2 different shares", tooFew.Message, StringComparison.Ordinal);
        Assert.Contains("1 restore points can be read", await site.OvdAsync("repository", "key", "import", "main", "--share", one[0], "--share", one[1]), StringComparison.Ordinal);
        await site.RestoresToAsync(backup, reference);

        await site.Lab.ExecuteSqlAsync("DELETE FROM repository_keys", Token);
        _ = await site.OvdAsync("repository", "key", "import", "main", "--passphrase-file", passphrase);
        var image = Path.Combine(site.Lab.DataDirectory, "db.raw");
        _ = await site.OvdAsync("restore", "disk", backup.PointId, "--to-file", image);
        Assert.Equal(await File.ReadAllBytesAsync(reference[0], Token), await File.ReadAllBytesAsync(image, Token));
        await site.FinishAsync();
    }

    /// <summary>The key, pieces of the disk that the manager holds, and something that is no secret.</summary>
    private static async Task<Dictionary<string, byte[]>> NeedlesAsync(TestSite site, string image)
    {
        var key = await site.Lab.Admin.Repositories.ExportKeyAsync(new ExportKeyRequest { Repository = "main" }, cancellationToken: Token).ResponseAsync.WithinDeadline();
        var needles = new Dictionary<string, byte[]>(StringComparer.Ordinal)
        {
            ["key"] = key.Key.ToByteArray(),
            ["public"] = System.Text.Encoding.ASCII.GetBytes((await site.VmAsync("web")).Id.ToString("D")),
        };
        var content = await File.ReadAllBytesAsync(image, Token);
        for (var at = 0; at < content.Length && needles.Count < 10; at += 1 << 20)
        {
            var piece = content.AsSpan(at, 32);
            if (piece.IndexOf((byte)0) < 0)
            {
                needles[$"content at {at}"] = piece.ToArray();
            }
        }

        Assert.True(needles.Count > 5, "the disk has too little data to look for");
        return needles;
    }
}
