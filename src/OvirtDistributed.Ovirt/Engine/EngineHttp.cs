// SPDX-License-Identifier: Apache-2.0

using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.Extensions.Logging;
using OvirtDistributed.Ovirt.Auth;
using OvirtDistributed.Ovirt.Engine.Wire;
using OvirtDistributed.Ovirt.Errors;
using Polly;

namespace OvirtDistributed.Ovirt.Engine;

/// <summary>Carries out engine calls: token, correlation id, one renewal on 401, retry, faults to exceptions.</summary>
internal sealed partial class EngineHttp
{
    private readonly string _apiRoot;
    private readonly OAuthSession _session;
    private readonly HttpExchange _exchange;
    private readonly ResiliencePipeline _retry;
    private readonly TimeProvider _timeProvider;
    private readonly ILogger _logger;

    public EngineHttp(EngineConnection connection, OAuthSession session, HttpExchange exchange, TimeProvider timeProvider, ILogger logger)
    {
        _apiRoot = connection.ApiRoot.AbsoluteUri;
        _session = session;
        _exchange = exchange;
        _timeProvider = timeProvider;
        _logger = logger;
        _retry = EngineRetry.Create(
            connection.Retry,
            timeProvider,
            (request, exception, delay) => Log.CallRepeated(logger, request.Method, request.Path, exception.Error, delay.TotalMilliseconds, request.Correlation));
    }

    /// <summary>The mapped answer. A 404 is thrown.</summary>
    public async Task<TModel> ReadAsync<TDto, TModel>(
        EngineRequest request, JsonTypeInfo<TDto> type, Func<TDto, TModel> map, CancellationToken cancellationToken)
        where TDto : class
    {
        var reply = await SendAsync(request, cancellationToken);
        return reply!.Read(type, map);
    }

    /// <summary>The mapped answer, or null on 404.</summary>
    public async Task<TModel?> FindAsync<TDto, TModel>(
        string path, JsonTypeInfo<TDto> type, Func<TDto, TModel> map, CancellationToken cancellationToken)
        where TDto : class
        where TModel : class
    {
        var reply = await SendAsync(EngineRequest.Find(path), cancellationToken);
        return reply?.Read(type, map);
    }

    /// <summary>All elements of a collection read in one call.</summary>
    public async Task<IReadOnlyList<TModel>> ListAsync<TDto, TModel>(
        string path, JsonTypeInfo<WireList<TDto>> type, Func<TDto, TModel> map, CancellationToken cancellationToken)
        where TDto : class
    {
        var reply = await SendAsync(EngineRequest.Get(path), cancellationToken);
        return reply!.Read(type, list => WireValue.Map(list, map));
    }

    /// <summary>Sends until it succeeds or the retry layer gives up. Null only for a 404 that the request expects.</summary>
    public async Task<EngineReply?> SendAsync(EngineRequest request, CancellationToken cancellationToken)
    {
        using var activity = OvirtDiagnostics.StartCall(request);
        var context = ResilienceContextPool.Shared.Get(cancellationToken);
        context.Properties.Set(EngineRetry.Started, _timeProvider.GetTimestamp());
        context.Properties.Set(EngineRetry.Request, request);
        try
        {
            return await _retry.ExecuteAsync(
                static async (context, state) => await state.Client.SendOnceAsync(state.Request, context.CancellationToken),
                context,
                (Client: this, Request: request));
        }
        catch (OvirtException exception)
        {
            OvirtDiagnostics.Failed(activity, exception);
            throw;
        }
        finally
        {
            ResilienceContextPool.Shared.Return(context);
        }
    }

    private async Task<EngineReply?> SendOnceAsync(EngineRequest request, CancellationToken cancellationToken)
    {
        Secret token;
        try
        {
            token = await _session.GetTokenAsync(cancellationToken);
        }
        catch (OvirtException exception)
        {
            throw BeforeSending(exception, request);
        }

        var (status, body) = await SendWithTokenAsync(request, token, cancellationToken);
        if (status == 401)
        {
            try
            {
                token = await _session.RenewAsync(token, cancellationToken);
            }
            catch (OvirtException exception)
            {
                throw BeforeSending(exception, request);
            }

            (status, body) = await SendWithTokenAsync(request, token, cancellationToken);
        }

        Log.CallAnswered(_logger, request.Method, request.Path, status, request.Correlation);
        return status switch
        {
            >= 200 and < 300 => new EngineReply(request, status, body),
            404 when request.MissingIsExpected => null,
            _ => throw Failure(request, status, body),
        };
    }

    private async Task<(int Status, ReadOnlyMemory<byte> Body)> SendWithTokenAsync(EngineRequest request, Secret token, CancellationToken cancellationToken)
    {
        using var message = new HttpRequestMessage(request.Method, request.Path.Length == 0 ? _apiRoot : $"{_apiRoot}/{request.Path}")
        {
            Version = System.Net.HttpVersion.Version11,
        };
        message.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token.Reveal());
        message.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
        message.Headers.AcceptLanguage.Add(new StringWithQualityHeaderValue("en-US"));
        message.Headers.Add("Version", "4");
        message.Headers.Add("Correlation-Id", request.Correlation.ToString());
        if (request.Body is not null)
        {
            message.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(request.Body.ToJsonString()));
            message.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        }

        try
        {
            return await _exchange.SendAsync(message, cancellationToken);
        }
        catch (OvirtException exception)
        {
            throw new OvirtException(exception.Error, $"{exception.Message} ({request.Method} {request.Path})", exception)
            {
                Correlation = request.Correlation,
                MayHaveBeenCarriedOut = exception.MayHaveBeenCarriedOut && request.Method != HttpMethod.Get,
                Advice = exception.Advice,
            };
        }
    }

    /// <summary>The call itself was not sent, so whatever became of the login, the call has not been carried out.</summary>
    private static OvirtException BeforeSending(OvirtException exception, EngineRequest request) =>
        new(exception.Error, exception.Message, exception)
        {
            HttpStatus = exception.HttpStatus,
            FaultReason = exception.FaultReason,
            FaultDetail = exception.FaultDetail,
            Correlation = request.Correlation,
            Advice = exception.Advice,
        };

    private static OvirtException Failure(EngineRequest request, int status, ReadOnlyMemory<byte> body)
    {
        var fault = ReadFault(body);
        var error = FaultClassifier.Classify(status, fault, request.Scope);
        var said = fault.Text ?? fault.Reason ?? (status is >= 300 and < 400 ? "a redirect: the URL is not that of the API" : "no reason given");
        return new OvirtException(error, $"The manager refused {request.Method} {request.Path}: HTTP {status}, {said} (correlation id {request.Correlation}).")
        {
            HttpStatus = status,
            FaultReason = fault.Reason,
            FaultDetail = fault.Text,
            Correlation = request.Correlation,
            // Apache answers 502 and 504 also when the engine died in the middle of a call.
            MayHaveBeenCarriedOut = status is 500 or 502 or 503 or 504 && request.Method != HttpMethod.Get,
            Advice = error switch
            {
                OvirtError.Locked => RetryAdvice.WhenUnlocked,
                OvirtError.EngineUnavailable or OvirtError.Timeout => RetryAdvice.WhenReachable,
                _ => RetryAdvice.Never,
            },
        };
    }

    private static EngineFault ReadFault(ReadOnlyMemory<byte> body)
    {
        try
        {
            var fault = JsonSerializer.Deserialize(body.Span, EngineJson.Default.FaultDto);
            return new EngineFault(fault?.Reason, fault?.Detail);
        }
        catch (JsonException)
        {
            // HTML from Apache or an empty body: the status alone has to do.
            return default;
        }
    }
}
