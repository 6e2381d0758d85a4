// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Lab.Demo;

/// <summary>The closing table: what was read, sent and stored, how fast, what limited it, and what plain copies would have taken.</summary>
internal sealed class DemoReport(TextWriter output)
{
    public async Task WriteAsync(Job full, Job incremental, Contracts.Admin.V1.Repository repository, long provisionedBytes)
    {
        await output.WriteLineAsync();
        await output.WriteLineAsync("== Figures");
        await output.WriteLineAsync($"{"",-12} {"read",10} {"zero",10} {"dedup",10} {"sent",10} {"stored",10} {"seconds",8} {"read/s",12}  bottleneck");
        await RowAsync("full", full.Progress);
        await RowAsync("incremental", incremental.Progress);
        var plain = 2 * provisionedBytes;
        await output.WriteLineAsync();
        await output.WriteLineAsync($"repository: {ByteText.Of(repository.StoredBytes)} for {repository.Points} restore points, each readable as a full image");
        await output.WriteLineAsync(
            $"two plain copies of the disks: {ByteText.Of(plain)}, {(double)plain / Math.Max(1, repository.StoredBytes):0.0} times as much");
    }

    private async Task RowAsync(string name, Progress progress)
    {
        var seconds = progress.Elapsed?.ToTimeSpan().TotalSeconds ?? 0;
        var rate = seconds > 0 ? $"{ByteText.Of((long)(progress.ReadBytes / seconds))}/s" : "";
        await output.WriteLineAsync(
            $"{name,-12} {ByteText.Of(progress.ReadBytes),10} {ByteText.Of(progress.ZeroBytes),10} {ByteText.Of(progress.DeduplicatedBytes),10} "
            + $"{ByteText.Of(progress.SentBytes),10} {ByteText.Of(progress.StoredBytes),10} {seconds,8:0.0} {rate,12}  {progress.Bottleneck}");
    }
}
