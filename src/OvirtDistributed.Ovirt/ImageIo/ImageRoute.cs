// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Ovirt.ImageIo;

public enum ImageRoute
{
    /// <summary>Straight from the host.</summary>
    Direct,

    /// <summary>Through the manager's proxy: slower, all bytes pass the manager.</summary>
    Proxy,
}
