// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Managers;

namespace OvirtDistributed.Tests.Server.Support;

/// <summary>Guests and their file systems. A freeze runs beside the steps of its job, so this part has a lock of its own.</summary>
internal sealed partial class FakeEngine
{
    private readonly Lock _guests = new();
    private readonly HashSet<Guid> _frozen = [];
    private readonly List<string> _guestCalls = [];
    private readonly List<bool> _frozenAtSnapshot = [];
    private int _thawFailures;

    /// <summary>False: no guest answers.</summary>
    public bool GuestAgent { get; set; } = true;

    /// <summary>What the guests' agents report.</summary>
    public IReadOnlyList<string> GuestAddresses { get; set; } = [];

    /// <summary>A freeze is carried out, and its answer never comes.</summary>
    public bool FreezeHangs { get; set; }

    /// <summary>New snapshots stay locked.</summary>
    public bool HoldSnapshots { get; set; }

    /// <summary>freeze and thaw, in order.</summary>
    public IReadOnlyList<string> GuestCalls
    {
        get
        {
            lock (_guests)
            {
                return [.. _guestCalls];
            }
        }
    }

    /// <summary>For each snapshot that was asked for: whether the guest was frozen then.</summary>
    public IReadOnlyList<bool> FrozenAtSnapshot => [.. _frozenAtSnapshot];

    /// <summary>So many thaws fail from now on.</summary>
    public void FailThaws(int times)
    {
        lock (_guests)
        {
            _thawFailures = times;
        }
    }

    public bool IsFrozen(Guid vmId)
    {
        lock (_guests)
        {
            return _frozen.Contains(vmId);
        }
    }

    public void Freeze(Guid vmId)
    {
        lock (_guests)
        {
            _frozen.Add(vmId);
        }
    }

    public Task<IReadOnlyList<string>> ListGuestAddressesAsync(Guid vmId, CancellationToken cancellationToken) => CallAsync(nameof(ListGuestAddressesAsync), () => GuestAddresses);

    public async Task FreezeGuestAsync(Guid vmId, Guid correlationId, CancellationToken cancellationToken)
    {
        lock (_guests)
        {
            _guestCalls.Add("freeze");
            if (!GuestAgent)
            {
                throw new EngineException(EngineFailure.Refused, "the guest agent is not responsive");
            }

            _frozen.Add(vmId);
        }

        if (FreezeHangs)
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellationToken);
        }
    }

    public Task ThawGuestAsync(Guid vmId, Guid correlationId, CancellationToken cancellationToken)
    {
        lock (_guests)
        {
            _guestCalls.Add("thaw");
            if (!GuestAgent)
            {
                throw new EngineException(EngineFailure.Refused, "the guest agent is not responsive");
            }

            if (_thawFailures > 0)
            {
                _thawFailures--;
                FaultsFired++;
                throw new EngineException(EngineFailure.Failed, "thaw was made to fail");
            }

            _frozen.Remove(vmId);
            return Task.CompletedTask;
        }
    }
}
