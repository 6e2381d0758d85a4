// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Ovirt.Errors;
using Polly;
using Polly.Retry;

namespace OvirtDistributed.Ovirt.Engine;

/// <summary>The only retry layer of the engine client.</summary>
internal static class EngineRetry
{
    public static readonly ResiliencePropertyKey<long> Started = new("started");

    public static readonly ResiliencePropertyKey<EngineRequest> Request = new("request");

    public static ResiliencePipeline Create(EngineRetryOptions options, TimeProvider timeProvider, Action<EngineRequest, OvirtException, TimeSpan> onRetry) =>
        new ResiliencePipelineBuilder { TimeProvider = timeProvider }
            .AddRetry(new RetryStrategyOptions
            {
                MaxRetryAttempts = int.MaxValue,
                BackoffType = DelayBackoffType.Exponential,
                UseJitter = true,
                Delay = options.BaseDelay,
                MaxDelay = options.MaxDelay,
                ShouldHandle = arguments => ValueTask.FromResult(ShouldRepeat(arguments, options, timeProvider)),
                OnRetry = arguments =>
                {
                    if (arguments.Outcome.Exception is OvirtException exception
                        && arguments.Context.Properties.TryGetValue(Request, out var request))
                    {
                        onRetry(request, exception, arguments.RetryDelay);
                    }

                    return ValueTask.CompletedTask;
                },
            })
            .Build();

    private static bool ShouldRepeat(RetryPredicateArguments<object> arguments, EngineRetryOptions options, TimeProvider timeProvider)
    {
        if (arguments.Outcome.Exception is not OvirtException exception
            || !arguments.Context.Properties.TryGetValue(Started, out var started)
            || !arguments.Context.Properties.TryGetValue(Request, out var request))
        {
            return false;
        }

        var limit = exception.Advice switch
        {
            RetryAdvice.WhenUnlocked => options.LockedLimit,
            // A call that may have been carried out is repeated only when that does no harm.
            RetryAdvice.WhenReachable when request.Idempotent || !exception.MayHaveBeenCarriedOut => options.UnreachableLimit,
            _ => TimeSpan.Zero,
        };
        return timeProvider.GetElapsedTime(started) < limit;
    }
}
