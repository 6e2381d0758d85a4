// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Text.Json;
using OvirtDistributed.Benchmarks.Contenders;

namespace OvirtDistributed.Benchmarks.Report;

/// <summary>The table on the terminal, the notes beside it, and the file for programs.</summary>
internal static class BenchReport
{
    private static readonly JsonSerializerOptions Json = new() { WriteIndented = true };

    private static readonly string[] Notes =
    [
        "ovd: with mutual TLS between worker and Data Mover, and AES-256-GCM at rest. restic always encrypts; borg does here (repokey).",
        "ovd's times count two processes and a network connection between them; the others are one process each.",
        "\"ImageIO\": the disk is read and written over HTTPS through an ImageIO daemon and qemu-nbd, which use the same cores;",
        "\"file\": the worker reads the raw file itself, as restic, borg and qemu-img do.",
        "ovd's services are warm: a small backup and restore into another repository come before the measured steps.",
        "The gain of the incremental is mostly changed block tracking: the others read the whole disk to find what changed.",
        "restic has no sparse restore in this version and writes zeroes; borg extracts sparse; qemu-img restores its only copy, the first state.",
    ];

    public static void WriteTable(TextWriter output, IReadOnlyList<Measure> measures)
    {
        var width = measures.Select(measure => measure.Name.Length).Append(7).Max();
        var header = $"{"measure".PadRight(width)}  {"ours",9}  {"rival",9}  {"ratio",8}  {"gate",6}  {"goal",6}  verdict";
        output.WriteLine();
        output.WriteLine(header);
        output.WriteLine(new string('-', header.Length));
        foreach (var measure in measures)
        {
            var ratio = measure.Rival is null ? string.Empty : Number(measure.Ratio);
            output.WriteLine(
                $"{measure.Name.PadRight(width)}  {Number(measure.Ours),9}  {Number(measure.Rival),9}  {ratio,8}  {Number(measure.Gate),6}  {Number(measure.Goal),6}  {measure.Verdict}");
        }
    }

    public static void WriteNotes(TextWriter output, IReadOnlyList<string> versions)
    {
        output.WriteLine();
        foreach (var note in Notes)
        {
            output.WriteLine(note);
        }

        output.WriteLine($"Rivals: {string.Join("; ", versions)}.");
    }

    public static void WriteProfile(TextWriter output, OvdContender contender)
    {
        output.WriteLine();
        output.WriteLine($"Where the time went, {contender.Name}, last round (CPU seconds of processes; seconds busy+waiting of stages, summed over all that work in them):");
        foreach (var step in contender.Profiles)
        {
            var others = step.ImageIoCpu > 0 ? $", imageio {Number(step.ImageIoCpu)}, qemu-nbd {Number(step.NbdCpu)}" : string.Empty;
            output.WriteLine(
                $"  {step.Step}: {Number(step.Took.TotalSeconds)} s; CPU: worker {Number(step.WorkerCpu)}, Data Mover {Number(step.MoverCpu)}{others}; bottleneck {step.Bottleneck}");
            output.WriteLine($"    {string.Join(", ", step.Stages.Select(stage => $"{stage.Stage} {Number(stage.Busy)}+{Number(stage.Waiting)}"))}");
        }
    }

    /// <summary>A list of <c>{measure, ratio, gate, goal}</c>; where there is no rival, ratio is the figure itself.</summary>
    public static async Task WriteFileAsync(string file, IEnumerable<Measure> measures, CancellationToken cancellationToken)
    {
        _ = Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        var rows = measures.Select(measure => new { measure = measure.Name, ratio = Math.Round(measure.Ratio, 4), gate = measure.Gate, goal = measure.Goal });
        await File.WriteAllTextAsync(file, JsonSerializer.Serialize(rows, Json), cancellationToken);
    }

    private static string Number(double? value) => value switch
    {
        null => string.Empty,
        >= 100 => value.Value.ToString("0", CultureInfo.InvariantCulture),
        >= 10 => value.Value.ToString("0.0", CultureInfo.InvariantCulture),
        _ => value.Value.ToString("0.00", CultureInfo.InvariantCulture),
    };
}
