// SPDX-License-Identifier: Apache-2.0

using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using OvirtDistributed.Simulator;
using OvirtDistributed.Tests.Shared;

namespace OvirtDistributed.EndToEnd.Sites;

/// <summary>What an administrator does on the manager between backups, over its REST API and without our engine client.</summary>
internal sealed class ManagerApi(SimulatorHost simulator)
{
    /// <summary>Creates a disk, attaches it to the VM and waits until it can be used; answers its id.</summary>
    public async Task<Guid> AddDiskAsync(SimulatedVm vm, string name, long sizeBytes, string storageDomain)
    {
        using var client = NewClient();
        var body = new
        {
            bootable = "false",
            active = "true",
            @interface = "virtio_scsi",
            disk = new
            {
                name,
                format = "cow",
                sparse = "true",
                backup = "incremental",
                provisioned_size = $"{sizeBytes}",
                storage_domains = new { storage_domain = new[] { new { name = storageDomain } } },
            },
        };
        using var reply = await client.PostAsJsonAsync($"{simulator.ApiUrl}/vms/{vm.Id}/diskattachments", body);
        var text = await reply.Content.ReadAsStringAsync();
        if (!reply.IsSuccessStatusCode)
        {
            throw new InvalidOperationException($"The manager answered {(int)reply.StatusCode}: {text}");
        }

        var id = JsonDocument.Parse(text).RootElement.GetProperty("id").GetGuid();
        await Deadline.UntilAsync(
            async () => (await simulator.Engine.DisksAsync(CancellationToken.None)).Any(disk => disk.Id == id && disk.Status == "ok"), $"disk {name} is ok");
        return id;
    }

    /// <summary>Makes a disk larger and waits until it is.</summary>
    public async Task GrowDiskAsync(Guid diskId, long sizeBytes)
    {
        using var client = NewClient();
        using var reply = await client.PutAsJsonAsync($"{simulator.ApiUrl}/disks/{diskId}", new { provisioned_size = $"{sizeBytes}" });
        if (!reply.IsSuccessStatusCode)
        {
            throw new InvalidOperationException($"The manager answered {(int)reply.StatusCode}: {await reply.Content.ReadAsStringAsync()}");
        }

        await Deadline.UntilAsync(
            async () => (await simulator.Engine.DisksAsync(CancellationToken.None)).Any(disk => disk.Id == diskId && disk.Status == "ok" && disk.SizeBytes == sizeBytes),
            $"disk {diskId} has grown");
    }

    /// <summary>Takes a snapshot of a VM, as its owner does, and waits until it is there.</summary>
    public async Task TakeSnapshotAsync(SimulatedVm vm, string description)
    {
        var made = await PostAsync($"vms/{vm.Id}/snapshots", new { description, persist_memorystate = "false" });
        var id = made.GetProperty("id").GetString();
        await Deadline.UntilAsync(
            async () => (await GetAsync($"vms/{vm.Id}/snapshots/{id}")).GetProperty("snapshot_status").GetString() == "ok",
            $"snapshot {description} is ok",
            TimeSpan.FromSeconds(30));
    }

    /// <summary>Makes a template of a stopped VM, and a running VM whose disks stand on the template's: thin copies, as a manager makes them unless told otherwise.</summary>
    public async Task AddThinVmAsync(string name, SimulatedVm golden)
    {
        var template = (await PostAsync("templates", new { name = $"{golden.Name}-template", vm = new { id = $"{golden.Id}" } })).GetProperty("id").GetString();
        await BecomesAsync($"templates/{template}", "ok");
        var vm = (await PostAsync("vms", new { name, cluster = new { name = "Main" }, template = new { id = template } })).GetProperty("id").GetString();
        await BecomesAsync($"vms/{vm}", "down");
        _ = await PostAsync($"vms/{vm}/start", new { });
        await BecomesAsync($"vms/{vm}", "up");
    }

    /// <summary>Creates something, or changes it, and answers what the manager says it is now.</summary>
    public Task<JsonElement> PostAsync(string path, object body) => SendAsync(HttpMethod.Post, path, body);

    public Task<JsonElement> PutAsync(string path, object body) => SendAsync(HttpMethod.Put, path, body);

    public Task<JsonElement> GetAsync(string path) => SendAsync(HttpMethod.Get, path, null);

    private Task BecomesAsync(string path, string status) => Deadline.UntilAsync(
        async () => (await GetAsync(path)).GetProperty("status").GetString() == status, $"{path} is {status}", TimeSpan.FromSeconds(30));

    private async Task<JsonElement> SendAsync(HttpMethod method, string path, object? body)
    {
        using var client = NewClient();
        using var request = new HttpRequestMessage(method, $"{simulator.ApiUrl}/{path}") { Content = body is null ? null : JsonContent.Create(body) };
        using var reply = await client.SendAsync(request);
        var text = await reply.Content.ReadAsStringAsync();
        return reply.IsSuccessStatusCode
            ? JsonDocument.Parse(text).RootElement
            : throw new InvalidOperationException($"The manager answered {(int)reply.StatusCode}: {text}");
    }

    private HttpClient NewClient()
    {
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.ImportFromPem(simulator.CaPem);
        var handler = new SocketsHttpHandler { UseProxy = false, SslOptions = new SslClientAuthenticationOptions { CertificateChainPolicy = policy } };
        var client = new HttpClient(handler) { Timeout = Deadline.Default };
        var credentials = Convert.ToBase64String(Encoding.UTF8.GetBytes("admin@internal:password"));
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Basic", credentials);
        client.DefaultRequestHeaders.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
        return client;
    }
}
