// SPDX-License-Identifier: Apache-2.0

using System.Security.Cryptography;
using OvirtDistributed.Repository.Encryption;

namespace OvirtDistributed.Benchmarks.Processes;

/// <summary>The key of the measured repositories: the same in every process, because nothing here is secret.</summary>
internal static class BenchmarkKey
{
    public static RepositoryKey Value { get; } = new(SHA256.HashData("benchmark"u8), new Guid("0f9d3a52-6f1e-4a53-9b0e-2f6c1c3f4d11"));
}
