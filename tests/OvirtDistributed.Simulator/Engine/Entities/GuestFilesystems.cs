// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Simulator.Engine.Entities;

/// <summary>Who froze or thawed a guest's file systems.</summary>
public enum FreezeActor
{
    /// <summary>A call of the API.</summary>
    Client,

    /// <summary>The host by itself, around a snapshot.</summary>
    Host,

    /// <summary>The VM was stopped or crashed: nothing is frozen any more.</summary>
    PowerOff,
}

/// <summary>Whether a guest's file systems are frozen. Changed with the gate held; what the guest writes waits meanwhile.</summary>
internal sealed class GuestFilesystems
{
    private volatile TaskCompletionSource? _frozen;

    public DateTimeOffset? FrozenSince { get; private set; }

    public FreezeActor? ThawedBy { get; private set; }

    /// <summary>Calls of the API that froze and that thawed, those included that changed nothing.</summary>
    public int Freezes { get; private set; }

    public int Thaws { get; private set; }

    /// <summary>Ends when the guest can write; at once when it can now.</summary>
    public Task Writable => _frozen?.Task ?? Task.CompletedTask;

    /// <summary>A second freeze changes nothing.</summary>
    public void Freeze(FreezeActor actor, DateTimeOffset now)
    {
        Freezes += actor == FreezeActor.Client ? 1 : 0;
        if (_frozen is null)
        {
            FrozenSince = now;
            ThawedBy = null;
            _frozen = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }

    /// <summary>Ends every freeze, whoever made it.</summary>
    public void Thaw(FreezeActor actor)
    {
        Thaws += actor == FreezeActor.Client ? 1 : 0;
        if (_frozen is { } frozen)
        {
            _frozen = null;
            FrozenSince = null;
            ThawedBy = actor;
            frozen.SetResult();
        }
    }
}
