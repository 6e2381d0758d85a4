// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository.Storage;
using OvirtDistributed.Repository.Storage.Validation;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Repository.Storage;

/// <summary>What every backend must do; the storage that tests crash on is held to the same. The checks are those an operator can run.</summary>
public abstract class StorageConformance
{
    private protected readonly CancellationToken _token = TestContext.Current.CancellationToken;

    private protected abstract IStorageBackend Storage { get; }

    public static TheoryData<string> Checks() => [.. StorageValidator.Checks.Select(check => check.Name)];

    [Theory]
    [MemberData(nameof(Checks))]
    public async Task Promise_IsKept(string name)
    {
        var check = StorageValidator.Checks.Single(check => check.Name == name);

        var result = await StorageValidator.RunAsync(check, new StorageCheckContext(Storage, "conformance", TimeProvider.System), _token).WithinDeadline();

        Assert.True(result.Passed, result.Detail);
    }

    [Fact]
    public async Task Checks_LeaveNothing()
    {
        await foreach (var result in StorageValidator.RunAsync(Storage, TimeProvider.System, _token))
        {
            Assert.True(result.Passed, $"{result.Check.Name}: {result.Detail}");
        }

        await foreach (var left in Storage.ListAsync(StorageValidator.Folder, _token))
        {
            Assert.Fail($"left: {left}");
        }
    }
}
