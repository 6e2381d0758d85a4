// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Text.Json;

namespace OvirtDistributed.Simulator.Storage.Processes;

/// <summary>The <c>qemu-img</c> program with argument lists and a deadline for every call.</summary>
internal sealed class QemuImg(string program, TimeProvider timeProvider)
{
    /// <summary>For calls that only touch metadata: a minute is far beyond what they take on a loaded machine.</summary>
    private static readonly TimeSpan MetadataDeadline = TimeSpan.FromSeconds(60);

    /// <summary>For calls that copy data.</summary>
    private static readonly TimeSpan CopyDeadline = TimeSpan.FromHours(1);

    public Task CreateAsync(string file, VolumeFormat format, long sizeBytes, CancellationToken cancellationToken) =>
        RunAsync(["create", "-q", "-f", FormatName(format), file, Number(sizeBytes)], MetadataDeadline, cancellationToken);

    /// <summary>Makes an empty overlay. The backing file is not opened, so it may be held by a running VM.</summary>
    public Task CreateOverlayAsync(string file, string backingFile, VolumeFormat backingFormat, long sizeBytes, CancellationToken cancellationToken) =>
        RunAsync(
            ["create", "-q", "-f", "qcow2", "-u", "-b", backingFile, "-F", FormatName(backingFormat), file, Number(sizeBytes)],
            MetadataDeadline,
            cancellationToken);

    public Task ResizeAsync(string file, VolumeFormat format, long sizeBytes, CancellationToken cancellationToken) =>
        RunAsync(["resize", "-q", "-f", FormatName(format), file, Number(sizeBytes)], MetadataDeadline, cancellationToken);

    /// <summary>Copies an image, given as a file name or a <c>json:</c> description, to a new file; zeroes become holes.</summary>
    public Task ConvertAsync(string source, string? sourceFormat, string target, VolumeFormat targetFormat, CancellationToken cancellationToken)
    {
        var arguments = new List<string> { "convert", "-q", "-O", FormatName(targetFormat), "-W", "-m", "8" };
        if (sourceFormat is not null)
        {
            arguments.AddRange(["-f", sourceFormat]);
        }

        arguments.AddRange([source, target]);
        return RunAsync(arguments, CopyDeadline, cancellationToken);
    }

    /// <summary>Commits an image into its direct backing file and leaves the image as it is.</summary>
    public Task CommitAsync(string file, CancellationToken cancellationToken) =>
        RunAsync(["commit", "-q", "-d", "-f", "qcow2", file], CopyDeadline, cancellationToken);

    /// <summary>Changes the backing file that the header names, nothing else.</summary>
    public Task RebaseHeaderAsync(string file, string backingFile, VolumeFormat backingFormat, CancellationToken cancellationToken) =>
        RunAsync(["rebase", "-q", "-u", "-f", "qcow2", "-b", backingFile, "-F", FormatName(backingFormat), file], MetadataDeadline, cancellationToken);

    public Task BitmapAsync(string file, string bitmap, IEnumerable<string> actions, CancellationToken cancellationToken) =>
        RunAsync(["bitmap", .. actions, file, bitmap], MetadataDeadline, cancellationToken);

    /// <summary>What <c>qemu-img info</c> says of one file, not its chain; works while a VM holds it.</summary>
    public async Task<JsonElement> InfoAsync(string file, CancellationToken cancellationToken)
    {
        var text = await RunAsync(["info", "-U", "--output=json", file], MetadataDeadline, cancellationToken);
        using var document = JsonDocument.Parse(text);
        return document.RootElement.Clone();
    }

    public static string FormatName(VolumeFormat format) => format == VolumeFormat.Cow ? "qcow2" : "raw";

    public static string Number(long value) => value.ToString(CultureInfo.InvariantCulture);

    private async Task<string> RunAsync(IReadOnlyList<string> arguments, TimeSpan deadline, CancellationToken cancellationToken)
    {
        var result = await Tool.RunAsync(program, arguments, deadline, timeProvider, cancellationToken);
        return result.Code == 0 ? result.Output : throw Failed(arguments, result.Error, result.Code);
    }

    private static StorageException Failed(IReadOnlyList<string> arguments, string error, int code)
    {
        var failure = error.Contains("No space left", StringComparison.Ordinal) ? StorageFailure.NoSpace
            : error.Contains("Failed to get", StringComparison.Ordinal) && error.Contains("lock", StringComparison.Ordinal) ? StorageFailure.Busy
            : StorageFailure.ToolFailed;
        return new StorageException(failure, $"qemu-img {string.Join(' ', arguments)} failed with code {code}: {error}");
    }
}
