// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Lab.Demo;

/// <summary>How the demo is run; the options of <c>ovd-lab demo</c>.</summary>
internal sealed record DemoOptions(bool RabbitMq, bool Keep, string? DataDirectory, int SizeMiB);
