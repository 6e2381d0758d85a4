// SPDX-License-Identifier: Apache-2.0

using Grpc.Core;
using OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Tests.Cli.Fakes;

internal sealed class FakeRetentionService(FakeInstallation installation) : RetentionService.RetentionServiceBase
{
    public override Task<SetRetentionPolicyResponse> SetRetentionPolicy(SetRetentionPolicyRequest request, ServerCallContext context) =>
        installation.AnswerAsync(request, context, () => new SetRetentionPolicyResponse
        {
            Created = true,
            Policy = new RetentionPolicy { Name = request.Name, Rule = request.Rule, IsDefault = request.MakeDefault },
        });

    public override Task<ListRetentionPoliciesResponse> ListRetentionPolicies(ListRetentionPoliciesRequest request, ServerCallContext context) =>
        installation.AnswerAsync(request, context, () => new ListRetentionPoliciesResponse { Policies = { installation.RetentionPolicies } });

    public override Task<AssignRetentionPolicyResponse> AssignRetentionPolicy(AssignRetentionPolicyRequest request, ServerCallContext context) =>
        installation.AnswerAsync(request, context, () => new AssignRetentionPolicyResponse { Vms = { request.Vms } });

    public override Task<PreviewRetentionResponse> PreviewRetention(PreviewRetentionRequest request, ServerCallContext context) =>
        installation.AnswerAsync(request, context, () => new PreviewRetentionResponse { Decisions = { installation.RetentionDecisions } });

    public override Task<ApplyRetentionResponse> ApplyRetention(ApplyRetentionRequest request, ServerCallContext context) =>
        installation.AnswerAsync(request, context, () => new ApplyRetentionResponse { Removals = { installation.RetentionDecisions.Where(decision => !decision.Keep) } });

    public override Task<PinPointResponse> PinPoint(PinPointRequest request, ServerCallContext context) =>
        installation.AnswerAsync(request, context, () => new PinPointResponse { PointId = request.Point });
}
