// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Cli.Restore;

/// <param name="SizeBytes">Size of the disk.</param>
/// <param name="DataBytes">Bytes of it that were written; the rest is zero.</param>
/// <param name="RootDigest">What proves them all.</param>
internal readonly record struct DownloadResult(long SizeBytes, long DataBytes, string RootDigest);
