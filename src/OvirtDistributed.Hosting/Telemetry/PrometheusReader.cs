// SPDX-License-Identifier: Apache-2.0

using OpenTelemetry;
using OpenTelemetry.Metrics;

namespace OvirtDistributed.Hosting.Telemetry;

/// <summary>
/// The pull endpoint: collects all meters when asked and answers in the Prometheus text format. Our own because the
/// exporter package of the OpenTelemetry project is not to be had everywhere (docs/dependencies.md).
/// </summary>
internal sealed class PrometheusReader : IDisposable
{
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    private readonly SemaphoreSlim _turn = new(1, 1);
    private readonly TextExporter _exporter = new();

    public PrometheusReader()
    {
        Reader = new BaseExportingMetricReader(_exporter);
    }

    public BaseExportingMetricReader Reader { get; }

    /// <summary>Collects now and writes the result. One collection at a time.</summary>
    public async Task WriteAsync(Stream destination, CancellationToken cancellationToken)
    {
        byte[] text;
        await _turn.WaitAsync(cancellationToken);
        try
        {
            // Through the exporter: a pull reader ignores a collection that is asked of itself.
            _ = _exporter.Collect?.Invoke(10_000);
            text = _exporter.TakeText();
        }
        finally
        {
            _turn.Release();
        }

        await destination.WriteAsync(text, cancellationToken);
    }

    public void Dispose()
    {
        _turn.Dispose();
        Reader.Dispose();
    }

    [ExportModes(ExportModes.Pull)]
    private sealed class TextExporter : BaseExporter<Metric>, IPullMetricExporter
    {
        private byte[] _text = [];

        public Func<int, bool>? Collect { get; set; }

        public override ExportResult Export(in Batch<Metric> batch)
        {
            var text = new PrometheusText();
            foreach (var metric in batch)
            {
                text.Add(metric);
            }

            _text = text.ToUtf8();
            return ExportResult.Success;
        }

        public byte[] TakeText() => _text;
    }
}
