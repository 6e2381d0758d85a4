// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Simulator.Api;

/// <summary>The table of what the API offers: method and path pattern, where <c>*</c> is an id.</summary>
internal sealed class ApiRouter
{
    private readonly List<Route> _routes = [];

    /// <summary>Every route, for the about page.</summary>
    public IEnumerable<string> Describe() => _routes.Select(r => $"{r.Method} /{string.Join('/', r.Segments)}");

    public ApiRouter Map(string method, string pattern, Func<ApiRequest, ApiReply> handler) =>
        Map(method, pattern, r => Task.FromResult(handler(r)));

    public ApiRouter Map(string method, string pattern, Func<ApiRequest, Task<ApiReply>> handler)
    {
        _routes.Add(new Route(method, pattern.Split('/', StringSplitOptions.RemoveEmptyEntries), handler));
        return this;
    }

    /// <summary>Carries out a request. Call with the engine's gate held.</summary>
    public Task<ApiReply> DispatchAsync(ApiRequest request)
    {
        var segments = request.Path.Split('/', StringSplitOptions.RemoveEmptyEntries);
        var otherMethod = false;
        foreach (var route in _routes)
        {
            if (!route.Matches(segments, out var captures))
            {
                continue;
            }

            if (route.Method == request.Method)
            {
                request.Captures = captures;
                return route.Handler(request);
            }

            otherMethod = true;
        }

        throw otherMethod
            ? new ApiFault(405, "Operation Failed", $"[Method {request.Method} is not allowed for {request.Path}]")
            : ApiFault.NotFound();
    }

    private sealed record Route(string Method, string[] Segments, Func<ApiRequest, Task<ApiReply>> Handler)
    {
        public bool Matches(string[] path, out List<string> captures)
        {
            captures = [];
            if (path.Length != Segments.Length)
            {
                return false;
            }

            for (var i = 0; i < path.Length; i++)
            {
                if (Segments[i] == "*")
                {
                    captures.Add(path[i]);
                }
                else if (Segments[i] != path[i])
                {
                    return false;
                }
            }

            return true;
        }
    }
}
