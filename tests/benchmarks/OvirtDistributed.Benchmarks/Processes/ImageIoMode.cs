// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Simulator.ImageIo;
using OvirtDistributed.Simulator.Security;

namespace OvirtDistributed.Benchmarks.Processes;

/// <summary>Hidden mode: the simulator's ImageIO daemon as a process of its own, as on a host.</summary>
internal static class ImageIoMode
{
    public const string Argument = "imageio-process";

    public static async Task RunAsync()
    {
        using var authority = new CertificateAuthority(TimeProvider.System);
        using var certificate = authority.Issue("host", ["127.0.0.1"]);
        await using var daemon = await ImageIoDaemon.StartAsync(new ImageIoOptions { Name = "host", Certificate = certificate }, CancellationToken.None);
        await LineProcess.ServeAsync<ImageIoRequest, ImageIoReply>(async request =>
        {
            if (request.Url is not null)
            {
                await daemon.AddTicketAsync(TicketOf(request), CancellationToken.None);
            }
            else
            {
                _ = await daemon.RemoveTicketAsync(request.Ticket, CancellationToken.None);
            }

            return new ImageIoReply(daemon.Port, authority.Pem);
        });
    }

    private static ImageTicket TicketOf(ImageIoRequest request) => new()
    {
        Uuid = request.Ticket,
        Size = request.SizeBytes,
        Url = request.Url!,
        Ops = request.Writable ? ["write"] : ["read"],
        Timeout = TimeSpan.FromHours(6),
        InactivityTimeout = TimeSpan.FromHours(1),
        Sparse = true,
        Dirty = request.Dirty,
    };
}
