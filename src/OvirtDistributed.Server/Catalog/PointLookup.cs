// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Server.Admin;
using OvirtDistributed.Server.Database;

namespace OvirtDistributed.Server.Catalog;

internal static class PointLookup
{
    /// <summary>The restore point whose id begins with the text.</summary>
    /// <exception cref="OperatorException">None, or several.</exception>
    public static async Task<RestorePoint> ResolveAsync(ServerDbContext context, string field, string text, CancellationToken cancellationToken)
    {
        if (text.Length == 0)
        {
            throw OperatorException.Invalid(field, text, "write the id of a restore point, or its first characters (ovd point list).");
        }

        var prefix = text.ToLowerInvariant();
        var found = await context.RestorePoints.AsNoTracking()
            .Where(point => point.Id.StartsWith(prefix)).OrderBy(point => point.Id).Take(20).ToListAsync(cancellationToken);
        return found.FirstOrDefault(point => point.Id == prefix) ?? NameLookup.ResolvePrefix(found, field, "restore point", text, point => point.Id);
    }
}
