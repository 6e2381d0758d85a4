// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using System.CommandLine.Completions;
using Grpc.Core;
using OvirtDistributed.Cli.Connection;
using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Cli.Completion;

/// <summary>Names and ids that only the server knows, for shell completion. A server that does not answer at once completes nothing.</summary>
internal sealed class ServerSuggestions(CliHost host, GlobalOptions options)
{
    private const int MostIds = 50;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    public Func<CompletionContext, IEnumerable<CompletionItem>> Vms => context => Ask(
        context, (server, call) => server.Managers.GetInventory(new GetInventoryRequest(), call).Vms.Select(vm => new CompletionItem(vm.Name)));

    public Func<CompletionContext, IEnumerable<CompletionItem>> Clusters => context => Ask(
        context, (server, call) => server.Managers.GetInventory(new GetInventoryRequest(), call).Clusters.Select(cluster => new CompletionItem(cluster.Name)));

    public Func<CompletionContext, IEnumerable<CompletionItem>> Tags => context => Ask(
        context,
        (server, call) => server.Managers.GetInventory(new GetInventoryRequest(), call).Vms.SelectMany(vm => vm.Tags).Distinct().Select(tag => new CompletionItem(tag)));

    public Func<CompletionContext, IEnumerable<CompletionItem>> Managers => context => Ask(
        context, (server, call) => server.Managers.ListManagers(new ListManagersRequest(), call).Managers.Select(manager => new CompletionItem(manager.Name)));

    public Func<CompletionContext, IEnumerable<CompletionItem>> Repositories => context => Ask(
        context,
        (server, call) => server.Repositories.ListRepositories(new ListRepositoriesRequest(), call).Repositories.Select(repository => new CompletionItem(repository.Name)));

    public Func<CompletionContext, IEnumerable<CompletionItem>> Jobs => context => Ask(
        context,
        (server, call) => server.Jobs.ListJobs(new ListJobsRequest { Limit = MostIds }, call).Jobs.Select(job => new CompletionItem(job.Id, detail: job.VmName)));

    public Func<CompletionContext, IEnumerable<CompletionItem>> Points => context => Ask(
        context,
        (server, call) => server.Points.ListPoints(new ListPointsRequest(), call).Points.Select(point => new CompletionItem(point.Id, detail: point.VmName)));

    public Func<CompletionContext, IEnumerable<CompletionItem>> RetentionPolicies => context => Ask(
        context,
        (server, call) => server.Retention.ListRetentionPolicies(new ListRetentionPoliciesRequest(), call).Policies.Select(policy => new CompletionItem(policy.Name)));

    private List<CompletionItem> Ask(CompletionContext context, Func<ServerConnection, CallOptions, IEnumerable<CompletionItem>> question)
    {
        try
        {
            var settings = new SettingsReader(host, options).Read(context.ParseResult);
            using var server = ServerConnection.Create(settings);
            var word = context.WordToComplete;
            return [.. question(server, CallLimit.Of(Patience, CancellationToken.None)).Where(item => item.Label.StartsWith(word, StringComparison.Ordinal))];
        }
        catch (Exception)
        {
            // Whatever is wrong, the command itself will say it; a half-typed line is no place for messages.
            return [];
        }
    }
}
