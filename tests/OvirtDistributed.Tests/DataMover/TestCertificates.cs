// SPDX-License-Identifier: Apache-2.0

using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using OvirtDistributed.Hosting.Tls;

namespace OvirtDistributed.Tests.DataMover;

/// <summary>A CA and one certificate for 127.0.0.1, as PEM files: server and client use the same, as a single-machine installation does.</summary>
internal sealed class TestCertificates
{
    private TestCertificates(string directory)
    {
        Options = new TlsOptions
        {
            CertificateFile = Path.Combine(directory, "service.pem"),
            KeyFile = Path.Combine(directory, "service.key"),
            CaFile = Path.Combine(directory, "ca.pem"),
        };
    }

    public TlsOptions Options { get; }

    public static TestCertificates Write(string directory)
    {
        Directory.CreateDirectory(directory);
        var certificates = new TestCertificates(directory);
        var now = TimeProvider.System.GetUtcNow();
        using var rootKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var rootRequest = new CertificateRequest("CN=Test CA", rootKey, HashAlgorithmName.SHA256);
        rootRequest.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        using var root = rootRequest.CreateSelfSigned(now.AddDays(-1), now.AddDays(2));

        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=ovd-datamover", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.1"), new Oid("1.3.6.1.5.5.7.3.2")], false));
        using var certificate = request.Create(root, now.AddDays(-1), now.AddDays(2), RandomNumberGenerator.GetBytes(8));

        File.WriteAllText(certificates.Options.CertificateFile!, certificate.ExportCertificatePem());
        File.WriteAllText(certificates.Options.KeyFile!, key.ExportPkcs8PrivateKeyPem());
        File.WriteAllText(certificates.Options.CaFile!, root.ExportCertificatePem());
        return certificates;
    }
}
