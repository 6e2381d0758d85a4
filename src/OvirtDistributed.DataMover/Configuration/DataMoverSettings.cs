// SPDX-License-Identifier: Apache-2.0

using Microsoft.Extensions.Configuration;
using OvirtDistributed.Hosting.Configuration;
using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Hosting.Listening;
using OvirtDistributed.Hosting.Tls;

namespace OvirtDistributed.DataMover.Configuration;

/// <summary>The whole configuration of a Data Mover, read and checked once, before anything starts.</summary>
internal sealed record DataMoverSettings(DataMoverOptions Options, ServiceListenOptions Listen, TlsIdentity? Tls)
{
    /// <summary>Reads all sections.</summary>
    /// <exception cref="OperatorException">Something is wrong; the message lists all problems, one a line.</exception>
    public static DataMoverSettings Read(IConfiguration configuration)
    {
        var problems = new List<string>();
        var options = Bind<DataMoverOptions>(configuration, DataMoverOptions.Section, problems);
        var listen = Bind<ServiceListenOptions>(configuration, ServiceListenOptions.Section, problems);
        var tls = Bind<TlsOptions>(configuration, TlsOptions.Section, problems);
        if (problems.Count == 0)
        {
            problems.AddRange([.. options.Problems(), .. listen.Problems(tls.Enabled), .. tls.Problems()]);
        }

        if (problems.Count == 0)
        {
            try
            {
                return new DataMoverSettings(options, listen, TlsIdentity.Load(tls));
            }
            catch (InvalidOperationException failure)
            {
                problems.Add(failure.Message);
            }
        }

        throw new OperatorException(
            FailureKind.InvalidInput, $"The configuration cannot be used:{Environment.NewLine}{string.Join(Environment.NewLine, problems)}");
    }

    private static T Bind<T>(IConfiguration configuration, string section, List<string> problems)
        where T : class, new()
    {
        var wrong = ConfigurationCheck.Problems(configuration.GetSection(section), typeof(T)).ToList();
        problems.AddRange(wrong);
        return wrong.Count > 0 ? new T() : configuration.GetSection(section).Get<T>() ?? new T();
    }
}
