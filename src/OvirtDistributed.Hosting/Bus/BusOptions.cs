// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Hosting.Bus;

/// <summary>How services exchange messages. Configuration section <c>Bus</c>.</summary>
public sealed class BusOptions
{
    public const string Section = "Bus";

    /// <summary>
    /// Address of RabbitMQ: <c>amqp://user:password@host:port/virtual-host</c> (<c>amqps://</c> for TLS).
    /// Empty = the in-memory transport, for a backup server whose workers are all embedded.
    /// </summary>
    public string? Uri { get; set; }

    public bool InMemory => string.IsNullOrEmpty(Uri);

    /// <summary>Every problem with these options; empty when they can be used.</summary>
    public IEnumerable<string> Problems()
    {
        if (!InMemory && (!System.Uri.TryCreate(Uri, UriKind.Absolute, out var uri) || uri.Scheme is not ("amqp" or "amqps")))
        {
            yield return $"{Section}:Uri is not an AMQP address; write amqp://user:password@host:5672/ or leave it empty for the in-memory transport.";
        }
    }
}
