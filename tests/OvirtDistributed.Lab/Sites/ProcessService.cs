// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Lab.Processes;

namespace OvirtDistributed.Lab.Sites;

/// <summary>A service as a process of its own: it can be killed and started again.</summary>
internal sealed class ProcessService(string program, ServiceSettings settings, string logDirectory) : ILabService
{
    private ChildProcess? _process;

    public string Name => settings.Name;

    public Uri GrpcAddress => settings.GrpcAddress;

    public Uri HttpAddress => settings.HttpAddress;

    public int ProcessId => _process?.Id ?? 0;

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        if (_process is not null)
        {
            throw new InvalidOperationException($"{Name} runs already.");
        }

        var path = Path.Combine(AppContext.BaseDirectory, program);
        var process = ChildProcess.Start(
            Name, path, settings.Arguments(), new Dictionary<string, string?>(StringComparer.Ordinal), Path.Combine(logDirectory, $"{Name}.log"));
        _process = process;
        await ReadinessProbe.WaitAsync(
            Name, HttpAddress, () => process.HasExited ? $"it ended; its log says:{Environment.NewLine}{process.Tail()}" : null, cancellationToken);
    }

    public async Task StopAsync()
    {
        if (_process is { } process)
        {
            _process = null;
            await process.DisposeAsync();
        }
    }

    public async Task KillAsync(bool withChildren = true)
    {
        if (_process is { } process)
        {
            _process = null;
            await process.KillAsync(withChildren);
            await process.DisposeAsync();
        }
    }

    public async ValueTask DisposeAsync() => await StopAsync();
}
