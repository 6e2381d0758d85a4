// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Lab.Processes;

namespace OvirtDistributed.Lab.Guests;

/// <summary>Kernel and initial RAM disk of the VMs that the lab boots: Debian's kernel, and this machine's own programs with the worker's.</summary>
/// <param name="Kernel">The kernel.</param>
/// <param name="RamDisk">The initial RAM disk.</param>
internal sealed record GuestImage(string Kernel, string RamDisk)
{
    private static readonly SemaphoreSlim Turn = new(1);
    private static GuestImage? _made;

    /// <summary>Makes the image once for this process, in a directory that is removed when the process ends.</summary>
    /// <exception cref="InvalidOperationException">A program or the kernel is missing; the message says how to get it.</exception>
    public static async Task<GuestImage> MakeAsync(CancellationToken cancellationToken)
    {
        await Turn.WaitAsync(cancellationToken);
        try
        {
            return _made ??= await MakeNewAsync(cancellationToken);
        }
        finally
        {
            _ = Turn.Release();
        }
    }

    private static async Task<GuestImage> MakeNewAsync(CancellationToken cancellationToken)
    {
        var root = SourceRoot();
        var kernel = Path.Combine(root, "artifacts/guest/kernel/vmlinuz");
        if (!File.Exists(kernel))
        {
            throw new InvalidOperationException($"{kernel} is not there: run make setup-tests, which fetches the kernel.");
        }

        var directory = Directory.CreateTempSubdirectory("ovd-guest-").FullName;
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(directory, recursive: true);
        var ramDisk = Path.Combine(directory, "ramdisk");
        _ = await ChildProcess.RunAsync(
            Path.Combine(root, "eng/guest-image.sh"), [ProgramDirectory(root), Path.Combine(root, "eng/guest-init.sh"), ramDisk], environment: null, cancellationToken);
        return new GuestImage(kernel, ramDisk);
    }

    /// <summary>The worker alone, as it was built with what runs now.</summary>
    private static string ProgramDirectory(string root)
    {
        var framework = new DirectoryInfo(AppContext.BaseDirectory);
        return Path.Combine(root, "src/OvirtDistributed.Worker/bin", framework.Parent!.Name, framework.Name);
    }

    private static string SourceRoot()
    {
        for (var directory = new DirectoryInfo(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
        {
            if (File.Exists(Path.Combine(directory.FullName, "OvirtDistributed.sln")))
            {
                return directory.FullName;
            }
        }

        throw new InvalidOperationException($"{AppContext.BaseDirectory} is not below the source tree, whose scripts make the image of a VM.");
    }
}
