// SPDX-License-Identifier: Apache-2.0

using Microsoft.Extensions.Logging;
using OvirtDistributed.Contracts.Mover.V1;

namespace OvirtDistributed.DataMover.Repositories;

internal sealed partial class HostedRepository
{
    private static partial class Log
    {
        [LoggerMessage(LogLevel.Information, "Repository {Repository} at {Location} opened, id {RepositoryId}, clean: {Clean}")]
        public static partial void RepositoryOpened(ILogger logger, string repository, string location, Guid repositoryId, bool clean);

        [LoggerMessage(LogLevel.Warning, "Repository {Repository} at {Location} is {State}: {Problem}")]
        public static partial void RepositoryNotUsable(ILogger logger, string repository, string location, RepositoryState state, string problem);

        [LoggerMessage(LogLevel.Error, "Repository {Repository} at {Location} could not be opened")]
        public static partial void OpenFailedUnexpectedly(ILogger logger, string repository, string location, Exception failure);
    }
}
