// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Http;
using OvirtDistributed.Simulator.Api;
using OvirtDistributed.Simulator.Faults;
using OvirtDistributed.Simulator.Storage;

namespace OvirtDistributed.Simulator.Admin;

/// <summary>
/// <c>/simulator</c>: what a test does behind the API, for programs in another process. JSON, without authentication: the simulator holds no secrets.
/// </summary>
internal sealed class AdminEndpoint(SimulatorEngine engine, ApiRouter router, SessionStore sessions)
{
    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        PropertyNameCaseInsensitive = true,
        WriteIndented = true,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower), new LenientTimeSpan() },
    };

    public async Task HandleAsync(HttpContext context)
    {
        try
        {
            var segments = context.Request.Path.Value!.Split('/', StringSplitOptions.RemoveEmptyEntries);
            var result = await DispatchAsync(context, context.Request.Method, segments[1..]);
            await WriteAsync(context, 200, result ?? new { done = true });
        }
        catch (KeyNotFoundException e)
        {
            await WriteAsync(context, 404, new { error = e.Message });
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException or JsonException or FormatException or StorageException or IOException or UnauthorizedAccessException or ApiFault)
        {
            await WriteAsync(context, 400, new { error = e.Message });
        }
    }

    private async Task<object?> DispatchAsync(HttpContext context, string method, string[] path)
    {
        var token = context.RequestAborted;
        switch (method, path)
        {
            case ("GET", ["about"]):
                return About();
            case ("GET", ["leftovers"]):
                return await engine.LeftoversAsync(token);
            case ("GET", ["vms"]):
                return await engine.VmsAsync(token);
            case ("GET", ["disks"]):
                return await engine.DisksAsync(token);
            case ("GET", ["faults"]):
                return engine.Faults.Armed.Select(a => new { a.Rule, a.Hits, a.Exercised });
            case ("POST", ["faults"]):
                engine.Faults.Arm(await ReadAsync<FaultRule>(context));
                return null;
            case ("DELETE", ["faults"]):
                engine.Faults.Clear();
                return null;
            case ("DELETE", ["faults", var name]):
                return engine.Faults.Remove(name) ? null : throw new KeyNotFoundException($"There is no fault named '{name}'.");
            case ("DELETE", ["sessions"]):
                sessions.RemoveAll();
                return null;
            case ("POST", ["hosts", var host, "status"]):
                await engine.SetHostStatusAsync(host, context.Request.Query["value"].ToString(), token);
                return null;
            case ("POST", ["vms", var vm, "crash"]):
                await engine.CrashVmAsync(Id(vm), token);
                return null;
            case ("POST", ["disks", var disk, var action]):
                await DiskAsync(context, Id(disk), action);
                return null;
            default:
                throw new KeyNotFoundException($"There is no {method} {context.Request.Path}; see /simulator/about.");
        }
    }

    private async Task DiskAsync(HttpContext context, Guid disk, string action)
    {
        var token = context.RequestAborted;
        switch (action)
        {
            case "write":
                // The body is the data; the offset is a parameter.
                using (var body = new MemoryStream())
                {
                    await context.Request.Body.CopyToAsync(body, token);
                    await engine.GuestWriteAsync(disk, Number(context, "offset"), body.ToArray(), token);
                }

                break;
            case "trim":
                await engine.GuestTrimAsync(disk, Number(context, "offset"), Number(context, "length"), token);
                break;
            case "reference":
                var path = context.Request.Query["path"].ToString();
                await engine.SaveReferenceAsync(
                    disk, path.Length > 0 ? path : throw new ArgumentException("Parameter 'path' (a file on the simulator's machine) is missing."), token);
                break;
            case "lose-bitmap":
                await engine.LoseBitmapAsync(disk, token);
                break;
            default:
                throw new KeyNotFoundException($"There is no action '{action}' on a disk; known: write, trim, reference, lose-bitmap.");
        }
    }

    private object About() => new
    {
        name = "oVirt simulator",
        api = router.Describe().ToList(),
        api_parameters = new[] { "search", "max", "case_sensitive", "follow", "all_content", "async", "correlation_id" },
        faults = new[] { "delay", "status", "drop_connection", "drop_after_bytes (imageio)", "stick_phase", "fail_merge", "before_handling", "after_handling" },
        admin = new[]
        {
            "GET about, leftovers, vms, disks, faults", "POST faults (a rule)", "DELETE faults[/NAME]", "DELETE sessions", "POST vms/ID/crash",
            "POST hosts/NAME/status?value=STATUS",
            "POST disks/ID/write?offset=N (body: data)", "POST disks/ID/trim?offset=N&length=N", "POST disks/ID/reference?path=FILE", "POST disks/ID/lose-bitmap",
        },
        not_like_an_engine = new[]
        {
            "Moving a disk changes the engine's view of it; the files stay in one directory for all storage domains.",
            "A snapshot disk attached to another VM is known to the API only, unless the devices of that VM are shown on this machine.",
            "A disk whose shown device is open is not unplugged: the call is refused.",
            "There is one user role: whoever can log in may do everything.",
        },
    };

    private static Guid Id(string text) =>
        Guid.TryParse(text, out var id) ? id : throw new ArgumentException($"'{text}' is not an id.");

    private static long Number(HttpContext context, string name)
    {
        var text = context.Request.Query[name].ToString();
        return long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number
            : throw new ArgumentException($"Parameter '{name}' must be a number of bytes, not '{text}'.");
    }

    private static async Task<T> ReadAsync<T>(HttpContext context) =>
        await JsonSerializer.DeserializeAsync<T>(context.Request.Body, Json, context.RequestAborted)
        ?? throw new ArgumentException("The body is empty.");

    private static async Task WriteAsync(HttpContext context, int status, object body)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json";
        await context.Response.Body.WriteAsync(JsonSerializer.SerializeToUtf8Bytes(body, Json), context.RequestAborted);
    }

    /// <summary>A time span as seconds, or in the form hh:mm:ss.</summary>
    private sealed class LenientTimeSpan : JsonConverter<TimeSpan>
    {
        public override TimeSpan Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            reader.TokenType == JsonTokenType.Number
                ? TimeSpan.FromSeconds(reader.GetDouble())
                : TimeSpan.Parse(reader.GetString() ?? string.Empty, CultureInfo.InvariantCulture);

        public override void Write(Utf8JsonWriter writer, TimeSpan value, JsonSerializerOptions options) =>
            writer.WriteNumberValue(value.TotalSeconds);
    }
}
