// SPDX-License-Identifier: Apache-2.0

using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using OvirtDistributed.Ovirt.Errors;

namespace OvirtDistributed.Ovirt.Trust;

/// <summary>Reads certificates from PEM text.</summary>
internal static class CertificateText
{
    /// <exception cref="OvirtException">No certificate in the text, or a damaged one.</exception>
    public static X509Certificate2Collection Load(string pem)
    {
        var certificates = new X509Certificate2Collection();
        try
        {
            certificates.ImportFromPem(pem);
        }
        catch (CryptographicException exception)
        {
            throw new OvirtException(OvirtError.InvalidSettings, "The CA text holds a damaged certificate. Give the PEM file as the manager serves it.", exception);
        }

        if (certificates.Count == 0)
        {
            throw new OvirtException(OvirtError.InvalidSettings, "The CA text holds no certificate. Give a PEM file that starts with -----BEGIN CERTIFICATE-----.");
        }

        return certificates;
    }

    public static void Validate(string? pem, string name, List<string> errors)
    {
        if (pem is null)
        {
            return;
        }

        try
        {
            foreach (var certificate in Load(pem))
            {
                certificate.Dispose();
            }
        }
        catch (OvirtException exception)
        {
            errors.Add($"{name}: {exception.Message}");
        }
    }

    /// <summary>SHA-256 of the DER form as upper-case pairs with colons, the way openssl and browsers show it.</summary>
    public static string Fingerprint(X509Certificate2 certificate)
    {
        var hex = Convert.ToHexString(SHA256.HashData(certificate.RawData));
        return string.Join(':', hex.Chunk(2).Select(pair => new string(pair)));
    }
}
