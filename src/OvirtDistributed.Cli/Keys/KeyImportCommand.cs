// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using Google.Protobuf;
using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Contracts.Admin.V1;
using OvirtDistributed.Repository.Encryption;
using KeySlot = OvirtDistributed.Repository.Encryption.KeySlot;

namespace OvirtDistributed.Cli.Keys;

/// <summary>Gives a server the key of a repository it knows but cannot read: after its database was lost, or at another site.</summary>
internal sealed class KeyImportCommand : ServerCommand
{
    private readonly Argument<string> _repository = RepositoryKeyCommands.NewRepositoryArgument();
    private readonly Option<string?> _paper = new("--paper") { Description = "The exported key, typed into this file", HelpName = "FILE" };
    private readonly Option<string?> _passphraseFile = new("--passphrase-file") { Description = "The passphrase, the first line of this file", HelpName = "FILE" };
    private readonly Option<string?> _keyFile = new("--key-file") { Description = "The key file", HelpName = "FILE" };
    private readonly Option<string?> _privateKey = new("--private-key") { Description = "The RSA private key in PEM form, not encrypted", HelpName = "FILE" };
    private readonly Option<string[]> _shares = new("--share") { Description = "A recovery share; as many as are needed", HelpName = "FILE", AllowMultipleArgumentsPerToken = true };

    public KeyImportCommand(CommandRunner runner)
        : base(runner, "import", "Open a repository with one of its recovery keys and give the key to this server")
    {
        Add(_repository);
        Add(_paper);
        Add(_passphraseFile);
        Add(_keyFile);
        Add(_privateKey);
        Add(_shares);
        Validators.Add(result =>
        {
            var given = new[] { result.GetValue(_paper), result.GetValue(_passphraseFile), result.GetValue(_keyFile), result.GetValue(_privateKey) };
            if (given.Count(value => value is not null) + (result.GetValue(_shares) is { Length: > 0 } ? 1 : 0) != 1)
            {
                result.AddError("Give exactly one of --paper, --passphrase-file, --key-file, --private-key, or --share as often as shares are needed.");
            }
        });
    }

    public override async Task<ExitCode> ExecuteAsync(CommandContext context, CancellationToken cancellationToken)
    {
        var server = context.Server;
        var repository = context.Value(_repository);
        var key = await OpenAsync(context, repository, cancellationToken);
        var request = new ImportKeyRequest { Repository = repository, Key = ByteString.CopyFrom(key.Secret), KeySetId = key.KeySetId.ToString("D") };
        var response = await server.Repositories.ImportKeyAsync(request, server.Call(cancellationToken));
        if (context.Output.IsJson)
        {
            context.Output.Json(response);
        }
        else
        {
            context.Output.Line($"The server has the key of repository {response.Repository.Name} now: {response.Repository.Points} restore points can be read.");
        }

        return ExitCode.Ok;
    }

    private async Task<RepositoryKey> OpenAsync(CommandContext context, string repository, CancellationToken cancellationToken)
    {
        if (context.Parse.GetValue(_paper) is { } paper)
        {
            var text = await RepositoryKeyCommands.ReadTextAsync("--paper", paper, cancellationToken);
            return RepositoryKeyCommands.Guarded(() => KeyPaper.ReadKey(text));
        }

        var slots = await ListAsync(context, repository, cancellationToken);
        if (context.Parse.GetValue(_passphraseFile) is { } passphraseFile)
        {
            var passphrase = await RepositoryKeyCommands.ReadPassphraseAsync("--passphrase-file", passphraseFile, cancellationToken);
            return OpenFirst(slots, KeySlotKind.Passphrase, slot => KeySlots.OpenWithPassphrase(slot, passphrase));
        }

        if (context.Parse.GetValue(_keyFile) is { } keyFile)
        {
            var content = await RepositoryKeyCommands.ReadFileAsync("--key-file", keyFile, cancellationToken);
            return OpenFirst(slots, KeySlotKind.KeyFile, slot => KeySlots.OpenWithKeyFile(slot, content));
        }

        if (context.Parse.GetValue(_privateKey) is { } privateKey)
        {
            var pem = await RepositoryKeyCommands.ReadTextAsync("--private-key", privateKey, cancellationToken);
            return OpenFirst(slots, KeySlotKind.PublicKey, slot => KeySlots.OpenWithPrivateKey(slot, pem));
        }

        var shares = new List<KeyShare>();
        foreach (var file in context.Parse.GetValue(_shares)!)
        {
            var text = await RepositoryKeyCommands.ReadTextAsync("--share", file, cancellationToken);
            shares.Add(RepositoryKeyCommands.Guarded(() => KeyPaper.ReadShare(text)));
        }

        return OpenFirst(slots, KeySlotKind.Shares, slot => KeySlots.OpenWithShares(slot, shares));
    }

    private static async Task<List<KeySlot>> ListAsync(CommandContext context, string repository, CancellationToken cancellationToken)
    {
        var server = context.Server;
        var response = await server.Repositories.ListKeySlotsAsync(new ListKeySlotsRequest { Repository = repository }, server.Call(cancellationToken));
        return [.. response.Slots.Select(slot => RepositoryKeyCommands.Guarded(() => KeySlotCodec.Read($"key slot {slot.Id}", slot.Stored.Span)))];
    }

    /// <summary>The key out of the first slot of the kind that opens.</summary>
    private static RepositoryKey OpenFirst(List<KeySlot> slots, KeySlotKind kind, Func<KeySlot, RepositoryKey> open)
    {
        CliException? refusal = null;
        foreach (var slot in slots.Where(slot => slot.Kind == kind))
        {
            try
            {
                return RepositoryKeyCommands.Guarded(() => open(slot));
            }
            catch (CliException failure)
            {
                refusal = failure;
            }
        }

        throw refusal ?? CliException.Refused($"The repository has no recovery key of this kind; it has: {(slots.Count == 0 ? "none" : string.Join(", ", slots.Select(slot => slot.Describe())))}.");
    }
}
