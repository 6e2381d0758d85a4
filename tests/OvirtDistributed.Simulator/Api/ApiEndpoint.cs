// SPDX-License-Identifier: Apache-2.0

using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using OvirtDistributed.Simulator.Engine;
using OvirtDistributed.Simulator.Faults;
using OvirtDistributed.Simulator.Storage;
using OvirtDistributed.Simulator.Wire;

namespace OvirtDistributed.Simulator.Api;

/// <summary>Everything below <c>/ovirt-engine/api</c>: from the HTTP request to the rendered answer.</summary>
internal sealed partial class ApiEndpoint(
    EngineCommands commands, ApiRouter router, ApiAuthentication authentication, FaultGate faults, ILogger<ApiEndpoint> logger)
{
    public async Task HandleAsync(HttpContext context)
    {
        var json = ApiRequestReader.WantsJson(context.Request);
        var correlation = ApiRequestReader.CorrelationId(context.Request);
        context.Response.Headers["Correlation-Id"] = correlation;
        if (ApiRequestReader.PathOf(context.Request) is not { } path)
        {
            await WriteAsync(context, ApiAnswer.Of(400, new ApiFault(400, "Operation Failed", "[Unsupported API version; only 4 is supported]").ToNode(), json));
            return;
        }

        try
        {
            var (answer, sticking) = await faults.PassAsync(context, FaultMoment.BeforeHandling, path, json);
            answer ??= authentication.Authenticate(context) is null
                ? Unauthorized(context)
                : await AnswerAsync(context, path, new CommandScope(correlation, sticking), json);
            var (spoiled, _) = await faults.PassAsync(context, FaultMoment.AfterHandling, path, json);
            await WriteAsync(context, spoiled ?? answer);
        }
        catch (FaultGate.ConnectionDropped)
        {
            Log.ConnectionDropped(logger, context.Request.Method, path);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // The client went away.
        }
    }

    private static ApiAnswer Unauthorized(HttpContext context)
    {
        context.Response.Headers.WWWAuthenticate = "Basic realm=\"oVirt Engine\"";
        return ApiAnswer.Html(401, "Unauthorized");
    }

    private static async Task WriteAsync(HttpContext context, ApiAnswer answer)
    {
        context.Response.StatusCode = answer.Status;
        context.Response.ContentType = answer.ContentType;
        if (!HttpMethods.IsHead(context.Request.Method))
        {
            await context.Response.Body.WriteAsync(answer.Body, context.RequestAborted);
        }
    }

    private async Task<ApiAnswer> AnswerAsync(HttpContext context, string path, CommandScope scope, bool json)
    {
        try
        {
            var request = await ApiRequestReader.ReadAsync(context, path, scope);
            return await ExecuteAsync(context, request, json);
        }
        catch (ApiFault e)
        {
            Log.Refused(logger, context.Request.Method, path, e.Status, e.Message);
            return ApiAnswer.Of(e.Status, e.ToNode(), json);
        }
        catch (FormatException e)
        {
            return ApiAnswer.Of(400, new ApiFault(400, "Operation Failed", $"[The request body could not be read: {e.Message}]").ToNode(), json);
        }
        catch (StorageException e)
        {
            // Execution failed behind the engine: such failures have no error class and answer 400.
            Log.Refused(logger, context.Request.Method, path, 400, e.Message);
            return ApiAnswer.Of(400, ApiFault.BadRequest(e.Message).ToNode(), json);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            Log.Failed(logger, context.Request.Method, path, e);
            return ApiAnswer.Html(500, "Internal Server Error");
        }
    }

    private async Task<ApiAnswer> ExecuteAsync(HttpContext context, ApiRequest request, bool json)
    {
        var (reply, answer) = await DispatchAsync(context, request, json);
        var expectations = $"{context.Request.Headers["X-Ovirt-Expect"]},{context.Request.Headers.Expect}";
        if (reply is { Pending: { } pending, CreatedPath: { } created } && expectations.Contains("201-created", StringComparison.OrdinalIgnoreCase))
        {
            // A blocking create: the answer is the entity as it is when the work is over.
            await pending.Completion.WaitAsync(context.RequestAborted);
            (_, answer) = await DispatchAsync(context, new ApiRequest { Method = "GET", Path = created, Scope = request.Scope }, json);
            return answer with { Status = 201 };
        }

        if (reply.IsAction && reply.Pending is not null
            && (request.Flag("async") || expectations.Contains("202-accepted", StringComparison.OrdinalIgnoreCase)))
        {
            var body = new WireNode("action").Add("status", "in_progress").AddReference("job", reply.Pending.Id, "jobs");
            return ApiAnswer.Of(202, body, json);
        }

        return answer;
    }

    private async Task<(ApiReply Reply, ApiAnswer Answer)> DispatchAsync(HttpContext context, ApiRequest request, bool json)
    {
        var gate = commands.State.Gate;
        await gate.WaitAsync(context.RequestAborted);
        try
        {
            commands.Purge();
            var reply = await router.DispatchAsync(request);
            if (reply.Body is not null && request.Method == "GET" && request.Text("follow") is { } follow)
            {
                await new LinkFollower(router, request).FollowAsync(reply.Body, follow);
            }

            if (request.Method != "GET")
            {
                commands.Engine.Saver?.Changed();
            }

            return (reply, ApiAnswer.Of(reply.Status, reply.Body, json));
        }
        finally
        {
            gate.Release();
        }
    }
}
