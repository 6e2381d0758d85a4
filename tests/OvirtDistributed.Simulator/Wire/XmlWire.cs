// SPDX-License-Identifier: Apache-2.0

using System.Text;
using System.Xml;

namespace OvirtDistributed.Simulator.Wire;

/// <summary>The XML form: list elements in the plural, only <c>id</c>, <c>href</c> and a link's <c>rel</c> as attributes.</summary>
internal static class XmlWire
{
    public const string MediaType = "application/xml";

    private const int MaxDepth = 64;

    public static byte[] Write(WireNode root)
    {
        using var buffer = new MemoryStream();
        var settings = new XmlWriterSettings
        {
            Encoding = new UTF8Encoding(false),
            Indent = true,
            IndentChars = "    ",
            // Guest text may hold characters XML 1.0 forbids; a reply that cannot be written would hide every other entity.
            CheckCharacters = false,
        };
        using (var writer = XmlWriter.Create(buffer, settings))
        {
            writer.WriteStartDocument(true);
            Write(writer, root);
        }

        return buffer.ToArray();
    }

    /// <exception cref="FormatException">The text is not well-formed XML.</exception>
    public static WireNode Read(Stream body)
    {
        var settings = new XmlReaderSettings
        {
            DtdProcessing = DtdProcessing.Prohibit,
            IgnoreComments = true,
            IgnoreProcessingInstructions = true,
            IgnoreWhitespace = true,
            XmlResolver = null,
        };
        try
        {
            using var reader = XmlReader.Create(body, settings);
            reader.MoveToContent();
            return ReadElement(reader, 0);
        }
        catch (XmlException e)
        {
            throw new FormatException(e.Message, e);
        }
    }

    private static void Write(XmlWriter writer, WireNode node)
    {
        writer.WriteStartElement(node.Name);
        foreach (var (name, value) in node.Attributes)
        {
            writer.WriteAttributeString(name, value);
        }

        if (node.Text is not null)
        {
            writer.WriteString(node.Text);
        }

        foreach (var child in node.Children)
        {
            Write(writer, child);
        }

        writer.WriteEndElement();
    }

    private static WireNode ReadElement(XmlReader reader, int depth)
    {
        if (depth > MaxDepth)
        {
            throw new FormatException($"The document is nested deeper than {MaxDepth} elements.");
        }

        var name = reader.LocalName;
        var attributes = new List<KeyValuePair<string, string>>();
        while (reader.MoveToNextAttribute())
        {
            attributes.Add(new(reader.LocalName, reader.Value));
        }

        reader.MoveToElement();
        var text = new StringBuilder();
        var children = new List<WireNode>();
        if (reader.IsEmptyElement)
        {
            reader.Read();
        }
        else
        {
            reader.Read();
            while (reader.NodeType != XmlNodeType.EndElement)
            {
                if (reader.NodeType == XmlNodeType.Element)
                {
                    children.Add(ReadElement(reader, depth + 1));
                }
                else
                {
                    text.Append(reader.Value);
                    reader.Read();
                }
            }

            reader.ReadEndElement();
        }

        return Build(name, attributes, text, children);
    }

    private static WireNode Build(
        string name, List<KeyValuePair<string, string>> attributes, StringBuilder text, List<WireNode> children)
    {
        WireNode node;
        if (WireLists.IsList(name))
        {
            node = new WireNode(name, WireKind.List);
        }
        else if (children.Count == 0 && attributes.Count == 0)
        {
            node = new WireNode(name, WireKind.Text, text.ToString());
        }
        else
        {
            node = new WireNode(name);
        }

        foreach (var (key, value) in attributes)
        {
            node.Attr(key, value);
        }

        return node.AddAll(children);
    }
}
