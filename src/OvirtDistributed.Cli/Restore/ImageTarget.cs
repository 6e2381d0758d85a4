// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Cli.Invocation;

namespace OvirtDistributed.Cli.Restore;

/// <summary>The file a disk is restored to.</summary>
/// <param name="Path">Full path, links resolved: a link is kept and what it points to is replaced.</param>
/// <param name="Overwrite">A file of that name may be replaced.</param>
internal sealed record ImageTarget(string Path, bool Overwrite)
{
    /// <summary>Refuses what cannot or must not be written, before hours of reading.</summary>
    /// <exception cref="CliException">The file is there, or its place cannot hold it.</exception>
    public static ImageTarget Check(string file, bool force)
    {
        if (string.IsNullOrWhiteSpace(file))
        {
            throw CliException.Invalid("--to-file is empty: name the file to write.");
        }

        var path = System.IO.Path.GetFullPath(file);
        if (new FileInfo(path).LinkTarget is not null)
        {
            path = File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? path;
        }

        // The image is written beside its place and renamed: that would replace a device's name, not fill the device.
        if (path.StartsWith("/dev/", StringComparison.Ordinal))
        {
            throw CliException.Invalid($"--to-file '{file}' is a device: restore to a file and copy that.");
        }

        if (Directory.Exists(path))
        {
            throw CliException.Invalid($"--to-file '{file}' is a directory: name a file in it.");
        }

        if (!Directory.Exists(System.IO.Path.GetDirectoryName(path)))
        {
            throw CliException.LocalFile($"--to-file '{file}': the directory does not exist.");
        }

        if (File.Exists(path) && !force)
        {
            throw new CliException(ExitCode.Refused, "file_exists", $"'{file}' is there already; --force replaces it.");
        }

        return new ImageTarget(path, force);
    }
}
