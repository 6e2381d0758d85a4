// SPDX-License-Identifier: Apache-2.0
namespace OvirtDistributed.Repository.Reading;

/// <summary>A range of a disk image that is data, or reads as zeros.</summary>
public readonly record struct ImageRange(long Offset, long Length, bool IsZero);
