// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Server.Managers;
using OvirtDistributed.Server.Repositories;

namespace OvirtDistributed.Server.Admin;

/// <summary>What a manager or a Data Mover answered, as a caller of ours gets to read it: try again later, or not in this state.</summary>
internal static class OperatorFailures
{
    public static OperatorException ToOperator(this EngineException failure) => Of(failure.IsPassing, failure);

    public static OperatorException ToOperator(this MoverException failure) => Of(failure.IsPassing, failure);

    private static OperatorException Of(bool passing, Exception failure) =>
        new(passing ? FailureKind.Unavailable : FailureKind.WrongState, failure.Message, failure);
}
