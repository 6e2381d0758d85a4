// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;

namespace OvirtDistributed.DataMover.Telemetry;

/// <summary>Spans of the Data Mover. A session's span lasts from its opening to its end; calls made in it are spans of the HTTP server.</summary>
internal static class MoverDiagnostics
{
    public const string Name = "OvirtDistributed.DataMover";

    public static ActivitySource Source { get; } = new(Name);

    /// <summary>Starts a span that outlives the call in which it begins.</summary>
    public static Activity? StartDetached(string name)
    {
        var call = Activity.Current;
        var span = Source.StartActivity(name, ActivityKind.Internal);
        Activity.Current = call; // the span ends elsewhere; the call must not have it as its own
        return span;
    }
}
