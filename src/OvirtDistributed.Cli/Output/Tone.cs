// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Cli.Output;

/// <summary>How a piece of text is meant; colours follow from it where there are any.</summary>
internal enum Tone
{
    Plain,
    Heading,
    Good,
    Attention,
    Bad,
    Faint,
}
