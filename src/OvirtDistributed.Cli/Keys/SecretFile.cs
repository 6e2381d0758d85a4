// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Cli.Invocation;

namespace OvirtDistributed.Cli.Keys;

/// <summary>Writes a secret to a new file that only its owner can read.</summary>
internal static class SecretFile
{
    /// <exception cref="CliException">There is such a file, or it cannot be written.</exception>
    public static async Task WriteAsync(string option, string file, string text, CancellationToken cancellationToken)
    {
        var options = new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        };
        try
        {
            await using var stream = new FileStream(file, options);
            await stream.WriteAsync(System.Text.Encoding.UTF8.GetBytes(text), cancellationToken);
            stream.Flush(flushToDisk: true);
        }
        catch (IOException) when (File.Exists(file))
        {
            throw new CliException(ExitCode.Refused, "file_exists", $"{option} '{file}' is there already: a key is never written over, choose another name.");
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw CliException.LocalFile($"{option} '{file}' cannot be written: {failure.Message}");
        }
    }
}
