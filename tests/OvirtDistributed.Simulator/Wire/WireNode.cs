// SPDX-License-Identifier: Apache-2.0

using System.Globalization;

namespace OvirtDistributed.Simulator.Wire;

/// <summary>How a node's value is written: JSON gives each kind its own form, XML writes text.</summary>
internal enum WireKind
{
    /// <summary>Attributes and child elements.</summary>
    Object,

    /// <summary>A list element; in JSON an object with one array under the singular name.</summary>
    List,

    /// <summary>Text, integer, boolean or enum: all are strings in JSON.</summary>
    Text,

    /// <summary>A decimal: a number in JSON.</summary>
    Decimal,

    /// <summary>A date: milliseconds since the epoch in JSON, ISO 8601 in XML.</summary>
    Date,
}

/// <summary>
/// One element of an API document, independent of XML and JSON. Every resource is rendered into this tree once and every request
/// body is read into it, so that both formats carry the same.
/// </summary>
internal sealed class WireNode(string name, WireKind kind = WireKind.Object, string? text = null)
{
    private readonly List<KeyValuePair<string, string>> _attributes = [];
    private readonly List<WireNode> _children = [];

    public string Name { get; } = name;

    public WireKind Kind { get; } = kind;

    /// <summary>The value of a scalar. A date is held in ISO form.</summary>
    public string? Text { get; } = text;

    public IReadOnlyList<KeyValuePair<string, string>> Attributes => _attributes;

    public IReadOnlyList<WireNode> Children => _children;

    /// <summary>The id, whether it came as an attribute (XML) or as a member (JSON).</summary>
    public string? Id => Attribute("id") ?? Value("id");

    public string? Href => Attribute("href");

    public string? Attribute(string name)
    {
        foreach (var attribute in _attributes)
        {
            if (attribute.Key == name)
            {
                return attribute.Value;
            }
        }

        return null;
    }

    public WireNode Attr(string name, string? value)
    {
        if (value is not null)
        {
            _attributes.RemoveAll(a => a.Key == name);
            _attributes.Add(new(name, value));
        }

        return this;
    }

    /// <summary>Adds a child; null is left out.</summary>
    public WireNode Add(WireNode? child)
    {
        if (child is not null)
        {
            _children.Add(child);
        }

        return this;
    }

    public WireNode Add(string name, string? value) => value is null ? this : Add(new WireNode(name, WireKind.Text, value));

    public WireNode Add(string name, bool? value) =>
        value is { } flag ? Add(name, flag ? "true" : "false") : this;

    public WireNode Add(string name, long? value) =>
        value is { } number ? Add(name, number.ToString(CultureInfo.InvariantCulture)) : this;

    public WireNode Add(string name, Guid? value) => value is { } id ? Add(name, id.ToString()) : this;

    public WireNode AddDate(string name, DateTimeOffset? value) =>
        value is { } date
            ? Add(new WireNode(name, WireKind.Date, date.ToString("yyyy-MM-dd'T'HH:mm:ss.fffzzz", CultureInfo.InvariantCulture)))
            : this;

    /// <summary>A reference to another entity: an element with nothing but id and href.</summary>
    public WireNode AddReference(string name, Guid? id, string collection) =>
        id is { } value ? Add(new WireNode(name).Attr("id", value.ToString()).Attr("href", $"{ApiPaths.Root}/{collection}/{value}")) : this;

    public WireNode AddLink(string rel, string href) =>
        Add(new WireNode("link").Attr("href", href).Attr("rel", rel));

    public WireNode AddAll(IEnumerable<WireNode> children)
    {
        _children.AddRange(children);
        return this;
    }

    /// <summary>Replaces the children of that name by <paramref name="child"/>.</summary>
    public WireNode Set(WireNode child)
    {
        _children.RemoveAll(c => c.Name == child.Name);
        return Add(child);
    }

    public void Remove(string name) => _children.RemoveAll(c => c.Name == name);

    public WireNode? Child(string name)
    {
        foreach (var child in _children)
        {
            if (child.Name == name)
            {
                return child;
            }
        }

        return null;
    }

    /// <summary>The scalar at a path of child names, for example <c>initialization/configuration/data</c>.</summary>
    public string? Value(string path)
    {
        var node = this;
        foreach (var step in path.Split('/'))
        {
            if (node.Child(step) is not { } child)
            {
                return null;
            }

            node = child;
        }

        return node.Text;
    }

    /// <summary>The elements of the list child <paramref name="list"/>, or null when the body does not mention the list.</summary>
    public IReadOnlyList<WireNode>? Items(string list) => Child(list)?.Children;

    /// <summary>The same element under another name.</summary>
    public WireNode As(string otherName)
    {
        if (otherName == Name)
        {
            return this;
        }

        var copy = new WireNode(otherName, Kind, Text);
        copy._attributes.AddRange(_attributes);
        copy._children.AddRange(_children);
        return copy;
    }

    /// <summary>Puts <paramref name="replacement"/> in the place of a child.</summary>
    public void Replace(WireNode child, WireNode replacement)
    {
        var index = _children.IndexOf(child);
        if (index >= 0)
        {
            _children[index] = replacement;
        }
    }

    public override string ToString() => $"{Name} ({_children.Count} children)";
}
