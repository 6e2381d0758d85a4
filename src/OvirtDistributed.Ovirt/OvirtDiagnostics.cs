// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using OvirtDistributed.Ovirt.Engine;
using OvirtDistributed.Ovirt.Errors;

namespace OvirtDistributed.Ovirt;

/// <summary>Spans of this library. Subscribe to <see cref="SourceName"/>.</summary>
public static class OvirtDiagnostics
{
    public const string SourceName = "OvirtDistributed.Ovirt";

    private static readonly ActivitySource Source = new(SourceName);

    /// <summary>One span per logical call, over all its repetitions.</summary>
    internal static Activity? StartCall(EngineRequest request)
    {
        var activity = Source.StartActivity("ovirt.call", ActivityKind.Client);
        activity?.SetTag("http.request.method", request.Method.Method);
        activity?.SetTag("ovirt.path", request.Path);
        activity?.SetTag("ovirt.correlation_id", request.Correlation.ToString());
        return activity;
    }

    internal static void Failed(Activity? activity, OvirtException exception)
    {
        activity?.SetTag("error.type", exception.Error.ToString());
        activity?.SetTag("http.response.status_code", exception.HttpStatus);
        activity?.SetStatus(ActivityStatusCode.Error, exception.Message);
    }
}
