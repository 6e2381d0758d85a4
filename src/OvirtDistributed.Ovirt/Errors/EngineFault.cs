// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Ovirt.Errors;

/// <summary>The fault document of a failed engine call; both texts may be missing (HTML from Apache, an empty 404).</summary>
internal readonly record struct EngineFault(string? Reason, string? Detail)
{
    /// <summary>The detail without the engine's square brackets, or null when it says nothing.</summary>
    public string? Text
    {
        get
        {
            var text = Detail?.Trim();
            if (text is ['[', .., ']'])
            {
                text = text[1..^1].Trim();
            }

            return string.IsNullOrEmpty(text) ? null : text;
        }
    }
}
