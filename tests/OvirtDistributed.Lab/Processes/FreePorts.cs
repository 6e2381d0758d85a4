// SPDX-License-Identifier: Apache-2.0

using System.Net;
using System.Net.Sockets;

namespace OvirtDistributed.Lab.Processes;

/// <summary>Ports for processes that must keep theirs over a restart. Taken outside the range the kernel hands out, so that nothing else gets them meanwhile.</summary>
internal static class FreePorts
{
    private const int First = 18_000;
    private const int Last = 31_000;

    private static readonly Lock Turn = new();
    private static int _next = First + Random.Shared.Next(Last - First);

    public static int Take()
    {
        lock (Turn)
        {
            for (var attempt = 0; attempt < Last - First; attempt++)
            {
                var port = _next;
                _next = _next >= Last ? First : _next + 1;
                if (IsFree(port))
                {
                    return port;
                }
            }
        }

        throw new InvalidOperationException($"No free TCP port between {First} and {Last} on 127.0.0.1.");
    }

    private static bool IsFree(int port)
    {
        try
        {
            using var probe = new TcpListener(IPAddress.Loopback, port);
            probe.Start();
            probe.Stop();
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
