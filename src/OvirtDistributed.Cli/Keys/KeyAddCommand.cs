// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using System.Globalization;
using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Repository.Encryption;

namespace OvirtDistributed.Cli.Keys;

/// <summary>Adds somebody who can open a repository. The secret is used here and only here: the server gets the finished slot.</summary>
internal sealed class KeyAddCommand : ServerCommand
{
    private readonly Argument<string> _repository = RepositoryKeyCommands.NewRepositoryArgument();
    private readonly Option<string> _label = new("--label") { Description = "Whose it is, for people", HelpName = "TEXT" };
    private readonly Option<string?> _passphraseFile = new("--passphrase-file") { Description = "A passphrase, the first line of this file", HelpName = "FILE" };
    private readonly Option<string?> _keyFile = new("--key-file") { Description = "A file of random content (openssl rand -out FILE 64)", HelpName = "FILE" };
    private readonly Option<string?> _publicKey = new("--public-key") { Description = "An RSA public key in PEM form; its private key opens the repository", HelpName = "FILE" };
    private readonly Option<string?> _shares = new("--shares") { Description = "Recovery shares: 2/3 makes three of which any two are needed", HelpName = "K/N" };
    private readonly Option<string?> _output = new("--output") { Description = "With --shares: directory for the share files", HelpName = "DIRECTORY" };

    public KeyAddCommand(CommandRunner runner)
        : base(runner, "add", "Add a recovery key: a passphrase, key file, public key or recovery shares that open the repository without this server")
    {
        Add(_repository);
        Add(_label);
        Add(_passphraseFile);
        Add(_keyFile);
        Add(_publicKey);
        Add(_shares);
        Add(_output);
        Validators.Add(result =>
        {
            var given = new[] { result.GetValue(_passphraseFile), result.GetValue(_keyFile), result.GetValue(_publicKey), result.GetValue(_shares) };
            if (given.Count(value => value is not null) != 1)
            {
                result.AddError("Give exactly one of --passphrase-file, --key-file, --public-key and --shares.");
            }

            if (result.GetValue(_shares) is not null != result.GetValue(_output) is not null)
            {
                result.AddError("--shares and --output go together: each share becomes a file of its own in that directory.");
            }
        });
    }

    public override async Task<ExitCode> ExecuteAsync(CommandContext context, CancellationToken cancellationToken)
    {
        var repository = context.Value(_repository);
        var key = await RepositoryKeyCommands.ExportAsync(context.Server, repository, cancellationToken);
        var (slot, shares) = await MakeAsync(context, key, cancellationToken);
        var files = await WriteSharesAsync(context, repository, shares, cancellationToken);
        await RepositoryKeyCommands.AddSlotAsync(context.Server, repository, slot, cancellationToken);
        Report(context, repository, slot, files);
        return ExitCode.Ok;
    }

    private async Task<(KeySlot Slot, IReadOnlyList<KeyShare> Shares)> MakeAsync(CommandContext context, RepositoryKey key, CancellationToken cancellationToken)
    {
        var label = context.Text(_label);
        var now = context.Time.GetUtcNow();
        if (context.Parse.GetValue(_passphraseFile) is { } passphraseFile)
        {
            var passphrase = await RepositoryKeyCommands.ReadPassphraseAsync("--passphrase-file", passphraseFile, cancellationToken);
            return (RepositoryKeyCommands.Guarded(() => KeySlots.ForPassphrase(key, label, passphrase, now)), []);
        }

        if (context.Parse.GetValue(_keyFile) is { } keyFile)
        {
            var content = await RepositoryKeyCommands.ReadFileAsync("--key-file", keyFile, cancellationToken);
            return (RepositoryKeyCommands.Guarded(() => KeySlots.ForKeyFile(key, label, content, now)), []);
        }

        if (context.Parse.GetValue(_publicKey) is { } publicKey)
        {
            var pem = await RepositoryKeyCommands.ReadTextAsync("--public-key", publicKey, cancellationToken);
            return (RepositoryKeyCommands.Guarded(() => KeySlots.ForPublicKey(key, label, pem, now)), []);
        }

        var (threshold, count) = ParseShares(context.Parse.GetValue(_shares)!);
        return RepositoryKeyCommands.Guarded(() => KeySlots.ForShares(key, label, threshold, count, now));
    }

    private async Task<List<string>> WriteSharesAsync(
        CommandContext context, string repository, IReadOnlyList<KeyShare> shares, CancellationToken cancellationToken)
    {
        var files = new List<string>();
        foreach (var share in shares)
        {
            var file = Path.Combine(context.Parse.GetValue(_output)!, $"{repository}-share-{share.Number}-of-{shares.Count}.txt");
            var text = $"""
                # Recovery share {share.Number} of {shares.Count} for the backup repository {repository}.
                # Any {share.Threshold} of them open it: ovd repository key import {repository} --share FILE --share FILE
                # Give each to another person. One alone tells nothing.
                {KeyPaper.Write(share)}

                """;
            await SecretFile.WriteAsync("--output", file, text, cancellationToken);
            files.Add(file);
        }

        return files;
    }

    private static (int Threshold, int Count) ParseShares(string text) =>
        text.Split('/') is [var needed, var all]
        && int.TryParse(needed, NumberStyles.None, CultureInfo.InvariantCulture, out var threshold)
        && int.TryParse(all, NumberStyles.None, CultureInfo.InvariantCulture, out var count)
            ? (threshold, count)
            : throw CliException.Invalid($"--shares '{text}' cannot be read: write how many are needed and how many there are, for example 2/3.");

    private static void Report(CommandContext context, string repository, KeySlot slot, List<string> files)
    {
        if (context.Output.IsJson)
        {
            context.Output.Json(writer =>
            {
                writer.WriteStartObject();
                writer.WriteString("slot_id", slot.Id.ToString("D"));
                writer.WriteString("kind", slot.Describe());
                writer.WriteStartArray("files");
                files.ForEach(writer.WriteStringValue);
                writer.WriteEndArray();
                writer.WriteEndObject();
            });
            return;
        }

        context.Output.Line($"Key slot {slot.Id:D} ({slot.Describe()}) opens repository {repository} now.");
        files.ForEach(file => context.Output.Line($"  {file}"));
    }
}
