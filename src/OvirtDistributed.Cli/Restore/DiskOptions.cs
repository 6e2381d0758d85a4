// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using OvirtDistributed.Cli.Invocation;

namespace OvirtDistributed.Cli.Restore;

/// <summary>How restored disks are made, for a whole VM and for a single disk alike.</summary>
internal sealed class DiskOptions
{
    private readonly Option<string> _storageDomain;
    private readonly Option<string> _format;
    private readonly Option<string> _allocation;
    private readonly Option<string> _mode;
    private readonly Option<bool> _noVerify;

    /// <param name="condition">Stands before every description: when the options count.</param>
    public DiskOptions(string condition = "")
    {
        _storageDomain = new("--storage-domain") { Description = $"{condition}Storage domain of the disks; default: each disk's own, or the one of its name", HelpName = "DOMAIN" };
        _format = new("--format") { Description = $"{condition}cow or raw; default: as it was", HelpName = "FORMAT" };
        _allocation = new("--allocation") { Description = $"{condition}sparse or preallocated; default: as it was", HelpName = "POLICY" };
        _mode = new("--mode") { Description = $"{condition}Transport mode: image-transfer (default), disk-attachment to the VM of a worker, ssh through a host, or export-domain", HelpName = "MODE" };
        _noVerify = new("--no-verify") { Description = $"{condition}Do not compare checksums after writing" };
        _format.AcceptOnlyFromAmong("cow", "raw");
        _allocation.AcceptOnlyFromAmong("sparse", "preallocated");
        _mode.AcceptOnlyFromAmong("image-transfer", "disk-attachment", "ssh", "export-domain");
    }

    public IReadOnlyList<Option> All => [_storageDomain, _format, _allocation, _mode, _noVerify];

    public string StorageDomain(CommandContext context) => context.Text(_storageDomain);

    public string Format(CommandContext context) => context.Text(_format);

    public string Allocation(CommandContext context) => context.Text(_allocation);

    public string Mode(CommandContext context) => context.Text(_mode);

    public bool NoVerify(CommandContext context) => context.Value(_noVerify);
}
