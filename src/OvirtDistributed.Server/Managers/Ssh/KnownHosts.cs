// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;
using System.IO.Enumeration;
using System.Text;
using OvirtDistributed.Hosting.Errors;

namespace OvirtDistributed.Server.Managers.Ssh;

/// <summary>Pinned host keys: lines of a known_hosts file that were looked at, so that a mistake shows when it is made.</summary>
internal sealed class KnownHosts
{
    private const int MaxLetters = 1 << 20;
    private const int ShownLetters = 60;
    private static readonly string[] Field = ["known_hosts"];

    private readonly List<string> _names = [];

    private KnownHosts()
    {
    }

    /// <summary>Names, addresses and patterns that have a key.</summary>
    public IReadOnlyList<string> Names => _names;

    /// <exception cref="OperatorException">A line is none; the message names it.</exception>
    public static KnownHosts Parse(string text)
    {
        if (text.Length > MaxLetters)
        {
            throw new OperatorException(FailureKind.InvalidInput, $"known_hosts cannot be used: it has {text.Length} characters, the limit is {MaxLetters}.") { Fields = Field };
        }

        var parsed = new KnownHosts();
        foreach (var (index, line) in text.ReplaceLineEndings("\n").Split('\n').Index())
        {
            var fields = line.Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries);
            if (fields.Length > 0 && !fields[0].StartsWith('#'))
            {
                parsed.Add(fields, index + 1, line);
            }
        }

        return parsed.Names.Count > 0
            ? parsed
            : throw new OperatorException(FailureKind.InvalidInput, "known_hosts cannot be used: it holds no host key. Fetch the hosts' keys (ssh-keyscan HOST), compare them at the hosts, and give the lines.")
            {
                Fields = Field,
            };
    }

    /// <summary>Whether a name has a key; null when only hashed names could tell.</summary>
    public bool? Has(string name)
    {
        if (_names.Any(pattern => FileSystemName.MatchesSimpleExpression(pattern, name)))
        {
            return true;
        }

        return _names.Any(pattern => pattern.StartsWith('|')) ? null : false;
    }

    private void Add(string[] fields, int number, string line)
    {
        var marked = fields[0].StartsWith('@');
        var parts = marked ? fields[1..] : fields;
        if ((marked && fields[0] is not ("@cert-authority" or "@revoked")) || parts.Length < 3 || !IsKey(parts[1], parts[2]))
        {
            var shown = line.Length > ShownLetters ? $"{line[..ShownLetters]}..." : line;
            throw new OperatorException(FailureKind.InvalidInput, $"known_hosts line {number} '{shown}' cannot be used: write HOST TYPE KEY as ssh-keyscan does.") { Fields = Field };
        }

        if (!marked || fields[0] == "@cert-authority")
        {
            _names.AddRange(parts[0].Split(',', StringSplitOptions.RemoveEmptyEntries).Where(name => !name.StartsWith('!')));
        }
    }

    /// <summary>The key repeats its type inside.</summary>
    private static bool IsKey(string type, string text)
    {
        var key = new byte[text.Length];
        if (!Convert.TryFromBase64String(text, key, out var length) || length < 4)
        {
            return false;
        }

        var named = BinaryPrimitives.ReadUInt32BigEndian(key);
        return named <= length - 4 && Encoding.ASCII.GetString(key, 4, (int)named) == type;
    }
}
