// SPDX-License-Identifier: Apache-2.0

using Microsoft.Extensions.Logging;
using OvirtDistributed.Ovirt.Errors;
using OvirtDistributed.Ovirt.Ids;

namespace OvirtDistributed.Ovirt.Engine;

internal sealed partial class EngineHttp
{
    private static partial class Log
    {
        [LoggerMessage(Level = LogLevel.Debug, Message = "Manager answered {Method} {Path} with {Status} (correlation {Correlation})")]
        public static partial void CallAnswered(ILogger logger, HttpMethod method, string path, int status, CorrelationId correlation);

        [LoggerMessage(Level = LogLevel.Information, Message = "Manager call {Method} {Path} is repeated after {Error} in {DelayMilliseconds:0} ms (correlation {Correlation})")]
        public static partial void CallRepeated(ILogger logger, HttpMethod method, string path, OvirtError error, double delayMilliseconds, CorrelationId correlation);
    }
}
