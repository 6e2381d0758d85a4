// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Jobs.Backup.Freezing;

/// <summary>Whom to thaw, and when at the latest.</summary>
/// <param name="ManagerId">The manager.</param>
/// <param name="VmId">The VM.</param>
/// <param name="CorrelationId">Names the calls.</param>
/// <param name="Timeout">The guard thaws by itself when this is over, counted from <see cref="IThawGuard.AskedAsync"/>.</param>
/// <param name="Lifetime">For this long a freeze whose answer is not known may still take effect.</param>
internal sealed record GuardedGuest(Guid ManagerId, Guid VmId, Guid CorrelationId, TimeSpan Timeout, TimeSpan Lifetime);

/// <summary>Starts processes that outlive this one and thaw a guest when it is gone.</summary>
internal interface IThawGuards
{
    /// <summary>Returns when the guard watches: from its <see cref="IThawGuard.AskedAsync"/> on the guest is thawed whatever becomes of this process.</summary>
    /// <exception cref="Exception">No guard watches, and none is left.</exception>
    Task<IThawGuard> StartAsync(GuardedGuest guest, CancellationToken cancellationToken);
}

/// <summary>One guard. Disposing it without <see cref="EndAsync"/> makes it thaw at once, as our end does.</summary>
internal interface IThawGuard : IAsyncDisposable
{
    /// <summary>Tells that the guest is asked next.</summary>
    /// <exception cref="IOException">The guard is gone: the guest must not be asked.</exception>
    Task AskedAsync();

    /// <summary>Tells that the manager has answered the freeze: one thaw that succeeds is enough. Never throws.</summary>
    Task FrozenAsync();

    /// <summary>The guest is thawed: the guard ends without a call. Never throws.</summary>
    Task EndAsync();
}
