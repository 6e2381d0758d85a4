// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;
using System.Text;
using OvirtDistributed.Hosting.Errors;

namespace OvirtDistributed.Server.Managers.Ssh;

/// <summary>A private key as a file holds it: looked at as far as mistakes show, without using it. Messages never hold any of it.</summary>
internal static class PrivateKeyText
{
    private const int MaxLetters = 64 << 10;
    private const string Begin = "-----BEGIN ";
    private const string KindEnd = "PRIVATE KEY-----";

    private static readonly byte[] OpenSshMark = "openssh-key-v1\0"u8.ToArray();

    /// <exception cref="OperatorException">It is no private key, or has a passphrase.</exception>
    public static string Checked(string text)
    {
        var lines = text.ReplaceLineEndings("\n").Trim().Split('\n');
        if (text.Length > MaxLetters || lines.Length < 3 || !lines[0].StartsWith(Begin, StringComparison.Ordinal) || !lines[0].EndsWith(KindEnd, StringComparison.Ordinal)
            || lines[^1] != lines[0].Replace("BEGIN", "END", StringComparison.Ordinal))
        {
            throw Bad(lines[0].StartsWith("ssh-", StringComparison.Ordinal) || lines[0].StartsWith("ecdsa-", StringComparison.Ordinal)
                ? "it is a public key; give the file without .pub"
                : "it is no private key; make one with ssh-keygen -t ed25519 -N ''");
        }

        return HasPassphrase(lines)
            ? throw Bad("it has a passphrase, which nobody could type for a worker; give a key of its own without one (ssh-keygen -t ed25519 -N '')")
            : string.Join('\n', lines) + "\n";
    }

    private static bool HasPassphrase(string[] lines)
    {
        if (lines.Any(line => line.Contains("ENCRYPTED", StringComparison.Ordinal)))
        {
            return true;
        }

        if (!lines[0].Contains("OPENSSH", StringComparison.Ordinal))
        {
            return false;
        }

        var body = string.Concat(lines[1..^1]);
        var key = new byte[body.Length];
        if (!Convert.TryFromBase64String(body, key, out var length) || !key.AsSpan(0, length).StartsWith(OpenSshMark) || length < OpenSshMark.Length + 4)
        {
            throw Bad("it is damaged");
        }

        var cipher = key.AsSpan(OpenSshMark.Length, length - OpenSshMark.Length);
        var named = BinaryPrimitives.ReadUInt32BigEndian(cipher);
        return named > cipher.Length - 4 ? throw Bad("it is damaged") : Encoding.ASCII.GetString(cipher.Slice(4, (int)named)) != "none";
    }

    private static OperatorException Bad(string why) => new(FailureKind.InvalidInput, $"private_key (not shown) cannot be used: {why}.") { Fields = ["private_key"] };
}
