// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using System.Net.Http.Headers;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Simulator;

/// <summary>A simulator process that is started again over the data directory of an earlier one.</summary>
public sealed class RestartTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task StartedAgain_GoesOnWhereTheLastRunEnded(bool killed)
    {
        using var directory = new TemporaryDirectory();
        Before before;
        await using (var first = await SimulatorProcess.StartAsync(directory.File("data")))
        {
            before = await ChangeAsync(first);
            await first.EndAsync(killed);
        }

        // Another preset is not applied over what is there.
        await using var second = await SimulatorProcess.StartAsync(directory.File("data"), "--preset", "empty");
        Assert.Equal(before.CaPem, second.CaPem);
        Assert.Equal(before.Vms, await second.NamesAsync("vms", "vm"));
        Assert.Equal(before.Disks, await second.NamesAsync("disks", "disk"));
        Assert.Equal("up", (await second.GetAsync($"vms/{before.Web}"))["status"]!.GetValue<string>());
        Assert.Equal("kept", (await second.GetAsync($"vms/{before.Db}/snapshots/{before.Snapshot}"))["description"]!.GetValue<string>());
        Assert.Equal("ok", (await second.GetAsync($"disks/{before.DbDisk}"))["status"]!.GetValue<string>());
        Assert.Equal(before.Checkpoint, Assert.Single((await second.GetAsync($"vms/{before.Db}/checkpoints"))["checkpoint"]!.AsArray())!["id"]!.GetValue<string>());
        Assert.Equal("succeeded", (await second.GetAsync($"vms/{before.Db}/backups/{before.Ended}"))["phase"]!.GetValue<string>());
        Assert.Equal("failed", (await second.GetAsync($"vms/{before.Web}/backups/{before.Open}"))["phase"]!.GetValue<string>());
        Assert.Contains((await second.GetAsync($"events?search={before.Open}"))["event"]!.AsArray(), e => e!["code"]!.GetValue<string>() == "10814");

        // The bitmaps in the files still answer: this VM was stopped, so even a kill has not hurt them.
        var incremental = await second.BackUpAsync(before.Db, before.DbDisk, before.Checkpoint);
        Assert.Equal("incremental", Assert.Single((await second.GetAsync($"vms/{before.Db}/backups/{incremental}/disks"))["disk"]!.AsArray())!["backup_mode"]!.GetValue<string>());
        await second.FinishAsync(before.Db, incremental);

        // What a hybrid backup left is a snapshot like any other.
        var left = (await second.GetAsync($"vms/{before.Web}/snapshots"))["snapshot"]!.AsArray().Single(s => s!["description"]!.GetValue<string>() == "Auto-generated for Backup VM")!;
        await second.SendAsync(HttpMethod.Delete, $"vms/{before.Web}/snapshots/{left["id"]}");
        await second.WaitUntilGoneAsync($"vms/{before.Web}/snapshots/{left["id"]}");
        await second.FinishAsync(before.Web, await second.BackUpAsync(before.Web, before.WebDisk, from: null));
        await second.EndAsync(kill: false);
        Assert.Contains("goes on from the last run", second.Messages, StringComparison.Ordinal);
    }

    [Fact]
    public async Task DisksWithoutInventory_AreRefusedWithWords()
    {
        using var directory = new TemporaryDirectory();
        Directory.CreateDirectory(Path.Combine(directory.File("data"), "images", Guid.NewGuid().ToString()));
        var refused = await Assert.ThrowsAsync<InvalidOperationException>(() => SimulatorProcess.StartAsync(directory.File("data")));
        Assert.Contains("no engine.json", refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", refused.Message, StringComparison.Ordinal);
    }

    private static async Task<Before> ChangeAsync(SimulatorProcess first)
    {
        var (web, webDisk) = await first.VmAsync("web");
        var (db, dbDisk) = await first.VmAsync("db");
        var ended = await first.BackUpAsync(db, dbDisk, from: null);
        await first.FinishAsync(db, ended);
        var checkpoint = (await first.GetAsync($"vms/{db}/backups/{ended}"))["to_checkpoint_id"]!.GetValue<string>();
        var snapshot = (await first.SendAsync(HttpMethod.Post, $"vms/{db}/snapshots", """{"description":"kept","persist_memorystate":"false"}"""))["id"]!.GetValue<string>();
        await first.WaitAsync($"vms/{db}/snapshots/{snapshot}", "snapshot_status", "ok");
        var open = await first.BackUpAsync(web, webDisk, from: null);
        return new Before(
            first.CaPem, await first.NamesAsync("vms", "vm"), await first.NamesAsync("disks", "disk"), web, webDisk, db, dbDisk, ended, checkpoint, snapshot, open);
    }

    private sealed record Before(
        string CaPem, string[] Vms, string[] Disks, string Web, string WebDisk, string Db, string DbDisk, string Ended, string Checkpoint, string Snapshot, string Open);

    /// <summary>The program, as an operator starts it.</summary>
    private sealed class SimulatorProcess : IAsyncDisposable
    {
        private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);
        private readonly Process _process;
        private readonly HttpClient _client;
        private readonly StringBuilder _said;

        private SimulatorProcess(Process process, string caPem, HttpClient client, StringBuilder said)
        {
            _process = process;
            CaPem = caPem;
            _client = client;
            _said = said;
        }

        public string CaPem { get; }

        /// <summary>What it has said on its error stream: all of it once it has ended.</summary>
        public string Messages
        {
            get
            {
                lock (_said)
                {
                    return _said.ToString();
                }
            }
        }

        public static async Task<SimulatorProcess> StartAsync(string data, params string[] more)
        {
            var start = new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "ovd-simulator")) { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
            foreach (var argument in new[] { "--data", data, "--print-env" }.Concat(more))
            {
                start.ArgumentList.Add(argument);
            }

            var process = Process.Start(start)!;
            var said = new StringBuilder();
            process.ErrorDataReceived += (_, line) =>
            {
                lock (said)
                {
                    said.AppendLine(line.Data);
                }
            };
            process.BeginErrorReadLine();
            var output = new StringBuilder();
            while (await process.StandardOutput.ReadLineAsync(Token).AsTask().WaitAsync(Deadline, Token) is { } line && line != "# ready")
            {
                output.AppendLine(line);
            }

            var text = output.ToString();
            if (text.Length == 0)
            {
                await process.WaitForExitAsync(Token).WaitAsync(Deadline, Token);
                throw new InvalidOperationException(said.ToString());
            }

            var pem = Variable(text, "OVIRT_CA_PEM");
            return new SimulatorProcess(process, pem, Client(Variable(text, "OVIRT_URL"), pem), said);
        }

        public async Task<JsonNode> SendAsync(HttpMethod method, string path, string? body = null)
        {
            using var request = new HttpRequestMessage(method, path);
            request.Content = body is null ? null : new StringContent(body, Encoding.UTF8, "application/json");
            using var response = await _client.SendAsync(request, Token);
            var text = await response.Content.ReadAsStringAsync(Token);
            Assert.True(response.IsSuccessStatusCode, $"{method} {path}: {response.StatusCode} {text}");
            return JsonNode.Parse(text)!;
        }

        public Task<JsonNode> GetAsync(string path) => SendAsync(HttpMethod.Get, path);

        public async Task<string[]> NamesAsync(string collection, string element) =>
            [.. (await GetAsync(collection))[element]!.AsArray().Where(e => e!["content_type"]?.GetValue<string>() != "backup_scratch").Select(e => $"{e!["id"]} {e["name"]}")];

        public async Task<(string Vm, string Disk)> VmAsync(string name)
        {
            var vm = (await GetAsync($"vms?search=name%3D{name}"))["vm"]![0]!["id"]!.GetValue<string>();
            return (vm, (await GetAsync($"vms/{vm}/diskattachments"))["disk_attachment"]![0]!["id"]!.GetValue<string>());
        }

        public async Task<string> BackUpAsync(string vm, string disk, string? from)
        {
            var start = from is null ? string.Empty : $"\"from_checkpoint_id\":\"{from}\",";
            var id = (await SendAsync(HttpMethod.Post, $"vms/{vm}/backups", $$$"""{{{{start}}}"disks":{"disk":[{"id":"{{{disk}}}"}]}}"""))["id"]!.GetValue<string>();
            await WaitAsync($"vms/{vm}/backups/{id}", "phase", "ready");
            return id;
        }

        public async Task FinishAsync(string vm, string backup)
        {
            await SendAsync(HttpMethod.Post, $"vms/{vm}/backups/{backup}/finalize", "{}");
            await WaitAsync($"vms/{vm}/backups/{backup}", "phase", "succeeded");
        }

        public async Task WaitUntilGoneAsync(string path)
        {
            var started = TimeProvider.System.GetTimestamp();
            while (true)
            {
                using var response = await _client.GetAsync(path, Token);
                if (response.StatusCode == System.Net.HttpStatusCode.NotFound)
                {
                    return;
                }

                Assert.True(TimeProvider.System.GetElapsedTime(started) < Deadline, $"{path} is still there.");
            }
        }

        public async Task WaitAsync(string path, string field, string value)
        {
            var started = TimeProvider.System.GetTimestamp();
            while ((await GetAsync(path))[field]?.GetValue<string>() != value)
            {
                Assert.True(TimeProvider.System.GetElapsedTime(started) < Deadline, $"{path}: {field} did not become {value}.");
            }
        }

        public async Task EndAsync(bool kill)
        {
            if (kill)
            {
                _process.Kill();
            }
            else
            {
                using var term = Process.Start("kill", ["-TERM", _process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
                await term.WaitForExitAsync(Token);
            }

            await _process.WaitForExitAsync(Token).WaitAsync(Deadline, Token);
            if (!kill)
            {
                Assert.Equal(0, _process.ExitCode);
            }
        }

        public async ValueTask DisposeAsync()
        {
            if (!_process.HasExited)
            {
                _process.Kill();
                await _process.WaitForExitAsync(CancellationToken.None).WaitAsync(Deadline, CancellationToken.None);
            }

            _process.Dispose();
            _client.Dispose();
        }

        private static string Variable(string text, string name)
        {
            var start = text.IndexOf($"export {name}='", StringComparison.Ordinal) + name.Length + 9;
            return text[start..text.IndexOf('\'', start)];
        }

        private static HttpClient Client(string url, string pem)
        {
            var handler = new SocketsHttpHandler
            {
                SslOptions =
                {
                    CertificateChainPolicy = new X509ChainPolicy
                    {
                        TrustMode = X509ChainTrustMode.CustomRootTrust,
                        CustomTrustStore = { X509Certificate2.CreateFromPem(pem) },
                        RevocationMode = X509RevocationMode.NoCheck,
                    },
                },
            };
            var client = new HttpClient(handler) { BaseAddress = new Uri(url + "/"), Timeout = Deadline };
            client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String("admin@internal:password"u8));
            client.DefaultRequestHeaders.Accept.ParseAdd("application/json");
            return client;
        }
    }
}
