// SPDX-License-Identifier: Apache-2.0

using Microsoft.Extensions.Logging;
using OvirtDistributed.DataMover.Configuration;
using OvirtDistributed.DataMover.Errors;
using OvirtDistributed.Hosting.Errors;

namespace OvirtDistributed.DataMover.Repositories;

/// <summary>The configured repositories by name.</summary>
internal sealed class RepositoryRoster : IAsyncDisposable
{
    private readonly SortedDictionary<string, HostedRepository> _repositories = new(StringComparer.Ordinal);

    public RepositoryRoster(DataMoverOptions options, TimeProvider timeProvider, ILoggerFactory loggers)
    {
        foreach (var (name, repository) in options.Repositories)
        {
            _repositories.Add(name, new HostedRepository(name, repository, options.Limits, timeProvider, loggers));
        }
    }

    public IReadOnlyCollection<HostedRepository> All => _repositories.Values;

    /// <exception cref="OperatorException">There is none of this name; the message lists those that are.</exception>
    public HostedRepository Require(string name) => _repositories.TryGetValue(name, out var repository)
        ? repository
        : throw new OperatorException(
            FailureKind.NotFound,
            $"repository '{name}' is not configured on this Data Mover: use one of {string.Join(", ", _repositories.Keys)}, "
            + $"or add DataMover:Repositories:{(name.Length == 0 ? "NAME" : name)}:Path to its configuration.")
        { Reason = FailureReasons.UnknownRepository };

    /// <summary>Closes all of them; harmless when they are closed.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (var repository in All)
        {
            await repository.DisposeAsync();
        }
    }
}
