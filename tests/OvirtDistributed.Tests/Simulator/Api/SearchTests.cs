// SPDX-License-Identifier: Apache-2.0

using System.Net;
using FsCheck;
using FsCheck.Fluent;
using OvirtDistributed.Simulator.Search;
using Xunit;

namespace OvirtDistributed.Tests.Simulator.Api;

public sealed class SearchTests
{
    private static readonly SearchSchema<Row> Schema = new SearchSchema<Row>()
        .Field(r => r.Name, "name").Number(r => r.Size, "size").Field(r => r.Tags, "tag");

    private static readonly Row[] Rows =
    [
        new("web1", 5, ["a", "b"]), new("web2", 10, []), new("db", 100, ["b"]), new("My VM", 7, ["a"]), new("page", 1, ["or"]),
    ];

    [Theory]
    [InlineData("name=web*", "web1,web2")]
    [InlineData("name=WEB1", "web1")]
    [InlineData("name = \"my vm\"", "My VM")]
    [InlineData("name!=web*", "db,My VM,page")]
    [InlineData("size>=10", "web2,db")]
    [InlineData("size>9 and size<11", "web2")]
    [InlineData("name=db or name=web1 and size=5", "web1,db")]
    [InlineData("(name=db or name=web1) and size=5", "web1")]
    [InlineData("tag=b", "web1,db")]
    [InlineData("tag!=b", "web2,My VM,page")]
    [InlineData("sortby size desc", "db,web2,My VM,web1,page")]
    [InlineData("name=web* sortby size desc page 1", "web2,web1")]
    [InlineData("eb1", "web1")]
    [InlineData("name=page", "page")]
    [InlineData("tag=or", "page")]
    [InlineData("Vms: name=db", "db")]
    [InlineData("", "web1,web2,db,My VM,page")]
    public void Query_FindsRows(string query, string expected)
    {
        var found = Schema.Apply(Rows, SearchParser.Parse(query), caseSensitive: false, max: null).Select(r => r.Name);
        Assert.Equal(expected.Split(','), found);
    }

    [Fact]
    public void CaseSensitiveQuery_ComparesExactly() =>
        Assert.Empty(Schema.Apply(Rows, SearchParser.Parse("name=WEB1"), caseSensitive: true, max: null));

    [Theory]
    [InlineData("page 1", 2, "web1,web2")]
    [InlineData("page 2", 2, "db,My VM")]
    [InlineData("page 3", 2, "page")]
    [InlineData("page 4", 2, "")]
    [InlineData("", 1, "web1")]
    [InlineData("sortby name", 2, "db,My VM")]
    public void Page_TakesItsShare(string query, int max, string expected)
    {
        var found = Schema.Apply(Rows, SearchParser.Parse(query), caseSensitive: false, max).Select(r => r.Name);
        Assert.Equal(expected.Split(',', StringSplitOptions.RemoveEmptyEntries), found);
    }

    [Theory]
    [InlineData("name=")]
    [InlineData("name=web and")]
    [InlineData("(name=web")]
    [InlineData("name=web)")]
    [InlineData("name=\"web")]
    [InlineData("= web")]
    [InlineData("name ! web")]
    [InlineData("sortby")]
    [InlineData("page x")]
    [InlineData("page 0")]
    [InlineData("nofield=1")]
    [InlineData("sortby nofield")]
    public void MalformedQuery_IsRefused(string query) =>
        Assert.Throws<SearchException>(() => Schema.Apply(Rows, SearchParser.Parse(query), false, null));

    [Fact]
    public void PrintedQuery_IsParsedToTheSameTree()
    {
        Prop.ForAll(Terms(), term => SearchParser.Parse(Print(term)).Criteria == term).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Evaluation_FollowsTheTree()
    {
        Prop.ForAll(Terms(), term =>
        {
            var found = Schema.Apply(Rows, new SearchQuery(term, null, false, null), false, null);
            return Rows.All(r => found.Contains(r) == Holds(r, term));
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void AnyText_IsParsedOrRefused()
    {
        Prop.ForAll(ArbMap.Default.ArbFor<string>(), text =>
        {
            try
            {
                return SearchParser.Parse(text) is not null;
            }
            catch (SearchException)
            {
                return true;
            }
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public async Task Collections_AnswerSearchPagingAndErrors()
    {
        await using var api = await ApiFixture.StartAsync();
        Assert.Equal("web", (await api.GetAsync("vms?search=name%3Dw*%20and%20status%3Dup"))["vm"]![0]!["name"]!.GetValue<string>());
        var second = await api.GetAsync("vms?search=sortby%20name%20page%202&max=2");
        Assert.Equal(["web"], second["vm"]!.AsArray().Select(v => v!["name"]!.GetValue<string>()));
        Assert.Single((await api.GetAsync("vms?max=1"))["vm"]!.AsArray());
        Assert.Equal("Default", (await api.GetAsync("datacenters?search=storage.name%3Dnfs1"))["data_center"]![0]!["name"]!.GetValue<string>());
        Assert.Equal("default-host1", (await api.GetAsync("hosts?search=vms.status%3Dup"))["host"]![0]!["name"]!.GetValue<string>());
        await api.AssertFaultAsync(HttpMethod.Get, "vms?search=nofield%3Dx", null, HttpStatusCode.BadRequest, "nofield");
    }

    private static string Print(SearchTerm term) => term switch
    {
        SearchJunction j => $"({Print(j.Left)} {(j.IsAnd ? "and" : "or")} {Print(j.Right)})",
        SearchComparison { Field: null } c => $"\"{c.Value}\"",
        SearchComparison c => $"{c.Field} {c.Operator} \"{c.Value}\"",
        _ => throw new InvalidOperationException(),
    };

    // An evaluation of its own: nothing of the schema's code is used.
    private static bool Holds(Row row, SearchTerm term) => term switch
    {
        SearchJunction { IsAnd: true } j => Holds(row, j.Left) && Holds(row, j.Right),
        SearchJunction j => Holds(row, j.Left) || Holds(row, j.Right),
        SearchComparison { Field: "name", Operator: "=" } c => row.Name == c.Value,
        SearchComparison { Field: "name", Operator: "!=" } c => row.Name != c.Value,
        SearchComparison { Field: "size" } c => Compare(row.Size, c.Operator, long.Parse(c.Value)),
        SearchComparison { Field: "tag" } c => row.Tags.Contains(c.Value),
        _ => throw new InvalidOperationException(),
    };

    private static bool Compare(long size, string op, long value) => op switch
    {
        "=" => size == value,
        "!=" => size != value,
        ">" => size > value,
        "<" => size < value,
        ">=" => size >= value,
        _ => size <= value,
    };

    private static Arbitrary<SearchTerm> Terms()
    {
        var name = from op in Gen.Elements("=", "!=")
                   from value in Gen.Elements("web1", "web2", "db", "My VM", "none")
                   select (SearchTerm)new SearchComparison("name", op, value);
        var size = from op in Gen.Elements("=", "!=", "<", ">", "<=", ">=")
                   from value in Gen.Elements("1", "5", "10", "50", "100")
                   select (SearchTerm)new SearchComparison("size", op, value);
        var tag = Gen.Elements("a", "b", "c").Select(t => (SearchTerm)new SearchComparison("tag", "=", t));
        return Arb.From(Gen.Sized(depth => Term(Math.Min(depth, 6))));

        Gen<SearchTerm> Term(int depth) => depth == 0
            ? Gen.OneOf(name, size, tag)
            : Gen.OneOf(
                name,
                size,
                tag,
                from and in Gen.Elements(true, false)
                from left in Term(depth / 2)
                from right in Term(depth / 2)
                select (SearchTerm)new SearchJunction(and, left, right));
    }

    internal sealed record Row(string Name, long Size, IReadOnlyList<string> Tags);
}
