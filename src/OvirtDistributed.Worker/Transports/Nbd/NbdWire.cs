// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Worker.Transports.Nbd;

/// <summary>Numbers of the NBD protocol (the protocol document of the NBD project), newstyle negotiation and simple or structured replies.</summary>
internal static class NbdWire
{
    public const ulong InitMagic = 0x4e42444d41474943;
    public const ulong OptionMagic = 0x49484156454F5054;
    public const ulong OptionReplyMagic = 0x3e889045565a9;
    public const uint RequestMagic = 0x25609513;
    public const uint SimpleReplyMagic = 0x67446698;
    public const uint StructuredReplyMagic = 0x668e33ef;

    public const ushort FlagFixedNewstyle = 1;
    public const ushort FlagNoZeroes = 2;

    public const uint OptionGo = 7;
    public const uint OptionStructuredReply = 8;
    public const uint OptionSetMetaContext = 10;

    public const uint ReplyAck = 1;
    public const uint ReplyInfo = 3;
    public const uint ReplyMetaContext = 4;
    public const uint ReplyErrorBit = 0x80000000;

    public const ushort InfoExport = 0;
    public const ushort InfoBlockSize = 3;

    public const ushort CommandRead = 0;
    public const ushort CommandWrite = 1;
    public const ushort CommandDisconnect = 2;
    public const ushort CommandFlush = 3;
    public const ushort CommandWriteZeroes = 6;
    public const ushort CommandBlockStatus = 7;

    public const ushort CommandFlagNoHole = 2;

    public const ushort ChunkFlagDone = 1;
    public const ushort ChunkNone = 0;
    public const ushort ChunkOffsetData = 1;
    public const ushort ChunkOffsetHole = 2;
    public const ushort ChunkBlockStatus = 5;
    public const ushort ChunkErrorBit = 0x8000;

    public const ushort TransmissionReadOnly = 2;

    /// <summary>What servers accept in one read or write unless they announce another limit.</summary>
    public const uint DefaultMaxPayloadBytes = 32 * 1024 * 1024;

    /// <summary>No negotiation reply of a sane server is longer.</summary>
    public const uint MaxOptionReplyBytes = 64 * 1024;
}
