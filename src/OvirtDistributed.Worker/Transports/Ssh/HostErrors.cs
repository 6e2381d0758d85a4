// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Worker.Transports.Ssh;

/// <summary>What ssh and the host's programs wrote to standard error: its end is kept for messages.</summary>
internal sealed class HostErrors(HostAccess access)
{
    private const int KeptLines = 40;
    private const int ShownLines = 3;
    private const int ShownLetters = 300;

    private readonly Lock _lock = new();
    private readonly Queue<string> _lines = new();

    /// <summary>Reads to the end of the stream.</summary>
    public async Task ReadAsync(StreamReader errors)
    {
        while (await errors.ReadLineAsync(CancellationToken.None) is { } line)
        {
            lock (_lock)
            {
                _lines.Enqueue(line.Length > ShownLetters ? line[..ShownLetters] : line);
                if (_lines.Count > KeptLines)
                {
                    _ = _lines.Dequeue();
                }
            }
        }
    }

    /// <summary>What went wrong, and what to do.</summary>
    /// <param name="otherwise">What failed, where nothing more is known.</param>
    public string Explain(string otherwise)
    {
        string[] lines;
        lock (_lock)
        {
            lines = [.. _lines];
        }

        var text = string.Join('\n', lines);
        if (text.Contains("Host key verification failed", StringComparison.Ordinal))
        {
            return text.Contains("has changed", StringComparison.Ordinal)
                ? $"Host {access.Host} ({access.Address}) shows another SSH host key than the one pinned for {access.KeyName}: somebody stands in between, or the host was installed anew. Compare the key at the host itself, then pin it (ovd manager set-ssh --known-hosts)."
                : $"No SSH host key is pinned for {access.KeyName}, so host {access.Host} ({access.Address}) is not trusted: add its line (ssh-keyscan, compared at the host itself) and set it (ovd manager set-ssh --known-hosts).";
        }

        if (text.Contains("Permission denied (", StringComparison.Ordinal))
        {
            return $"Host {access.Host} ({access.Address}) does not let user {access.User} in with the key that was set: add its public key to the user's authorized_keys there, or set another one (ovd manager set-ssh --key-file).";
        }

        if (text.Contains("administratively prohibited", StringComparison.Ordinal))
        {
            return $"Host {access.Host} ({access.Address}) does not forward unix sockets: allow it there (AllowStreamLocalForwarding yes in its sshd_config).";
        }

        var said = string.Join(" | ", lines.TakeLast(ShownLines).Select(Printable).Where(line => line.Length > 0));
        return said.Length == 0 ? $"{otherwise}." : $"{otherwise}: {said}";
    }

    private static string Printable(string line) => new([.. line.Trim().Where(letter => !char.IsControl(letter))]);
}
