// SPDX-License-Identifier: Apache-2.0

using Google.Protobuf;
using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Contracts.Admin.V1;
using OvirtDistributed.Contracts.Mover.V1;
using OvirtDistributed.Repository;
using OvirtDistributed.Repository.Encryption;

namespace OvirtDistributed.Cli.Restore;

/// <summary>Where a disk of a restore point can be read: the repository of the point, or that of a copy of it.</summary>
/// <param name="Name">The repository's name at the backup server.</param>
/// <param name="Address">Of its Data Mover.</param>
/// <param name="Disk">Repository at the Data Mover, restore point and disk.</param>
/// <param name="Root">The disk's root as the server's catalog knows it; may be null.</param>
internal sealed record DiskPlace(string Name, string Address, OpenReadRequest Disk, DiskRoot? Root)
{
    private RepositoryKey? Key { get; init; }

    /// <summary>All places, in the order in which they are to be asked.</summary>
    /// <param name="location">What the backup server answered.</param>
    /// <param name="address">The Data Mover of the point's repository, where it is not the one the server knows; empty when it is.</param>
    public static IReadOnlyList<DiskPlace> From(LocateDiskResponse location, string address)
    {
        var own = new DiskPlace(
            location.Repository.Length > 0 ? location.Repository : location.MoverRepository,
            address.Length > 0 ? address : location.MoverAddress,
            Read(location.MoverRepository, location.PointId, location.Disk.Id),
            location.Root)
        { Key = KeyOf(location.RepositoryKey, location.KeySetId) };
        return
        [
            own,
            .. location.Copies.Select(copy => new DiskPlace(
                copy.Repository, copy.MoverAddress, Read(copy.MoverRepository, copy.PointId, location.Disk.Id), copy.Root) { Key = KeyOf(copy.RepositoryKey, copy.KeySetId) }),
        ];
    }

    /// <summary>What its frames are decoded with.</summary>
    /// <exception cref="CliException">The key does not fit what the Data Mover says.</exception>
    public ContentKeys KeysFor(EncryptionParameters? encryption)
    {
        if (Key is not null && encryption is null)
        {
            throw CliException.Refused($"Repository {Name} is encrypted, but its Data Mover says that it is not: one of them is not what it seems.");
        }

        try
        {
            return ContentKeys.For(encryption, Key);
        }
        catch (RepositoryException failure)
        {
            throw CliException.Refused($"Repository {Name} cannot be read: {failure.Message.TrimEnd('.')}.");
        }
    }

    public override string ToString() => $"DiskPlace {Name}";

    private static OpenReadRequest Read(string repository, string point, string disk) => new() { Repository = repository, PointId = point, DiskId = disk };

    private static RepositoryKey? KeyOf(ByteString secret, string keySet) => secret.IsEmpty ? null : new RepositoryKey(secret.Span, Guid.Parse(keySet));
}
