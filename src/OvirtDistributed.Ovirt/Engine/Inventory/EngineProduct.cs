// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Ovirt.Engine.Inventory;

public enum ProductKind
{
    Unknown,
    Ovirt,

    /// <summary>Oracle Linux Virtualization Manager.</summary>
    Olvm,

    /// <summary>Red Hat Virtualization.</summary>
    Rhv,
}

/// <summary>Which manager this is.</summary>
/// <param name="Kind">By the product's name and vendor; branding only, the API is the same.</param>
/// <param name="Name">As the manager says it.</param>
/// <param name="Vendor">As the manager says it.</param>
/// <param name="Version">major.minor.build.revision.</param>
/// <param name="FullVersion">With release suffix, such as 4.5.4-1.el8.</param>
public sealed record EngineProduct(ProductKind Kind, string Name, string Vendor, Version Version, string FullVersion)
{
    public EngineCapabilities Capabilities => EngineCapabilities.Of(Version);
}
