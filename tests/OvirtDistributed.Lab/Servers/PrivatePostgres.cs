// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Lab.Processes;

namespace OvirtDistributed.Lab.Servers;

/// <summary>
/// A PostgreSQL cluster of the lab's own: data and unix socket in its directory, no TCP port. PostgreSQL refuses to run as root,
/// so under root its tools run as the system user <c>postgres</c>, which then owns the directory.
/// </summary>
public sealed class PrivatePostgres : IAsyncDisposable
{
    private const string SystemUser = "postgres";

    private readonly string _binaries;
    private readonly string _directory;

    private PrivatePostgres(string binaries, string directory)
    {
        _binaries = binaries;
        _directory = directory;
    }

    /// <summary>Connection string of the database <c>ovd</c>.</summary>
    public string ConnectionString => ConnectionStringOf("ovd");

    private string Data => Path.Combine(_directory, "data");

    private string Socket => Path.Combine(_directory, "socket");

    public string ConnectionStringOf(string database) =>
        $"Host={Socket};Username={SystemUser};Database={database};Maximum Pool Size=40;Timeout=15";

    /// <summary>Creates the cluster when the directory has none, and starts it.</summary>
    public static async Task<PrivatePostgres> StartAsync(string directory, CancellationToken cancellationToken)
    {
        var postgres = new PrivatePostgres(FindBinaries(), directory);
        await postgres.CreateAsync(cancellationToken);
        await postgres.StartServerAsync(cancellationToken);
        await postgres.CreateDatabaseAsync("ovd", cancellationToken);
        return postgres;
    }

    /// <summary>Makes an empty database; one that exists is left as it is.</summary>
    public async Task CreateDatabaseAsync(string name, CancellationToken cancellationToken)
    {
        var found = await ToolAsync(
            "psql", ["-h", Socket, "-U", SystemUser, "-d", "postgres", "-Atc", $"select 1 from pg_database where datname = '{name}'"], cancellationToken);
        if (found.Trim() != "1")
        {
            await ToolAsync("createdb", ["-h", Socket, "-U", SystemUser, name], cancellationToken);
        }
    }

    /// <summary>Runs one statement, as somebody with the database's password could.</summary>
    public Task ExecuteAsync(string database, string sql, CancellationToken cancellationToken) =>
        ToolAsync("psql", ["-h", Socket, "-U", SystemUser, "-d", database, "-v", "ON_ERROR_STOP=1", "-c", sql], cancellationToken);

    public async ValueTask DisposeAsync()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        try
        {
            await ToolAsync("pg_ctl", ["-D", Data, "-m", "fast", "-w", "stop"], limit.Token);
        }
        catch (InvalidOperationException)
        {
            // Already stopped.
        }
    }

    private async Task CreateAsync(CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(_directory);
        Directory.CreateDirectory(Socket);
        if (Environment.IsPrivilegedProcess)
        {
            await ChildProcess.RunAsync("chown", [SystemUser, _directory, Socket], null, cancellationToken);
        }

        if (!File.Exists(Path.Combine(Data, "PG_VERSION")))
        {
            await ToolAsync(
                "initdb", ["-D", Data, "-U", SystemUser, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions"], cancellationToken);
        }
    }

    private async Task StartServerAsync(CancellationToken cancellationToken)
    {
        var options = $"-c listen_addresses='' -c unix_socket_directories='{Socket}' -c max_connections=200 -c shared_buffers=64MB";
        var log = Path.Combine(_directory, "postgres.log");
        try
        {
            await ToolAsync("pg_ctl", ["-D", Data, "-l", log, "-w", "-t", "60", "-o", options, "start"], cancellationToken);
        }
        catch (InvalidOperationException failure)
        {
            var tail = File.Exists(log) ? string.Join(Environment.NewLine, File.ReadLines(log).TakeLast(10)) : "";
            throw new InvalidOperationException($"The private PostgreSQL in {_directory} did not start: {failure.Message}{Environment.NewLine}{tail}", failure);
        }
    }

    private Task<string> ToolAsync(string tool, string[] arguments, CancellationToken cancellationToken)
    {
        var program = Path.Combine(_binaries, tool);

        // pg_ctl leaves the server running with our pipes open, so it must not inherit them.
        string[] command = tool == "pg_ctl"
            ? ["sh", "-c", "exec \"$0\" \"$@\" >/dev/null 2>&1", program, .. arguments]
            : [program, .. arguments];
        if (Environment.IsPrivilegedProcess)
        {
            command = ["setpriv", $"--reuid={SystemUser}", $"--regid={SystemUser}", "--init-groups", .. command];
        }

        return ChildProcess.RunAsync(command[0], command[1..], null, cancellationToken);
    }

    private static string FindBinaries()
    {
        const string Debian = "/usr/lib/postgresql";
        var found = Directory.Exists(Debian)
            ? Directory.GetDirectories(Debian).Select(version => Path.Combine(version, "bin")).Where(bin => File.Exists(Path.Combine(bin, "initdb")))
                .OrderByDescending(bin => bin, StringComparer.Ordinal).FirstOrDefault()
            : null;
        return found ?? throw new InvalidOperationException("PostgreSQL is not installed: apt-get install postgresql (or run make setup).");
    }
}
