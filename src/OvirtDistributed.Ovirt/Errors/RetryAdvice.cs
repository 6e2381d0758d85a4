// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Ovirt.Errors;

/// <summary>Set where a failure is born, read only by the retry layer.</summary>
internal enum RetryAdvice
{
    Never,

    /// <summary>The engine refused without doing anything: any call may be sent again.</summary>
    WhenUnlocked,

    /// <summary>The request never arrived, or repeating it does no harm.</summary>
    WhenReachable,
}
