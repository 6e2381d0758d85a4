// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Lab.Sites;

/// <summary>Waits until a service's readiness endpoint answers 200.</summary>
internal static class ReadinessProbe
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(90);

    /// <param name="name">For the error message.</param>
    /// <param name="httpAddress">Address of the service's health endpoint.</param>
    /// <param name="gaveUp">Answers a reason when waiting has become useless, such as an ended process.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public static async Task WaitAsync(string name, Uri httpAddress, Func<string?> gaveUp, CancellationToken cancellationToken)
    {
        using var client = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { Timeout = TimeSpan.FromSeconds(5) };
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(Limit);
        var last = "no answer";
        while (true)
        {
            if (gaveUp() is { } reason)
            {
                throw new InvalidOperationException($"{name} did not start: {reason}");
            }

            try
            {
                using var reply = await client.GetAsync(new Uri(httpAddress, "/healthz/ready"), limit.Token);
                if (reply.IsSuccessStatusCode)
                {
                    return;
                }

                last = $"{(int)reply.StatusCode} {await reply.Content.ReadAsStringAsync(limit.Token)}";
            }
            catch (HttpRequestException failure)
            {
                last = failure.Message;
            }
            catch (OperationCanceledException) when (!limit.IsCancellationRequested)
            {
                last = "no answer within 5 seconds";
            }

            try
            {
                await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, limit.Token);
            }
            catch (OperationCanceledException late) when (!cancellationToken.IsCancellationRequested)
            {
                throw new TimeoutException($"{name} was not ready within {Limit.TotalSeconds:0} seconds: {last}", late);
            }
        }
    }
}
