// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Ovirt.Engine;
using OvirtDistributed.Ovirt.Ids;

namespace OvirtDistributed.Tests.Ovirt.Conformance;

/// <summary>An installation the client is tried on, with a view behind the API that proves what happened.</summary>
/// <remarks>It has a running VM "web" with one disk, and a stopped VM "db" with two, all cow and at cluster level 4.5 or later.</remarks>
public interface IEngineSite : IAsyncDisposable
{
    EngineConnection Connection { get; }

    /// <summary>What the guest reads on a disk now.</summary>
    Task<byte[]> ReadDiskAsync(DiskId disk);

    Task WriteDiskAsync(DiskId disk, long offsetBytes, byte[] data);

    Task TrimDiskAsync(DiskId disk, long offsetBytes, long lengthBytes);

    /// <summary>What a client left behind; checkpoints are not counted.</summary>
    Task<IReadOnlyList<string>> LeftoversAsync();

    /// <summary>Carries out the next request that matches and loses its answer.</summary>
    Func<bool> LoseNextAnswer(string method, string path);
}
