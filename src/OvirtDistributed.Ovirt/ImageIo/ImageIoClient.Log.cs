// SPDX-License-Identifier: Apache-2.0

using Microsoft.Extensions.Logging;

namespace OvirtDistributed.Ovirt.ImageIo;

public sealed partial class ImageIoClient
{
    private static partial class Log
    {
        [LoggerMessage(Level = LogLevel.Warning, Message = "Image is moved through the proxy {Proxy} because the host {Host} cannot be used: {Reason}")]
        public static partial void FellBackToProxy(ILogger logger, string host, string proxy, string reason);

        [LoggerMessage(Level = LogLevel.Information, Message = "Connection to {Endpoint} is made anew, {Resume} of {MaxResumes}: {Reason}")]
        public static partial void ConnectionBroke(ILogger logger, string endpoint, string reason, int resume, int maxResumes);

        [LoggerMessage(Level = LogLevel.Information, Message = "Ticket at {Endpoint} could not be kept alive: {Reason}")]
        public static partial void KeepAliveFailed(ILogger logger, string endpoint, string reason);
    }
}
