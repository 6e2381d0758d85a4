// SPDX-License-Identifier: Apache-2.0

using System.Text;

namespace OvirtDistributed.Tests.Cli.Fakes;

/// <summary>Captures text and tells when something has been written.</summary>
internal sealed class LineSignalingWriter : TextWriter
{
    private readonly Lock _lock = new();
    private readonly StringBuilder _text = new();
    private TaskCompletionSource _written = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public override Encoding Encoding => Encoding.UTF8;

    public override void Write(char value) => Write([value]);

    public override void Write(string? value) => Write(value.AsSpan());

    public override void Write(char[] buffer, int index, int count) => Write(buffer.AsSpan(index, count));

    public override void Write(ReadOnlySpan<char> buffer)
    {
        TaskCompletionSource written;
        lock (_lock)
        {
            _text.Append(buffer);
            written = _written;
            _written = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        written.SetResult();
    }

    public async Task ContainsAsync(string text)
    {
        while (true)
        {
            Task next;
            lock (_lock)
            {
                if (_text.ToString().Contains(text, StringComparison.Ordinal))
                {
                    return;
                }

                next = _written.Task;
            }

            await next;
        }
    }

    public override string ToString()
    {
        lock (_lock)
        {
            return _text.ToString();
        }
    }
}
