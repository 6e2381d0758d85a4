// SPDX-License-Identifier: Apache-2.0

using Xunit;

namespace OvirtDistributed.Tests.Shared;

/// <summary>For tests that measure the process: nothing else runs at the same time.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class AloneCollection
{
    public const string Name = "alone";
}
