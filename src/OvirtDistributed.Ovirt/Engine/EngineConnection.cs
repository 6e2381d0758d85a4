// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Ovirt.Auth;
using OvirtDistributed.Ovirt.Errors;
using OvirtDistributed.Ovirt.Trust;

namespace OvirtDistributed.Ovirt.Engine;

/// <summary>How to reach one manager and as whom. Immutable; change it with <c>with</c>.</summary>
public sealed record EngineConnection
{
    private const string EnginePath = "/ovirt-engine";
    private const string ApiPath = EnginePath + "/api";

    /// <summary><c>https://HOST/ovirt-engine/api</c>. A bare <c>https://HOST</c> is completed.</summary>
    public required Uri ApiUrl { get; init; }

    /// <summary><c>user@domain</c>, such as <c>admin@internal</c> or, with Keycloak, <c>admin@ovirt@internalsso</c>.</summary>
    public required string User { get; init; }

    public required Secret Password { get; init; }

    public required TlsTrust Trust { get; init; }

    public EngineTimeouts Timeouts { get; init; } = new();

    public EngineRetryOptions Retry { get; init; } = new();

    /// <summary>Host name to address (name or IP, no port) to dial instead. The certificate is still checked against the name.</summary>
    public IReadOnlyDictionary<string, string> HostAddresses { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>Entities per page of a listing, 1 to 1000. Larger pages cost the engine more memory at once.</summary>
    public int PageSize { get; init; } = 100;

    /// <summary>The manager's own part of the path, without a slash at the end.</summary>
    internal Uri EngineRoot => new(ApiUrl, EnginePath);

    internal Uri ApiRoot => new(ApiUrl, ApiPath);

    /// <summary>All that is wrong with these settings; empty when nothing is.</summary>
    public IReadOnlyList<string> Validate()
    {
        var errors = new List<string>();
        ValidateUrl(errors);
        if (string.IsNullOrWhiteSpace(User))
        {
            errors.Add("User is empty: give it as user@domain, such as admin@internal.");
        }
        else if (User.IndexOf('@', StringComparison.Ordinal) is var at && (at <= 0 || at == User.Length - 1))
        {
            errors.Add($"User '{User}' has no domain: give it as user@domain, such as admin@internal.");
        }

        if (Password.IsEmpty)
        {
            errors.Add("Password is empty.");
        }

        if (PageSize is < 1 or > 1000)
        {
            errors.Add($"PageSize {PageSize} is out of range: use 1 to 1000.");
        }

        CertificateText.Validate(Trust.WebCaPem, nameof(TlsTrust.WebCaPem), errors);
        CertificateText.Validate(Trust.EngineCaPem, nameof(TlsTrust.EngineCaPem), errors);
        Timeouts.Validate(errors);
        Retry.Validate(errors);
        return errors;
    }

    internal void ThrowIfInvalid()
    {
        var errors = Validate();
        if (errors.Count > 0)
        {
            throw new OvirtException(OvirtError.InvalidSettings, "The manager's settings are wrong: " + string.Join(' ', errors));
        }
    }

    private void ValidateUrl(List<string> errors)
    {
        const string Wanted = "use https://HOST/ovirt-engine/api";
        if (!ApiUrl.IsAbsoluteUri)
        {
            errors.Add($"ApiUrl '{ApiUrl}' is not absolute: {Wanted}.");
            return;
        }

        if (ApiUrl.Scheme != Uri.UriSchemeHttps)
        {
            errors.Add($"ApiUrl '{ApiUrl.GetLeftPart(UriPartial.Path)}' is not https: {Wanted}.");
        }

        if (ApiUrl.UserInfo.Length > 0)
        {
            errors.Add($"ApiUrl holds a user name or password: give them apart, and {Wanted}.");
        }

        var path = ApiUrl.AbsolutePath.TrimEnd('/');
        if (path is not ("" or EnginePath or ApiPath or ApiPath + "/v4"))
        {
            errors.Add($"ApiUrl path '{ApiUrl.AbsolutePath}' is not the API's: {Wanted}.");
        }

        if (ApiUrl.Query.Length > 0 || ApiUrl.Fragment.Length > 0)
        {
            errors.Add($"ApiUrl must have no query or fragment: {Wanted}.");
        }
    }
}
