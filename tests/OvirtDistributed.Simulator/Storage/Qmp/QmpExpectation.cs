// SPDX-License-Identifier: Apache-2.0

using System.Text.Json.Nodes;

namespace OvirtDistributed.Simulator.Storage.Qmp;

/// <summary>An event that someone waits for. The first match counts; later ones are ignored.</summary>
internal sealed class QmpExpectation(QmpClient client, string name, Func<JsonNode, bool> matches) : IDisposable
{
    private readonly TaskCompletionSource<JsonNode> _seen = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Completes with the event's data, or fails when the monitor connection ends first.</summary>
    public Task<JsonNode> Seen => _seen.Task;

    public void Dispose()
    {
        client.Forget(this);

        // Nobody may be waiting any more: a failure has then been looked at enough.
        _ = _seen.Task.Exception;
    }

    internal void Offer(string eventName, JsonNode data)
    {
        if (string.Equals(eventName, name, StringComparison.Ordinal) && matches(data))
        {
            _ = _seen.TrySetResult(data);
        }
    }

    internal void Fail(Exception error) => _seen.TrySetException(error);
}
