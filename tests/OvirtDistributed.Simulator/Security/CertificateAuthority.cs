// SPDX-License-Identifier: Apache-2.0

using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace OvirtDistributed.Simulator.Security;

/// <summary>The engine's internal CA: signs the web certificate and the certificate of each host.</summary>
public sealed class CertificateAuthority : IDisposable
{
    private const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";
    private readonly X509Certificate2 _root;
    private readonly DateTimeOffset _notBefore;
    private readonly DateTimeOffset _notAfter;

    private CertificateAuthority(X509Certificate2 root)
    {
        _root = root;
        _notBefore = new DateTimeOffset(root.NotBefore);
        _notAfter = new DateTimeOffset(root.NotAfter);
    }

    public CertificateAuthority(TimeProvider timeProvider)
    {
        var now = timeProvider.GetUtcNow();
        // A day of slack: clients on machines with another clock than ours.
        _notBefore = now.AddDays(-1);
        _notAfter = now.AddYears(5);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("O=simulator, CN=Simulated engine CA", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(
            new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        _root = request.CreateSelfSigned(_notBefore, _notAfter);
    }

    /// <summary>The CA whose certificate and key lie in a directory, made when there is none: clients that trust it need not be told again.</summary>
    public static CertificateAuthority Kept(string directory, TimeProvider timeProvider)
    {
        var file = Path.Combine(directory, "ca.pem");
        if (File.Exists(file))
        {
            return new CertificateAuthority(X509Certificate2.CreateFromPemFile(file));
        }

        var authority = new CertificateAuthority(timeProvider);
        using var key = authority._root.GetECDsaPrivateKey()!;
        File.WriteAllText(file + ".new", $"{authority.Pem}{key.ExportPkcs8PrivateKeyPem()}\n");
        File.SetUnixFileMode(file + ".new", UnixFileMode.UserRead | UnixFileMode.UserWrite);
        File.Move(file + ".new", file, overwrite: true);
        return authority;
    }

    /// <summary>The CA certificate in PEM, as the engine's pki-resource serves it.</summary>
    public string Pem => _root.ExportCertificatePem() + "\n";

    /// <summary>A server certificate with its key for these DNS names and IP addresses. The caller disposes it.</summary>
    public X509Certificate2 Issue(string commonName, IEnumerable<string> names)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"O=simulator, CN={commonName}", key, HashAlgorithmName.SHA256);
        var alternatives = new SubjectAlternativeNameBuilder();
        foreach (var name in names.Distinct(StringComparer.OrdinalIgnoreCase))
        {
            if (IPAddress.TryParse(name, out var address))
            {
                alternatives.AddIpAddress(address);
            }
            else
            {
                alternatives.AddDnsName(name);
            }
        }

        request.CertificateExtensions.Add(alternatives.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(ServerAuthentication)], false));
        request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromCertificate(_root, true, false));
        var serial = RandomNumberGenerator.GetBytes(16);
        serial[0] &= 0x7F;
        using var signed = request.Create(_root, _notBefore, _notAfter, serial);
        return signed.CopyWithPrivateKey(key);
    }

    public void Dispose() => _root.Dispose();
}
