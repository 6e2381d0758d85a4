// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Jobs;

/// <summary>A step that cannot succeed for a reason the operator can read; never tried again.</summary>
internal sealed class JobFailureException(string message, Exception? inner = null) : Exception(message, inner);
