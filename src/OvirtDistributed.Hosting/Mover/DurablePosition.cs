// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Hosting.Mover;

/// <summary>What of an upload stream is on stable storage: its first <paramref name="Bytes"/> bytes, which are <paramref name="Frames"/> whole frames.</summary>
public readonly record struct DurablePosition(long Bytes, long Frames);
