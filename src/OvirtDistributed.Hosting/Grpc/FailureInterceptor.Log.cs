// SPDX-License-Identifier: Apache-2.0

using Microsoft.Extensions.Logging;
using OvirtDistributed.Hosting.Errors;

namespace OvirtDistributed.Hosting.Grpc;

internal sealed partial class FailureInterceptor
{
    private static partial class Log
    {
        [LoggerMessage(LogLevel.Information, "{Method} refused ({Kind}): {Reason}")]
        public static partial void CallRefused(ILogger logger, string method, FailureKind kind, string reason);

        [LoggerMessage(LogLevel.Error, "{Method} failed unexpectedly, reference {Reference}")]
        public static partial void CallFailed(ILogger logger, string method, string reference, Exception exception);
    }
}
