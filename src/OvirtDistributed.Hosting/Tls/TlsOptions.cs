// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Hosting.Tls;

/// <summary>
/// Mutual TLS between the processes of an installation: each has one certificate, signed by the installation's CA, that serves as
/// server and as client certificate. Configuration section <c>Tls</c>. All three files or none: without them traffic is
/// plain text, which is accepted on loopback addresses only.
/// </summary>
public sealed class TlsOptions
{
    public const string Section = "Tls";

    /// <summary>PEM file with this process's certificate (and intermediates, if any).</summary>
    public string? CertificateFile { get; set; }

    /// <summary>PEM file with the certificate's private key, not encrypted; readable by the service user only.</summary>
    public string? KeyFile { get; set; }

    /// <summary>PEM file with the CA that signed the certificates of all processes.</summary>
    public string? CaFile { get; set; }

    public bool Enabled => !string.IsNullOrEmpty(CertificateFile) || !string.IsNullOrEmpty(KeyFile) || !string.IsNullOrEmpty(CaFile);

    /// <summary>Every problem with these options, each naming the setting; empty when they can be used.</summary>
    public IEnumerable<string> Problems()
    {
        if (!Enabled)
        {
            yield break;
        }

        foreach (var (name, file) in new[] { (nameof(CertificateFile), CertificateFile), (nameof(KeyFile), KeyFile), (nameof(CaFile), CaFile) })
        {
            if (string.IsNullOrEmpty(file))
            {
                yield return $"{Section}:{name} is not set: set CertificateFile, KeyFile and CaFile together, or none of them.";
            }
            else if (!File.Exists(file))
            {
                yield return $"{Section}:{name} '{file}' does not exist.";
            }
        }
    }
}
