// SPDX-License-Identifier: Apache-2.0

using Microsoft.Win32.SafeHandles;
using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Repository.Storage;

namespace OvirtDistributed.Cli.Restore;

/// <summary>
/// A raw image in the making: written under a temporary name, made durable, then renamed. Until <see cref="Publish"/> has returned
/// nothing stands under the final name; without it the temporary file is removed.
/// </summary>
internal sealed class SparseImage : IDisposable
{
    private readonly ImageTarget _target;
    private readonly string _temporary;
    private readonly SafeFileHandle _handle;
    private readonly DirectFile _file;
    private bool _published;

    private SparseImage(ImageTarget target, string temporary, SafeFileHandle handle)
    {
        _target = target;
        _temporary = temporary;
        _handle = handle;
        _file = new DirectFile(handle, FileAccess.Write);
    }

    public static SparseImage Create(ImageTarget target, long sizeBytes)
    {
        var temporary = Path.Combine(
            Path.GetDirectoryName(target.Path)!, $".{Path.GetFileName(target.Path)}.{Guid.NewGuid().ToString("N")[..8]}.ovd-part");
        SafeFileHandle handle;
        try
        {
            // What was a VM's disk is for its owner's eyes only.
            using (new FileStream(temporary, new FileStreamOptions
            {
                Mode = FileMode.CreateNew,
                Access = FileAccess.Write,
                UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
            }))
            {
            }

            handle = File.OpenHandle(temporary, FileMode.Open, FileAccess.Write, FileShare.None, FileOptions.None);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw CannotWrite(target, failure);
        }

        var image = new SparseImage(target, temporary, handle);
        try
        {
            RandomAccess.SetLength(handle, sizeBytes);
            return image;
        }
        catch (Exception failure)
        {
            image.Dispose();
            throw failure is IOException or UnauthorizedAccessException ? CannotWrite(target, failure) : failure;
        }
    }

    /// <summary>Writes data at its place. Ranges never written read as zeros and take no room.</summary>
    public async ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> data, CancellationToken cancellationToken)
    {
        try
        {
            await _file.WriteAsync(offset, data, cancellationToken);
        }
        catch (IOException failure)
        {
            throw CannotWrite(_target, failure);
        }
    }

    /// <summary>Makes the content durable, gives the file its name, makes the name durable.</summary>
    public void Publish()
    {
        try
        {
            RandomAccess.FlushToDisk(_handle);
            _file.Dispose();
            _handle.Dispose();
            File.Move(_temporary, _target.Path, _target.Overwrite);
            _published = true;
            DirectorySync.Flush(Path.GetDirectoryName(_target.Path)!);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw !_target.Overwrite && File.Exists(_target.Path) && !_published
                ? new CliException(ExitCode.Refused, "file_exists", $"'{_target.Path}' was made by somebody else meanwhile; --force replaces it.")
                : CannotWrite(_target, failure);
        }
    }

    public void Dispose()
    {
        _file.Dispose();
        _handle.Dispose();
        if (!_published)
        {
            File.Delete(_temporary);
        }
    }

    private static CliException CannotWrite(ImageTarget target, Exception failure) =>
        CliException.LocalFile($"'{target.Path}' cannot be written: {failure.Message}");
}
