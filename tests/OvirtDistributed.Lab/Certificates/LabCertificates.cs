// SPDX-License-Identifier: Apache-2.0

using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using OvirtDistributed.Hosting.Tls;

namespace OvirtDistributed.Lab.Certificates;

/// <summary>The lab's own CA and one certificate per process, as PEM files: mutual TLS without any set-up.</summary>
public sealed class LabCertificates
{
    private static readonly TimeSpan Life = TimeSpan.FromDays(30);

    private readonly string _directory;
    private readonly X509Certificate2 _authority;
    private readonly DateTimeOffset _now;

    private LabCertificates(string directory, X509Certificate2 authority, DateTimeOffset now)
    {
        _directory = directory;
        _authority = authority;
        _now = now;
    }

    private string CaFile => Path.Combine(_directory, "ca.pem");

    public static LabCertificates Create(string directory, TimeProvider time)
    {
        Directory.CreateDirectory(directory);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=OvirtDistributed lab CA", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, true));
        var now = time.GetUtcNow();
        var authority = request.CreateSelfSigned(now.AddHours(-1), now + Life);
        var certificates = new LabCertificates(directory, authority, now);
        File.WriteAllText(certificates.CaFile, authority.ExportCertificatePem());
        return certificates;
    }

    /// <summary>A certificate for one process, valid for loopback, as server and as client.</summary>
    public TlsOptions Issue(string name)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        names.AddDnsName("localhost");
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.1"), new Oid("1.3.6.1.5.5.7.3.2")], false));
        using var certificate = request.Create(_authority, _now.AddHours(-1), _now + Life - TimeSpan.FromHours(1), RandomNumberGenerator.GetBytes(12));
        var options = new TlsOptions
        {
            CertificateFile = Path.Combine(_directory, $"{name}.pem"),
            KeyFile = Path.Combine(_directory, $"{name}.key"),
            CaFile = CaFile,
        };
        File.WriteAllText(options.CertificateFile, certificate.ExportCertificatePem());
        File.WriteAllText(options.KeyFile, key.ExportPkcs8PrivateKeyPem());
        File.SetUnixFileMode(options.KeyFile, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        return options;
    }
}
