// SPDX-License-Identifier: Apache-2.0

using Google.Protobuf.Collections;
using OvirtDistributed.Cli.Output;
using OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Cli.Restore;

/// <summary>What becomes of a restored VM's settings, in a plan and in the job that follows it.</summary>
internal static class SettingsTable
{
    /// <param name="output">Where to.</param>
    /// <param name="settings">Of the plan or the job.</param>
    /// <param name="planned">Nothing of it was done yet.</param>
    public static void Write(OutputWriter output, RepeatedField<RestoredSetting> settings, bool planned)
    {
        if (settings.Count == 0)
        {
            return;
        }

        output.Heading($"Settings ({settings.Count(setting => setting.Restored)} of {settings.Count} {(planned ? "will be" : "are")} restored)");
        var table = new TextTable("SETTING", "VALUE", "RESTORED", "REMARK");
        foreach (var setting in settings)
        {
            table.Add(
                setting.Name,
                setting.Value,
                setting.Restored ? "yes" : new Cell("no", Tone.Attention),
                setting.Restored ? setting.Reason : new Cell(setting.Reason, Tone.Attention));
        }

        table.WriteTo(output);
    }
}
