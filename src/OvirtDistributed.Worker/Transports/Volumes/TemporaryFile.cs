// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Worker.Transports.Volumes;

/// <summary>A file that only this process sees and that is gone with it.</summary>
internal static class TemporaryFile
{
    public static FileStream Create(string directory, string prefix) => new(
        Path.Combine(directory, $"{prefix}{Guid.NewGuid():N}"),
        new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.ReadWrite,
            Options = FileOptions.DeleteOnClose,
            BufferSize = 64 << 10,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        });
}
