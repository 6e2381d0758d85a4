// SPDX-License-Identifier: Apache-2.0

using System.Threading.Channels;
using OvirtDistributed.Simulator.Engine;

namespace OvirtDistributed.Simulator.Persistence;

/// <summary>Writes the engine's state soon after each change. Changes that come together are written once.</summary>
internal sealed class StateSaver : IAsyncDisposable
{
    private readonly EngineState _state;
    private readonly StateFile _file;
    private readonly Channel<bool> _changes = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly Task _loop;

    public StateSaver(EngineState state, StateFile file)
    {
        _state = state;
        _file = file;
        _loop = RunAsync();
        Changed();
    }

    public void Changed() => _changes.Writer.TryWrite(true);

    /// <summary>Writes the present state and stops: what happens from now on is the end of the process, not of the VMs.</summary>
    public async ValueTask DisposeAsync()
    {
        Changed();
        _changes.Writer.Complete();
        await _loop;
    }

    private async Task RunAsync()
    {
        await foreach (var _ in _changes.Reader.ReadAllAsync(CancellationToken.None))
        {
            await _state.Gate.WaitAsync(CancellationToken.None);
            byte[] content;
            try
            {
                content = StateFile.Serialize(SavedState.Of(_state));
            }
            finally
            {
                _state.Gate.Release();
            }

            await _file.WriteAsync(content, CancellationToken.None);
        }
    }
}
