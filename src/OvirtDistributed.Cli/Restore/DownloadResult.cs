// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Cli.Restore;

/// <param name="SizeBytes">Size of the disk.</param>
/// <param name="DataBytes">Bytes of it that were written; the rest is zero.</param>
/// <param name="RootDigest">What proves the image in the first repository that answered.</param>
/// <param name="Sources">What came from which repository; without those that gave nothing.</param>
/// <param name="Notes">What could not be read, where something else had it.</param>
internal sealed record DownloadResult(
    long SizeBytes, long DataBytes, string RootDigest, IReadOnlyList<(string Repository, long DataBytes)> Sources, IReadOnlyList<string> Notes);
