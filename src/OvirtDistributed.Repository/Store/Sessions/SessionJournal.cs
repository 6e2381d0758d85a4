// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Repository.Maps;
using OvirtDistributed.Repository.Points;
using OvirtDistributed.Repository.Storage;

namespace OvirtDistributed.Repository.Store.Sessions;

/// <summary>The journal of one attempt (DESIGN.md, session journal). One writer at a time.</summary>
internal sealed class SessionJournal : IAsyncDisposable
{
    public const string Folder = "sessions";
    private const string Suffix = ".journal";
    private const int FrameOverhead = 9;
    private const int PageLength = 8 + ChunkDigest.Size;
    private const int RootLength = ChunkDigest.Size + 4 + 8;
    private const int MaxBody = 64 << 20;

    private readonly IStorageAppender _appender;

    private SessionJournal(IStorageAppender appender)
    {
        _appender = appender;
    }

    private enum RecordType : byte
    {
        Begin = 1,
        Pack = 2,
        Pages = 3,
        Root = 4,
    }

    /// <summary>Whether an object below the folder is a journal.</summary>
    public static bool IsName(string name) => name.EndsWith(Suffix, StringComparison.Ordinal);

    public static string FolderOf(string taskId) => $"{Folder}/{taskId}";

    /// <summary>A name that is not among those of the task: a token may come back after a crash.</summary>
    public static string NewName(string taskId, long token, List<string> existing)
    {
        for (var i = 1; ; i++)
        {
            var name = $"{Folder}/{taskId}/{token:d20}-{i}{Suffix}";
            if (!existing.Contains(name))
            {
                return name;
            }
        }
    }

    /// <summary>All journals of a task.</summary>
    public static async Task<List<string>> ListAsync(IStorageBackend storage, string taskId, CancellationToken cancellationToken)
    {
        var names = new List<string>();
        await foreach (var item in storage.ListAsync(FolderOf(taskId), cancellationToken))
        {
            if (item.Name.EndsWith(Suffix, StringComparison.Ordinal))
            {
                names.Add(item.Name);
            }
        }

        return names;
    }

    /// <summary>Reads what of a journal holds; null when not even its beginning does.</summary>
    public static async Task<JournalContent?> ReadAsync(IStorageBackend storage, string name, CancellationToken cancellationToken)
    {
        using var reader = await storage.OpenReadAsync(name, cancellationToken);
        if (reader is null)
        {
            return null;
        }

        var bytes = new byte[checked((int)reader.Length)];
        var length = await reader.ReadAsync(0, bytes, cancellationToken);
        return Parse(bytes.AsSpan(0, length));
    }

    /// <summary>Begins a journal with what it takes over; durable on return.</summary>
    public static async Task<SessionJournal> BeginAsync(
        IStorageBackend storage, string name, JournalBegin begin, IReadOnlyCollection<PageDigest> pages, CancellationToken cancellationToken)
    {
        var appender = await storage.OpenAppendAsync(name, create: true, cancellationToken);
        var journal = new SessionJournal(appender);
        try
        {
            await journal.AppendAsync(RecordType.Begin, JsonSerializer.SerializeToUtf8Bytes(begin, RepositoryJson.Default.JournalBegin), cancellationToken);
            await journal.AppendPagesAsync(pages.ToArray(), cancellationToken);
            await journal.FlushAsync(cancellationToken);
            return journal;
        }
        catch
        {
            await journal.DisposeAsync();
            throw;
        }
    }

    /// <summary>Notes a pack the session writes to. Durable with the next flush.</summary>
    public ValueTask AppendPackAsync(uint pack, CancellationToken cancellationToken)
    {
        var body = new byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32LittleEndian(body, pack);
        return AppendAsync(RecordType.Pack, body, cancellationToken);
    }

    public async ValueTask AppendPagesAsync(ReadOnlyMemory<PageDigest> pages, CancellationToken cancellationToken)
    {
        const int Most = MaxBody / PageLength;
        for (var start = 0; start < pages.Length; start += Most)
        {
            var part = pages.Slice(start, Math.Min(Most, pages.Length - start));
            var body = new byte[part.Length * PageLength];
            for (var i = 0; i < part.Length; i++)
            {
                BinaryPrimitives.WriteInt64LittleEndian(body.AsSpan(i * PageLength), part.Span[i].PageIndex);
                part.Span[i].Digest.CopyTo(body.AsSpan((i * PageLength) + 8));
            }

            await AppendAsync(RecordType.Pages, body, cancellationToken);
        }
    }

    public ValueTask AppendRootAsync(DiskRoot root, CancellationToken cancellationToken)
    {
        var body = new byte[RootLength];
        root.Digest.CopyTo(body);
        BinaryPrimitives.WriteInt32LittleEndian(body.AsSpan(32), root.Levels);
        BinaryPrimitives.WriteInt64LittleEndian(body.AsSpan(36), root.DiskSize);
        return AppendAsync(RecordType.Root, body, cancellationToken);
    }

    public Task FlushAsync(CancellationToken cancellationToken) => _appender.FlushAsync(cancellationToken);

    public ValueTask DisposeAsync() => _appender.DisposeAsync();

    /// <summary>Reads records up to the first that does not hold: the rest was never acknowledged.</summary>
    internal static JournalContent? Parse(ReadOnlySpan<byte> bytes)
    {
        JournalContent? content = null;
        while (TryReadRecord(ref bytes, out var type, out var body))
        {
            if (content is null)
            {
                if (type != RecordType.Begin || ParseBegin(body) is not { } begin)
                {
                    return null;
                }

                content = new JournalContent(begin);
            }

            TakeRecord(content, type, body);
        }

        return content;
    }

    private static void TakeRecord(JournalContent content, RecordType type, ReadOnlySpan<byte> body)
    {
        switch (type)
        {
            case RecordType.Pack when body.Length == sizeof(uint):
                content.Packs.Add(BinaryPrimitives.ReadUInt32LittleEndian(body));
                break;
            case RecordType.Pages when body.Length % PageLength == 0:
                for (; body.Length > 0; body = body[PageLength..])
                {
                    content.Pages[BinaryPrimitives.ReadInt64LittleEndian(body)] = new ChunkDigest(body[8..]);
                }

                break;
            case RecordType.Root when body.Length == RootLength:
                content.Root = new DiskRoot(
                    new ChunkDigest(body), BinaryPrimitives.ReadInt32LittleEndian(body[32..]), BinaryPrimitives.ReadInt64LittleEndian(body[36..]));
                break;
        }
    }

    private static JournalBegin? ParseBegin(ReadOnlySpan<byte> body)
    {
        try
        {
            return JsonSerializer.Deserialize(body, RepositoryJson.Default.JournalBegin);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static bool TryReadRecord(ref ReadOnlySpan<byte> bytes, out RecordType type, out ReadOnlySpan<byte> body)
    {
        type = default;
        body = default;
        if (bytes.Length < FrameOverhead)
        {
            return false;
        }

        var length = BinaryPrimitives.ReadUInt32LittleEndian(bytes);
        if (length > bytes.Length - FrameOverhead)
        {
            return false;
        }

        var covered = bytes[..(5 + (int)length)];
        if (Crc32C.Compute(covered) != BinaryPrimitives.ReadUInt32LittleEndian(bytes[covered.Length..]))
        {
            return false;
        }

        type = (RecordType)covered[4];
        body = covered[5..];
        bytes = bytes[(covered.Length + 4)..];
        return true;
    }

    private ValueTask AppendAsync(RecordType type, byte[] body, CancellationToken cancellationToken)
    {
        var record = new byte[body.Length + FrameOverhead];
        BinaryPrimitives.WriteInt32LittleEndian(record, body.Length);
        record[4] = (byte)type;
        body.CopyTo(record, 5);
        BinaryPrimitives.WriteUInt32LittleEndian(record.AsSpan(5 + body.Length), Crc32C.Compute(record.AsSpan(0, 5 + body.Length)));
        return _appender.AppendAsync(record, cancellationToken);
    }
}

/// <summary>What a journal says.</summary>
internal sealed class JournalContent(JournalBegin begin)
{
    public JournalBegin Begin { get; } = begin;

    public Dictionary<long, ChunkDigest> Pages { get; } = [];

    public HashSet<uint> Packs { get; } = [];

    public DiskRoot? Root { get; set; }
}
