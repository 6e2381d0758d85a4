// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Simulator.Storage;

/// <summary>What to do with a bitmap.</summary>
internal enum BitmapAction
{
    Add,
    AddDisabled,
    Enable,
    Disable,
    Remove,
    Merge,
}

/// <summary>One change of a layer's bitmap. <paramref name="Layer"/> and <paramref name="SourceLayer"/> are positions in the chain.</summary>
internal sealed record BitmapStep(BitmapAction Action, int Layer, string Name, int SourceLayer = -1, string? Source = null)
{
    public static string NameOf(Guid checkpoint) => checkpoint.ToString("D");
}
