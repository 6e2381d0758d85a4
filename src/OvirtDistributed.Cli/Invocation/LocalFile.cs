// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Cli.Invocation;

/// <summary>Files of this machine that an option names.</summary>
internal static class LocalFile
{
    /// <exception cref="CliException">It cannot be read; names option and file.</exception>
    public static async Task<string> ReadAsync(string option, string file, CancellationToken cancellationToken)
    {
        try
        {
            return await File.ReadAllTextAsync(file, cancellationToken);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw CliException.LocalFile($"{option} '{file}' cannot be read: {failure.Message}");
        }
    }
}
