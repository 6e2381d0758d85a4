// SPDX-License-Identifier: Apache-2.0

using System.Security.Cryptography.X509Certificates;

namespace OvirtDistributed.Simulator.Security;

/// <summary>Certificates as files, for a real ovirt-imageio daemon beside the simulator (its <c>[tls]</c> section names them).</summary>
internal static class PkiFiles
{
    /// <summary>Writes <c>ca.pem</c>, <c>imageio.pem</c> and <c>imageio-key.pem</c> (readable by the owner only) to <c>pki</c> below the directory.</summary>
    public static async Task WriteAsync(string directory, string caPem, X509Certificate2 certificate, CancellationToken cancellationToken)
    {
        var pki = Directory.CreateDirectory(Path.Combine(directory, "pki")).FullName;
        using var key = certificate.GetECDsaPrivateKey()!;
        await File.WriteAllTextAsync(Path.Combine(pki, "ca.pem"), caPem, cancellationToken);
        await File.WriteAllTextAsync(Path.Combine(pki, "imageio.pem"), certificate.ExportCertificatePem() + "\n", cancellationToken);
        var keyFile = Path.Combine(pki, "imageio-key.pem");
        File.Delete(keyFile);
        var options = new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        };
        await using var writer = new StreamWriter(keyFile, options);
        await writer.WriteAsync((key.ExportPkcs8PrivateKeyPem() + "\n").AsMemory(), cancellationToken);
    }
}
