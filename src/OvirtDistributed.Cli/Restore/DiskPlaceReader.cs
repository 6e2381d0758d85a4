// SPDX-License-Identifier: Apache-2.0

using System.Runtime.ExceptionServices;
using Grpc.Core;
using OvirtDistributed.Cli.Connection;
using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Repository;
using OvirtDistributed.Repository.Maps;
using OvirtDistributed.Repository.Reading;

namespace OvirtDistributed.Cli.Restore;

/// <summary>Reads a disk at one place. Connects when it is first asked; the image reader proves every byte by the place's own root.</summary>
/// <param name="place">Where.</param>
/// <param name="context">Identity, limits and the clock.</param>
/// <param name="reconnectLimit">A Data Mover that stays away longer has failed.</param>
internal sealed class DiskPlaceReader(DiskPlace place, CommandContext context, TimeSpan reconnectLimit) : IAsyncDisposable
{
    private Open? _open;

    public string Name => place.Name;

    /// <summary>Bytes of data, without zeros, that came from here.</summary>
    public long DataBytes { get; private set; }

    /// <summary>Why the last read ended early; null when it did not.</summary>
    public Exception? Failure { get; private set; }

    /// <summary>It failed as a whole, and not for what it holds.</summary>
    public bool IsGone => Failure is not null && Invocation.Failure.From(Failure, Address).ExitCode != ExitCode.DataDamaged;

    /// <summary>How it failed, for an operator.</summary>
    public string Problem => Failure is null ? "" : Invocation.Failure.From(Failure, Address).Message;

    private string Address => $"the Data Mover at {place.Address}";

    /// <summary>The disk's root; null when the place cannot be read, <see cref="Failure"/> then says why.</summary>
    public async Task<DiskRoot?> FindRootAsync(CancellationToken cancellationToken)
    {
        await AttemptAsync(async () => await OpenAsync(cancellationToken), cancellationToken);
        return _open?.Session.Root;
    }

    /// <summary>Hands out the extents of a range in order until it ends, or until something cannot be read.</summary>
    /// <returns>Up to where; <see cref="Failure"/> says why it is not the end.</returns>
    public async Task<long> ReadAsync(DiskRange range, Func<ImageExtent, CancellationToken, Task> write, CancellationToken cancellationToken)
    {
        var position = range.Offset;
        await AttemptAsync(
            async () =>
            {
                var open = await OpenAsync(cancellationToken);
                await foreach (var extent in open.Image.ReadAsync(range, cancellationToken).WithCancellation(cancellationToken))
                {
                    using (extent)
                    {
                        if (extent.Offset != position)
                        {
                            throw CliException.Damaged($"The image has a gap at byte {position}: the next range starts at {extent.Offset}.");
                        }

                        await write(extent, cancellationToken);
                        DataBytes += extent.IsZero ? 0 : extent.Length;
                        position += extent.Length;
                    }
                }
            },
            cancellationToken);
        return position;
    }

    /// <summary>Ends the command as it would end if this were the only place.</summary>
    public void Throw()
    {
        if (Failure is RpcException rpc && TransportFailure.Describe(rpc, Address) is { } described)
        {
            throw new CliException(described.ExitCode, described.Code, described.Message);
        }

        if (Failure is OperationCanceledException)
        {
            var timeout = TransportFailure.Timeout($"The Data Mover at {place.Address}");
            throw new CliException(timeout.ExitCode, timeout.Code, timeout.Message);
        }

        ExceptionDispatchInfo.Throw(Failure!);
    }

    public async ValueTask DisposeAsync()
    {
        if (_open is not null)
        {
            await _open.DisposeAsync();
        }
    }

    /// <summary>What this machine cannot write is no failure of the place, nor is an interrupt.</summary>
    private async Task AttemptAsync(Func<Task> read, CancellationToken cancellationToken)
    {
        Failure = null;
        try
        {
            await read();
        }
        catch (Exception failure) when (failure is RpcException or RepositoryException or OperationCanceledException or CliException { ExitCode: not ExitCode.LocalFile })
        {
            cancellationToken.ThrowIfCancellationRequested();
            Failure = failure;
        }
    }

    private async Task<Open> OpenAsync(CancellationToken cancellationToken)
    {
        if (_open is not null)
        {
            return _open;
        }

        var channels = MoverChannels.Open(place.Address, context.Server.Tls);
        MoverReadSession? session = null;
        try
        {
            session = await MoverReadSession.OpenAsync(channels, place.Disk, place.Root, context.Settings.Timeout, context.Time, cancellationToken);
            var keys = place.KeysFor(session.Encryption);
            var source = new MoverFrameSource(session, reconnectLimit);
            return _open = new Open(channels, session, source, new DiskImageReader(session.Root, source, keys, new DiskImageReaderOptions()));
        }
        catch
        {
            await (session?.DisposeAsync() ?? ValueTask.CompletedTask);
            channels.Dispose();
            throw;
        }
    }

    private sealed record Open(MoverChannels Channels, MoverReadSession Session, MoverFrameSource Source, DiskImageReader Image) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            await Source.DisposeAsync();
            await Session.DisposeAsync();
            Channels.Dispose();
        }
    }
}
