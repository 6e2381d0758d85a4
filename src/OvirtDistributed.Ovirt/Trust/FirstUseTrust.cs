// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Ovirt.Trust;

/// <summary>What a manager shows of its authority to someone who does not trust it yet. Show the fingerprints to the operator and pin only what was confirmed.</summary>
public sealed record FirstUseTrust
{
    /// <summary>The engine's authority as the manager publishes it.</summary>
    public required string EngineCaPem { get; init; }

    /// <summary>SHA-256 of <see cref="EngineCaPem"/>, upper-case pairs with colons, to compare with what the manager's administrator reads off its file.</summary>
    public required string EngineCaFingerprint { get; init; }

    public required string EngineCaSubject { get; init; }

    public required DateTimeOffset EngineCaNotAfter { get; init; }

    /// <summary>SHA-256 of the certificate the manager's web server showed.</summary>
    public required string WebCertificateFingerprint { get; init; }

    public required string WebCertificateSubject { get; init; }

    /// <summary>Whether the engine's authority also signed the web certificate, for this name. False: the web certificate was replaced, or is for another name.</summary>
    public required bool WebCertificateIsFromEngineCa { get; init; }

    /// <summary>Whether the web certificate is trusted by the operating system's roots, for this name.</summary>
    public required bool WebCertificateIsFromSystemRoots { get; init; }

    /// <summary>Whether this is enough to connect; otherwise the operator has to give the web certificate's own root.</summary>
    public bool IsSufficient => WebCertificateIsFromEngineCa || WebCertificateIsFromSystemRoots;

    /// <summary>The trust to use once the operator confirmed the fingerprint.</summary>
    /// <param name="webCaPem">The web certificate's own root, where <see cref="IsSufficient"/> is false.</param>
    public TlsTrust Confirm(string? webCaPem) => new()
    {
        EngineCaPem = EngineCaPem,
        WebCaPem = webCaPem ?? (WebCertificateIsFromEngineCa ? EngineCaPem : null),
    };
}
