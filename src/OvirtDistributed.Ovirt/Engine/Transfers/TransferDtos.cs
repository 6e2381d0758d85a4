// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Ovirt.Engine.Wire;
using OvirtDistributed.Ovirt.Ids;
using OvirtDistributed.Ovirt.ImageIo;

namespace OvirtDistributed.Ovirt.Engine.Transfers;

internal sealed class ImageTransferDto
{
    public string? Id { get; init; }

    public string? Phase { get; init; }

    public string? Direction { get; init; }

    public string? TransferUrl { get; init; }

    public string? ProxyUrl { get; init; }

    public long? Transferred { get; init; }

    public long? InactivityTimeout { get; init; }

    public RefDto? Host { get; init; }

    public RefDto? Image { get; init; }

    public RefDto? Disk { get; init; }
}

internal static class TransferMapping
{
    public static ImageTransfer ToTransfer(ImageTransferDto dto) => new()
    {
        Id = WireValue.Id<TransferId>(dto.Id, "image_transfer.id"),
        Phase = WireValue.Word<TransferPhase>(dto.Phase),
        Direction = WireValue.Word<TransferDirection>(dto.Direction),
        // The engine gives the disk's id under the name image.
        Disk = WireValue.OptionalId<DiskId>(dto.Image?.Id ?? dto.Disk?.Id, "image_transfer.image.id"),
        Host = WireValue.OptionalId<HostId>(dto.Host, "image_transfer.host.id"),
        Url = ToUrl(dto.TransferUrl, "transfer_url"),
        ProxyUrl = ToUrl(dto.ProxyUrl, "proxy_url"),
        TransferredBytes = dto.Transferred,
        InactivityTimeout = dto.InactivityTimeout is > 0 and <= int.MaxValue ? TimeSpan.FromSeconds((int)dto.InactivityTimeout) : null,
    };

    private static TransferUrl? ToUrl(string? text, string field) => string.IsNullOrEmpty(text)
        ? null
        : TransferUrl.TryParse(text, out var url)
            ? url
            // The text is not repeated: even a damaged one may hold the ticket.
            : throw new System.Text.Json.JsonException($"image_transfer.{field} is not an https URL with a path.");
}
