// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Ovirt.Auth;

/// <summary>A password or token that does not show itself in logs, exceptions or debuggers' default views.</summary>
public sealed class Secret(string value) : IEquatable<Secret>
{
    public bool IsEmpty => value.Length == 0;

    /// <summary>The text itself. Call it only where it goes on the wire or into the secret store.</summary>
    public string Reveal() => value;

    public bool Equals(Secret? other) => other is not null && string.Equals(other.Reveal(), value, StringComparison.Ordinal);

    public override bool Equals(object? obj) => Equals(obj as Secret);

    public override int GetHashCode() => StringComparer.Ordinal.GetHashCode(value);

    public override string ToString() => "***";
}
