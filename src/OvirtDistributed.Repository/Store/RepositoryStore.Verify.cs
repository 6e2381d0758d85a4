// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository.Points;
using OvirtDistributed.Repository.Store.Sessions;

namespace OvirtDistributed.Repository.Store;

/// <content>Verification.</content>
public sealed partial class RepositoryStore
{
    /// <summary>
    /// Reads every frame of a point, or of all packs and points, and proves its content. What is damaged is remembered durably
    /// (see <see cref="FrameDamage"/>), so the next backup of the disk sends it again.
    /// </summary>
    /// <param name="pointId">One point, or null for the whole repository.</param>
    /// <param name="progress">Content bytes done so far; may be null.</param>
    /// <param name="cancellationToken">Gives up; what was found until then is remembered.</param>
    /// <exception cref="RepositoryException"><see cref="RepositoryError.NotFound"/> for an unknown point. Damage is no exception but a result.</exception>
    public async Task<VerifyReport> VerifyAsync(string? pointId, IProgress<long>? progress, CancellationToken cancellationToken)
    {
        ThrowIfClosed();
        var points = pointId is null ? _state.Points.List(null, null) : [_state.Points.Find(pointId) ?? throw PointNotFound(pointId)];
        await _context.Pool.SealIdleAsync(cancellationToken); // so that they too are looked at
        await InspectPacksAsync(cancellationToken);
        var verifier = new Verifier(_state, _context, _storage, progress);
        try
        {
            if (pointId is null)
            {
                await verifier.VerifyPacksAsync(cancellationToken);
            }

            foreach (var point in points)
            {
                await VerifyPointAsync(point, verifier, readChunks: pointId is not null, cancellationToken);
            }
        }
        finally
        {
            await _quarantine.AddAsync(verifier.Found, CancellationToken.None);
            foreach (var damage in verifier.Damages)
            {
                Log.DamageFound(_logger, damage.Kind.ToString(), damage.Digest.ToString(), damage.Object, damage.Offset, damage.Reason);
            }
        }

        return verifier.Report(points.Count);
    }

    private async Task VerifyPointAsync(PointInfo point, Verifier verifier, bool readChunks, CancellationToken cancellationToken)
    {
        if (_state.Points.Pin(point.PointId) is null)
        {
            return;
        }

        try
        {
            await verifier.VerifyPointAsync(point, await ReadManifestAsync(point.PointId, cancellationToken), readChunks, cancellationToken);
        }
        catch (RepositoryException exception) when (exception.Error == RepositoryError.Damaged)
        {
            verifier.AddUnplaced(default, default, point.Path, exception.Message);
        }
        finally
        {
            _state.Points.Unpin(point.PointId);
        }
    }
}
