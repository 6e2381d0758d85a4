// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Worker.Ssh;

/// <summary>What ssh and the machine's programs wrote to standard error: its end is kept for messages.</summary>
internal sealed class SshErrors(SshAccess access, SshAdvice advice)
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
        var subject = $"{advice.Kind} {access.Shown}";
        if (text.Contains("Host key verification failed", StringComparison.Ordinal))
        {
            return text.Contains("has changed", StringComparison.Ordinal)
                ? $"{subject} shows another SSH host key than the one pinned for {access.KeyName}: somebody stands in between, or it was installed anew. Compare the key at the machine itself, then pin it ({advice.KnownHosts})."
                : $"No SSH host key is pinned for {access.KeyName}, so {subject} is not trusted: add its line (ssh-keyscan, compared at the machine itself) and set it ({advice.KnownHosts}).";
        }

        if (text.Contains("ssh_askpass: exec", StringComparison.Ordinal))
        {
            return $"The worker cannot run a program in {Path.GetTempPath()}, through which ssh asks for the password: mount it without noexec, set TMPDIR for the worker, or use a key ({advice.PrivateKey}).";
        }

        if (text.Contains("Permission denied (", StringComparison.Ordinal))
        {
            return access.Password.Length > 0
                ? $"{subject} does not let user {access.User} in with the password that was set: see that it is right and that the machine's sshd allows passwords, or use a key ({advice.PrivateKey})."
                : $"{subject} does not let user {access.User} in with the key that was set: add its public key to the user's authorized_keys there, or set another one ({advice.PrivateKey}).";
        }

        if (text.Contains("administratively prohibited", StringComparison.Ordinal))
        {
            return $"{subject} does not forward unix sockets: allow it there (AllowStreamLocalForwarding yes in its sshd_config).";
        }

        if (text.Contains("sudo: a password is required", StringComparison.Ordinal))
        {
            return $"User {access.User} of {subject} may not run /bin/sh by sudo without a password: allow it there ({access.User} ALL=(root) NOPASSWD: /bin/sh in its sudoers), or use root.";
        }

        var said = string.Join(" | ", lines.TakeLast(ShownLines).Select(Printable).Where(line => line.Length > 0));
        return said.Length == 0 ? $"{otherwise}." : $"{otherwise}: {said}";
    }

    private static string Printable(string line) => new([.. line.Trim().Where(letter => !char.IsControl(letter))]);
}
