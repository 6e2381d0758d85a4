// SPDX-License-Identifier: Apache-2.0

using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using OvirtDistributed.Hosting.Tls;
using OvirtDistributed.Tests.Shared;

namespace OvirtDistributed.Tests.Cli.Fakes;

/// <summary>The certificates of an installation of its own: a CA, a server, an operator.</summary>
internal sealed class TlsFiles : IDisposable
{
    private static readonly DateTimeOffset Begin = TimeProvider.System.GetUtcNow().AddHours(-1);

    private readonly TemporaryDirectory _directory = new();

    public TlsFiles()
    {
        using var caKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN=CA {Guid.NewGuid():N}", caKey, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        using var ca = request.CreateSelfSigned(Begin, Begin.AddDays(1));
        File.WriteAllText(_directory.File("ca.pem"), ca.ExportCertificatePem());
        Server = Issue(ca, "server");
        Client = Issue(ca, "operator");
    }

    public TlsOptions Server { get; }

    public TlsOptions Client { get; }

    public void Dispose() => _directory.Dispose();

    private TlsOptions Issue(X509Certificate2 ca, string name)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        using var certificate = request.Create(ca, Begin, Begin.AddHours(20), RandomNumberGenerator.GetBytes(8));
        File.WriteAllText(_directory.File(name + ".pem"), certificate.ExportCertificatePem());
        File.WriteAllText(_directory.File(name + ".key"), key.ExportPkcs8PrivateKeyPem());
        return new TlsOptions { CertificateFile = _directory.File(name + ".pem"), KeyFile = _directory.File(name + ".key"), CaFile = _directory.File("ca.pem") };
    }
}
