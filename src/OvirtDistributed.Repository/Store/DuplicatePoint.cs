// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository.Points;

namespace OvirtDistributed.Repository.Store;

/// <summary>A manifest whose point id another one has.</summary>
/// <param name="Point">It.</param>
/// <param name="Problem">What is wrong and what to do, for people.</param>
public sealed record DuplicatePoint(PointInfo Point, string Problem)
{
    internal static string Describe(PointInfo point, PointInfo first) =>
        $"{point.Path}: its point id {point.PointId} belongs to {first.Path} already; move one of them away, or remove the point to get at the other";
}
