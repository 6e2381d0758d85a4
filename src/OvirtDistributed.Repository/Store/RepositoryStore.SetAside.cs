// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository.Points;
using OvirtDistributed.Repository.Storage;

namespace OvirtDistributed.Repository.Store;

/// <content>Manifests that cannot be read, moved out of the way (DESIGN.md, damage).</content>
public sealed partial class RepositoryStore
{
    /// <summary>Where manifests go that were set aside.</summary>
    public const string AsideFolder = "damaged";

    private volatile CollectionOutcome? _lastCollection;

    /// <summary>What the last round of garbage collection said since the repository was opened; null when there was none.</summary>
    public CollectionOutcome? LastCollection => _lastCollection;

    /// <summary>
    /// Moves a manifest that cannot be read out of the folder of points, so that garbage collection is no longer kept from its work by a point that
    /// nobody can follow. Its bytes stay, under <see cref="AsideFolder"/>; what only this point reached is garbage from now on. Durable on return, idempotent.
    /// </summary>
    /// <param name="path">The manifest's name in the repository. Not the point's id: several manifests can have one.</param>
    /// <param name="unauthentic">The caller has the key and says that the manifest is not authentic, which this process cannot see.</param>
    /// <param name="cancellationToken">Gives up before anything is changed.</param>
    /// <returns>The new name; null when there is no such point.</returns>
    /// <exception cref="RepositoryException">
    /// <see cref="RepositoryError.InvalidArgument"/>: the manifest can be read; <see cref="RepositoryError.NewerFormat"/>: by a newer program;
    /// <see cref="RepositoryError.PointLocked"/>, <see cref="RepositoryError.PointInUse"/>; the storage's failures, after which the point stands.
    /// </exception>
    public async Task<string?> SetAsideAsync(string path, bool unauthentic, CancellationToken cancellationToken)
    {
        ThrowIfClosed();
        var named = PointNames.Parse(path) ?? throw RepositoryException.Invalid($"path: '{path}' is no name of a restore point's manifest");
        using var held = await _locks.EnterAsync("point " + named.PointId, cancellationToken);
        if (_state.Points.ListAll().Find(each => each.Path == path) is not { } point)
        {
            return null;
        }

        ThrowIfLocked(point.PointId);
        var content = await RequireUnreadableAsync(point, unauthentic, cancellationToken);
        if (!_state.Points.TryRemove(point))
        {
            throw new RepositoryException(RepositoryError.PointInUse, $"point {point.PointId}: a session reads it or builds on it; set it aside when that has ended");
        }

        return await MoveAsideAsync(point, content);
    }

    /// <summary>Why a manifest cannot be read; null when it can.</summary>
    public async Task<string?> FindFaultAsync(PointInfo point, CancellationToken cancellationToken)
    {
        try
        {
            if (await RepositoryFile.ReadTextAsync(_storage, point.Path, cancellationToken) is not { } content)
            {
                return $"{point.Path}: it is gone";
            }

            ReadManifestOf(point, content);
            return null;
        }
        catch (RepositoryException failure) when (failure.Error is RepositoryError.Damaged or RepositoryError.NewerFormat)
        {
            return failure.Message;
        }
    }

    /// <returns>Its bytes; null when it is gone.</returns>
    private async Task<byte[]?> RequireUnreadableAsync(PointInfo point, bool unauthentic, CancellationToken cancellationToken)
    {
        var content = await RepositoryFile.ReadTextAsync(_storage, point.Path, cancellationToken);
        try
        {
            if (content is not null && !unauthentic)
            {
                ReadManifestOf(point, content);
                throw RepositoryException.Invalid($"point {point.PointId}: its manifest can be read; remove the point if it is not wanted");
            }
        }
        catch (RepositoryException failure) when (failure.Error == RepositoryError.Damaged)
        {
            // Just so.
        }

        return content;
    }

    private async Task<string> MoveAsideAsync(PointInfo point, byte[]? content)
    {
        var aside = AsideFolder + point.Path[PointNames.Folder.Length..];
        try
        {
            // The copy first. Once begun it is seen through: whether a cancelled deletion happened would not be known.
            if (content is not null)
            {
                await _storage.PutAsync(aside, content, StoragePutMode.Replace, CancellationToken.None);
            }

            await _storage.DeleteAsync(point.Path, CancellationToken.None);
            _state.Points.Forget(point);
        }
        catch
        {
            _state.Points.Add(point);
            throw;
        }

        if (_state.Locks.UntilOf(point.PointId) is not null && _state.Points.Find(point.PointId) is null)
        {
            await _state.Locks.ForgetAsync(point.PointId);
        }

        ForgetProblemsOf(point.PointId);
        Log.PointSetAside(_logger, point.PointId, point.VmId, aside);
        return aside;
    }

    /// <summary>A point that is gone keeps nobody from collecting any more.</summary>
    private void ForgetProblemsOf(string pointId)
    {
        if (_lastCollection is { } last)
        {
            _lastCollection = last with { Problems = [.. last.Problems.Where(problem => !problem.StartsWith($"point {pointId}:", StringComparison.Ordinal))] };
        }
    }
}

/// <summary>When garbage was collected last, and what kept it from being given back.</summary>
/// <param name="Ended">When.</param>
/// <param name="Problems">Why nothing was swept, and other things an operator should know; empty when all is well.</param>
public sealed record CollectionOutcome(DateTimeOffset Ended, IReadOnlyList<string> Problems);
