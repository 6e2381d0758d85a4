// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Cli.Invocation;

namespace OvirtDistributed.Cli.Managers;

/// <summary>Where a password comes from. Never from an argument: those show in process lists and shell histories.</summary>
internal sealed class PasswordSource(CliHost host)
{
    /// <exception cref="CliException">There is none.</exception>
    public async Task<string> ReadAsync(string prompt, string? file, bool standardInput, CancellationToken cancellationToken)
    {
        if (file is not null)
        {
            return NotEmpty(await FirstLineAsync(file, cancellationToken), $"--password-file '{file}' holds no password on its first line.");
        }

        if (standardInput)
        {
            return NotEmpty(await host.In.ReadLineAsync(cancellationToken).AsTask().WaitAsync(cancellationToken), "Standard input held no password.");
        }

        if (!host.InputIsTerminal)
        {
            throw CliException.Invalid("No terminal to ask for the password: give --password-file FILE or --password-stdin.");
        }

        return NotEmpty(await host.ReadSecretAsync(prompt, cancellationToken), "No password was typed.");
    }

    private static async Task<string?> FirstLineAsync(string file, CancellationToken cancellationToken)
    {
        try
        {
            using var reader = File.OpenText(file);
            return await reader.ReadLineAsync(cancellationToken);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw CliException.LocalFile($"--password-file '{file}' cannot be read: {failure.Message}");
        }
    }

    private static string NotEmpty(string? password, string otherwise) =>
        string.IsNullOrEmpty(password) ? throw CliException.Invalid(otherwise) : password;
}
