// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using OvirtDistributed.Simulator.Api;
using OvirtDistributed.Simulator.Wire;

namespace OvirtDistributed.Simulator.Engine;

/// <summary>What an engine of the version that is reported knows, where older ones differ in what a backup needs.</summary>
internal sealed class EngineLevel
{
    private readonly Version _version;

    /// <param name="fullVersion">Such as 4.3.10.4-1.el7.</param>
    /// <exception cref="ArgumentException">It does not begin with two numbers.</exception>
    public EngineLevel(string fullVersion)
    {
        var numbers = fullVersion.Split('.', '-').TakeWhile(part => int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out _))
            .Select(part => int.Parse(part, CultureInfo.InvariantCulture)).Take(3).ToList();
        _version = numbers.Count >= 2
            ? new Version(numbers[0], numbers[1], numbers.ElementAtOrDefault(2))
            : throw new ArgumentException($"The engine's version '{fullVersion}' must begin like 4.3.10.");
    }

    /// <summary>A transfer's format; before, the volume's file is given whatever is asked.</summary>
    public bool TransferFormat => _version >= new Version(4, 3, 5);

    /// <summary>Backups and checkpoints.</summary>
    public bool Backups => _version >= new Version(4, 4);

    /// <summary>ImageIO 2, with extents and checksums; hosts come with the engine here.</summary>
    public bool ImageIo2 => _version >= new Version(4, 4);

    /// <summary>Shallow transfers and the layers of one disk.</summary>
    public bool Layers => _version >= new Version(4, 4, 3);

    /// <summary>A template's layers among those of a disk that stands on it.</summary>
    public bool TemplateLayers => _version >= new Version(4, 4, 8);

    public bool TimeoutPolicy => _version >= new Version(4, 4, 5);

    /// <summary>Ended transfers stay readable for a while.</summary>
    public bool KeepsEnded => _version >= new Version(4, 4, 7);

    /// <summary>Refuses a JSON document with a field that came later, as the engine's reader does; an XML one's is passed over.</summary>
    /// <exception cref="ApiFault">There is one.</exception>
    public void Check(ApiRequest request, params ReadOnlySpan<(string Field, bool Known)> fields)
    {
        foreach (var (field, known) in fields)
        {
            if (known || request.Body.Child(field) is null)
            {
                continue;
            }

            if (request.BodyIsJson)
            {
                throw ApiFault.BadRequest($"Unrecognized field \"{field}\" ({request.Path}), not marked as ignorable");
            }

            request.Body.Remove(field);
        }
    }
}
