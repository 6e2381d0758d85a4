// SPDX-License-Identifier: Apache-2.0
namespace OvirtDistributed.Repository.Store;

/// <content>The removal of points.</content>
public sealed partial class RepositoryStore
{
    /// <summary>
    /// Removes a restore point: durable on return, idempotent, and nothing another point reaches is touched (invariant 9). What only this point
    /// reached stays in the packs until garbage collection.
    /// </summary>
    /// <returns>False when there was no such point.</returns>
    /// <exception cref="RepositoryException">
    /// <see cref="RepositoryError.PointLocked"/> before the end of its lock (invariant 19);
    /// <see cref="RepositoryError.PointInUse"/> while a session reads the point or builds on it (invariant 16); the storage's failures, after which the point stands.
    /// </exception>
    public async Task<bool> RemovePointAsync(string pointId, CancellationToken cancellationToken)
    {
        ThrowIfClosed();
        using var held = await _locks.EnterAsync("point " + pointId, cancellationToken);
        ThrowIfLocked(pointId);
        if (!_state.Points.TryRemove(pointId, out var point))
        {
            throw new RepositoryException(RepositoryError.PointInUse, $"point {pointId}: a session reads it or builds on it; remove it when that has ended");
        }

        if (point is null)
        {
            return false;
        }

        try
        {
            // Once begun it is seen through: whether a cancelled deletion happened would not be known.
            await _storage.DeleteAsync(point.Path, CancellationToken.None);
            _state.Points.Forget(pointId);
        }
        catch
        {
            _state.Points.Add(point);
            throw;
        }

        if (_state.Locks.UntilOf(pointId) is not null)
        {
            await _state.Locks.ForgetAsync(pointId);
        }

        ForgetProblemsOf(pointId);
        Log.PointRemoved(_logger, point.PointId, point.VmId);
        return true;
    }
}
