// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Lab.Demo;

/// <summary>One line per report, in order: unlike <see cref="Progress{T}"/> it writes at once.</summary>
internal sealed class ConsoleProgress(TextWriter output) : IProgress<string>
{
    public void Report(string value) => output.WriteLine($"  {value}");
}
