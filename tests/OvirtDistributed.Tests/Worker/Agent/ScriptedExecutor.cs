// SPDX-License-Identifier: Apache-2.0

using System.Threading.Channels;
using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Tests.Shared;
using OvirtDistributed.Worker.Execution;

namespace OvirtDistributed.Tests.Worker.Agent;

/// <summary>Work that ends when the test says so, or when it is told to stop.</summary>
internal sealed class ScriptedExecutor : ITaskExecutor
{
    private readonly Channel<Work> _started = Channel.CreateUnbounded<Work>();

    public IReadOnlyCollection<string> TransportModes => ["cbt"];

    public Task<Work> NextStartAsync() => _started.Reader.ReadAsync().AsTask().WithinDeadline();

    public int UnseenStarts => _started.Reader.Count;

    public async Task<TaskSucceeded> ExecuteAsync(TaskOrder order, TransferControl control, CancellationToken cancellationToken)
    {
        var work = new Work(order, control, cancellationToken);
        _started.Writer.TryWrite(work);
        return await work.Done.Task.WaitAsync(cancellationToken);
    }

    internal sealed record Work(TaskOrder Order, TransferControl Control, CancellationToken Stop)
    {
        public TaskCompletionSource<TaskSucceeded> Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public void Succeed() => Done.SetResult(new TaskSucceeded());
    }
}
