// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;
using System.Net.Sockets;
using OvirtDistributed.Tests.Shared;

namespace OvirtDistributed.Tests.Worker.Nbd;

/// <summary>Serves one client: says its greeting whatever the client says, and its answer once the client has sent a request; then nothing more.</summary>
internal sealed class ScriptedNbdServer : IAsyncDisposable
{
    private const uint RequestMark = 0x25609513;

    private readonly TemporaryDirectory _directory = new();
    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly Task _serving;

    public ScriptedNbdServer(byte[] greeting, byte[]? answer = null)
    {
        SocketPath = _directory.File("nbd");
        _listener.Bind(new UnixDomainSocketEndPoint(SocketPath));
        _listener.Listen(1);
        _serving = ServeAsync(greeting, answer);
    }

    public string SocketPath { get; }

    public async ValueTask DisposeAsync()
    {
        await _serving.WithinDeadline();
        _listener.Dispose();
        _directory.Dispose();
    }

    private async Task ServeAsync(byte[] greeting, byte[]? answer)
    {
        using var client = await _listener.AcceptAsync(NbdSite.Token);
        _ = await client.SendAsync(greeting, NbdSite.Token);
        if (answer is null)
        {
            client.Shutdown(SocketShutdown.Send);
        }

        var heard = new List<byte>();
        var buffer = new byte[4096];
        var mark = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(mark, RequestMark);
        while (await client.ReceiveAsync(buffer, NbdSite.Token) is > 0 and var count)
        {
            heard.AddRange(buffer.AsSpan(0, count));
            if (answer is not null && heard.ToArray().AsSpan().IndexOf(mark) >= 0)
            {
                _ = await client.SendAsync(answer, NbdSite.Token);
                client.Shutdown(SocketShutdown.Send);
                answer = null;
            }
        }
    }
}
