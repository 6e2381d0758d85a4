// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Text.RegularExpressions;

namespace OvirtDistributed.Simulator.Search;

/// <summary>Reads the engine's search grammar. <c>and</c> binds more tightly than <c>or</c>.</summary>
internal sealed partial class SearchParser
{
    // Deep nesting would only exhaust the stack.
    private const int MaxDepth = 100;
    private readonly List<Token> _tokens;
    private int _next;

    private SearchParser(List<Token> tokens)
    {
        _tokens = tokens;
    }

    private enum Kind
    {
        Word,
        Quoted,
        Operator,
        Open,
        Close,
    }

    /// <exception cref="SearchException">The text does not follow the grammar.</exception>
    public static SearchQuery Parse(string? text)
    {
        if (string.IsNullOrWhiteSpace(text))
        {
            return SearchQuery.Empty;
        }

        // The user interface's form "Vms: name=x" is understood too.
        var parser = new SearchParser(Tokenize(EntityPrefix().Replace(text, string.Empty, 1)));
        return parser.ParseQuery();
    }

    private static List<Token> Tokenize(string text)
    {
        var tokens = new List<Token>();
        var i = 0;
        while (i < text.Length)
        {
            var c = text[i];
            if (char.IsWhiteSpace(c))
            {
                i++;
            }
            else if (c is '(' or ')')
            {
                tokens.Add(new(c == '(' ? Kind.Open : Kind.Close, c.ToString()));
                i++;
            }
            else if (c == '"')
            {
                i = Quoted(text, i, tokens);
            }
            else if (c is '=' or '!' or '<' or '>')
            {
                i = Operator(text, i, tokens);
            }
            else
            {
                var start = i;
                while (i < text.Length && !char.IsWhiteSpace(text[i]) && text[i] is not ('(' or ')' or '"' or '=' or '!' or '<' or '>'))
                {
                    i++;
                }

                tokens.Add(new(Kind.Word, text[start..i]));
            }
        }

        return tokens;
    }

    private static int Quoted(string text, int start, List<Token> tokens)
    {
        var end = text.IndexOf('"', start + 1);
        if (end < 0)
        {
            throw new SearchException("A quoted value has no closing quote.");
        }

        tokens.Add(new(Kind.Quoted, text[(start + 1)..end]));
        return end + 1;
    }

    private static int Operator(string text, int start, List<Token> tokens)
    {
        var two = start + 1 < text.Length && text[start + 1] == '=' && text[start] != '=';
        if (text[start] == '!' && !two)
        {
            throw new SearchException("'!' must be followed by '='.");
        }

        tokens.Add(new(Kind.Operator, text.Substring(start, two ? 2 : 1)));
        return start + (two ? 2 : 1);
    }

    [GeneratedRegex(@"^\s*(?:vms|hosts|disks|storage|storagedomains?|datacenters?|clusters?|events|jobs|templates?|networks?)\s*:", RegexOptions.IgnoreCase)]
    private static partial Regex EntityPrefix();

    private SearchQuery ParseQuery()
    {
        var criteria = AtEnd() || AtKeyword("sortby") || AtKeyword("page") ? null : ParseOr(0);
        string? sortBy = null;
        var descending = false;
        int? page = null;
        if (TakeKeyword("sortby"))
        {
            sortBy = Take(Kind.Word, "a field after 'sortby'");
            descending = TakeKeyword("desc");
            if (!descending)
            {
                TakeKeyword("asc");
            }
        }

        if (TakeKeyword("page"))
        {
            var number = Take(Kind.Word, "a number after 'page'");
            if (!int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var value) || value < 1)
            {
                throw new SearchException($"'{number}' is not a page number.");
            }

            page = value;
        }

        if (!AtEnd())
        {
            throw new SearchException($"Unexpected '{_tokens[_next].Text}'.");
        }

        return new SearchQuery(criteria, sortBy, descending, page);
    }

    private SearchTerm ParseOr(int depth)
    {
        var left = ParseAnd(depth);
        while (TakeKeyword("or"))
        {
            left = new SearchJunction(false, left, ParseAnd(depth));
        }

        return left;
    }

    private SearchTerm ParseAnd(int depth)
    {
        var left = ParseTerm(depth);
        while (TakeKeyword("and"))
        {
            left = new SearchJunction(true, left, ParseTerm(depth));
        }

        return left;
    }

    private SearchTerm ParseTerm(int depth)
    {
        if (depth > MaxDepth)
        {
            throw new SearchException("Too many nested parentheses.");
        }

        if (AtEnd())
        {
            throw new SearchException("The query ends where a condition is expected.");
        }

        var token = _tokens[_next++];
        switch (token.Kind)
        {
            case Kind.Open:
                var inner = ParseOr(depth + 1);
                Take(Kind.Close, "')'");
                return inner;
            case Kind.Word when !AtEnd() && _tokens[_next].Kind == Kind.Operator:
                var op = _tokens[_next++].Text;
                return new SearchComparison(token.Text, op, TakeValue(token.Text));
            case Kind.Word or Kind.Quoted:
                return new SearchComparison(null, "=", token.Text);
            default:
                throw new SearchException($"Unexpected '{token.Text}'.");
        }
    }

    private string TakeValue(string field)
    {
        if (AtEnd() || _tokens[_next].Kind is not (Kind.Word or Kind.Quoted))
        {
            throw new SearchException($"Field '{field}' has no value.");
        }

        return _tokens[_next++].Text;
    }

    private string Take(Kind kind, string wanted)
    {
        if (AtEnd() || _tokens[_next].Kind != kind)
        {
            throw new SearchException($"Expected {wanted}.");
        }

        return _tokens[_next++].Text;
    }

    private bool AtEnd() => _next >= _tokens.Count;

    // A keyword that is followed by an operator is a field of that name.
    private bool AtKeyword(string keyword) =>
        !AtEnd() && _tokens[_next].Kind == Kind.Word && _tokens[_next].Text.Equals(keyword, StringComparison.OrdinalIgnoreCase)
        && (_next + 1 >= _tokens.Count || _tokens[_next + 1].Kind != Kind.Operator);

    private bool TakeKeyword(string keyword)
    {
        if (!AtKeyword(keyword))
        {
            return false;
        }

        _next++;
        return true;
    }

    private readonly record struct Token(Kind Kind, string Text);
}
