// SPDX-License-Identifier: Apache-2.0

using System.Text;
using OvirtDistributed.Simulator.Wire;

namespace OvirtDistributed.Simulator.Api;

/// <summary>A reply in its final form, before a fault may still spoil it.</summary>
internal sealed record ApiAnswer(int Status, string? ContentType, byte[] Body)
{
    public static ApiAnswer Of(int status, WireNode? node, bool json)
    {
        if (node is null)
        {
            return new ApiAnswer(status, null, []);
        }

        return json
            ? new ApiAnswer(status, $"{JsonWire.MediaType};charset=UTF-8", JsonWire.Write(node))
            : new ApiAnswer(status, $"{XmlWire.MediaType};charset=UTF-8", XmlWire.Write(node));
    }

    /// <summary>An answer of the servers in front of the API, which speak HTML.</summary>
    public static ApiAnswer Html(int status, string text) => new(
        status, "text/html;charset=UTF-8", Encoding.UTF8.GetBytes($"<html><head><title>Error</title></head><body>{text}</body></html>"));
}
