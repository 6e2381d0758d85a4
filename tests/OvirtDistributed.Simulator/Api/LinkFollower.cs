// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Simulator.Wire;

namespace OvirtDistributed.Simulator.Api;

/// <summary>The <c>follow</c> parameter: puts what links and references point at into the document. Call with the engine's gate held.</summary>
internal sealed class LinkFollower(ApiRouter router, ApiRequest origin)
{
    /// <summary>Follows each of the comma-separated paths, for example <c>nics,disk_attachments.disk</c>.</summary>
    public async Task FollowAsync(WireNode document, string paths)
    {
        foreach (var path in paths.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            await FollowAsync(document, path.Split('.'), 0);
        }
    }

    private async Task FollowAsync(WireNode node, string[] steps, int next)
    {
        if (next >= steps.Length)
        {
            return;
        }

        if (node.Kind == WireKind.List)
        {
            foreach (var item in node.Children.ToList())
            {
                await FollowAsync(item, steps, next);
            }

            return;
        }

        var name = steps[next];
        if (node.Child(name) is { } child)
        {
            var expanded = await ExpandAsync(node, child);
            await FollowAsync(expanded, steps, next + 1);
            return;
        }

        // The rel of a link is the path name: the element's name without underscores.
        var rel = name.Replace("_", string.Empty);
        var link = node.Children.FirstOrDefault(c => c.Name == "link" && c.Attribute("rel")?.Replace("_", string.Empty) == rel);
        if (link?.Href is { } href && await ReadAsync(href) is { } found)
        {
            var added = found.As(name);
            node.Set(added);
            await FollowAsync(added, steps, next + 1);
        }
    }

    // What an earlier path has fetched is not fetched again: it has more than a reference's attributes.
    private async Task<WireNode> ExpandAsync(WireNode parent, WireNode child)
    {
        if (child.Kind == WireKind.List)
        {
            foreach (var item in child.Children.ToList())
            {
                await ExpandAsync(child, item);
            }

            return child;
        }

        if (child.Children.Count > 0 || child.Href is not { } href || await ReadAsync(href) is not { } found)
        {
            return child;
        }

        var expanded = found.As(child.Name);
        parent.Replace(child, expanded);
        return expanded;
    }

    private async Task<WireNode?> ReadAsync(string href)
    {
        if (!href.StartsWith(ApiPaths.Root, StringComparison.Ordinal))
        {
            return null;
        }

        try
        {
            var reply = await router.DispatchAsync(new ApiRequest { Method = "GET", Path = href[ApiPaths.Root.Length..], Scope = origin.Scope });
            return reply.Body;
        }
        catch (ApiFault)
        {
            // A dangling reference stays a reference.
            return null;
        }
    }
}
