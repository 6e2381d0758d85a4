// SPDX-License-Identifier: Apache-2.0

using Microsoft.Extensions.Logging;
using OvirtDistributed.Ovirt.Errors;
using OvirtDistributed.Ovirt.Trust;

namespace OvirtDistributed.Ovirt.Engine;

/// <summary>Makes clients of managers.</summary>
public sealed class OvirtEngineClientFactory(TimeProvider timeProvider, ILoggerFactory loggerFactory)
{
    /// <summary>Checks the settings and makes a client. Nothing is sent before the first call.</summary>
    /// <exception cref="OvirtException"><see cref="OvirtError.InvalidSettings"/>, naming everything that is wrong.</exception>
    public OvirtEngineClient Create(EngineConnection connection)
    {
        connection.ThrowIfInvalid();
        var handler = TlsHandlers.Create(connection.Trust.WebCaPem, connection.HostAddresses, connection.Timeouts.Connect);
        return new OvirtEngineClient(connection, handler, timeProvider, loggerFactory.CreateLogger<OvirtEngineClient>());
    }
}
