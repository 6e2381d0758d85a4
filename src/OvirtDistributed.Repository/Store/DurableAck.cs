// SPDX-License-Identifier: Apache-2.0
namespace OvirtDistributed.Repository.Store;

/// <summary>What of a frame stream is durable: the first <paramref name="Frames"/> frames, <paramref name="Bytes"/> bytes. Only grows.</summary>
public readonly record struct DurableAck(long Frames, long Bytes);
