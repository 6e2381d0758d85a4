// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Simulator.ImageIo;

/// <summary>An answer other than success: one line of plain text. <see cref="Close"/> ends the connection after it.</summary>
internal sealed class ImageIoRefusal(int status, string text, bool close = false) : Exception(text)
{
    public int Status { get; } = status;

    public bool Close { get; } = close;

    /// <summary>Size for the header <c>content-range: bytes */SIZE</c> of a 416.</summary>
    public long? RangeSize { get; init; }

    public static ImageIoRefusal BadRequest(string text) => new(400, text);

    /// <summary>Every 403 closes the connection.</summary>
    public static ImageIoRefusal Forbidden(string text) => new(403, text, close: true);

    public static ImageIoRefusal OutOfRange(long size) =>
        new(416, "Requested range out of allowed range") { RangeSize = size };
}
