// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Contracts.Mover.V1;
using OvirtDistributed.Repository;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Encryption;
using DiskRoot = OvirtDistributed.Repository.Maps.DiskRoot;
using WireParameters = OvirtDistributed.Contracts.Mover.V1.RepositoryParameters;
using WireRoot = OvirtDistributed.Contracts.Mover.V1.DiskRoot;

namespace OvirtDistributed.Worker.Execution;

/// <summary>What an order lets the worker trust: the repository's key, and the roots of an authenticated manifest. Never what a Data Mover says alone.</summary>
internal static class OrderKeys
{
    /// <summary>The keys for a repository as its Data Mover describes it.</summary>
    /// <exception cref="TaskFailureException">The order has no key for an encrypted repository, another one, or a key for a repository that is not encrypted.</exception>
    public static ContentKeys Of(MoverTarget mover, WireParameters parameters)
    {
        try
        {
            var key = mover.RepositoryKey.IsEmpty ? null : new RepositoryKey(mover.RepositoryKey.Span, Guid.Parse(mover.KeySetId));
            if (key is not null && !parameters.Encrypted)
            {
                // A Data Mover that says so would get everything in the clear.
                throw new TaskFailureException(
                    FailureCode.BadOrder, $"The order has a key for repository '{mover.Repository}', but the Data Mover says that it is not encrypted.");
            }

            return ContentKeys.For(parameters.Encrypted ? EncryptionOf(parameters) : null, key);
        }
        catch (Exception failure) when (failure is RepositoryException or FormatException)
        {
            throw new TaskFailureException(FailureCode.BadOrder, $"Repository '{mover.Repository}' cannot be used with this order: {failure.Message}", failure);
        }
    }

    /// <summary>The root the Data Mover serves, refused when it is not the one of the order.</summary>
    /// <param name="expected">From the order; absent in orders of older servers.</param>
    /// <param name="served">From the Data Mover.</param>
    /// <param name="what">For the message.</param>
    /// <exception cref="TaskFailureException">They differ.</exception>
    public static DiskRoot RequireRoot(WireRoot? expected, WireRoot served, string what)
    {
        var root = ToRoot(served);
        return expected is not { Digest.Length: > 0 } || ToRoot(expected) == root
            ? root
            : throw new TaskFailureException(
                FailureCode.RepositoryDamaged,
                $"{what} has root {root.Digest} ({root.DiskSize} bytes) at the Data Mover, but {ToRoot(expected).Digest} in its manifest: it was exchanged or damaged.");
    }

    public static DiskRoot ToRoot(WireRoot root) => new(new ChunkDigest(root.Digest.Span), root.Levels, root.SizeBytes);

    private static EncryptionParameters EncryptionOf(WireParameters parameters) =>
        new() { KeySetId = Guid.Parse(parameters.KeySetId), KeyCheck = parameters.KeyCheck.ToByteArray() };
}
