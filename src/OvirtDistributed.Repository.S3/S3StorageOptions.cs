// SPDX-License-Identifier: Apache-2.0
namespace OvirtDistributed.Repository.S3;

/// <summary>Where a repository is on S3, and how to get there.</summary>
public sealed record S3StorageOptions
{
    private const int MaxPrefixLength = 256;

    /// <summary>Address of the service, http or https, without bucket and path. No default.</summary>
    public string? Endpoint { get; init; }

    /// <summary>Region that requests are signed for. Default us-east-1, which most servers other than AWS take.</summary>
    public string Region { get; init; } = "us-east-1";

    /// <summary>The bucket; it must exist, and have no default retention. No default.</summary>
    public string? Bucket { get; init; }

    /// <summary>What all keys begin with; '/' at its end is added. Default none: the repository has the bucket to itself.</summary>
    public string Prefix { get; init; } = "";

    /// <summary>Access key; <see cref="AccessKeyFile"/> keeps it out of the settings.</summary>
    public string? AccessKey { get; init; }

    /// <summary>Secret key; <see cref="SecretKeyFile"/> keeps it out of the settings.</summary>
    public string? SecretKey { get; init; }

    /// <summary>A file with the access key, white space around it is ignored. Exactly one of it and <see cref="AccessKey"/>.</summary>
    public string? AccessKeyFile { get; init; }

    /// <summary>A file with the secret key, white space around it is ignored. Exactly one of it and <see cref="SecretKey"/>.</summary>
    public string? SecretKeyFile { get; init; }

    /// <summary>True: the bucket is part of the path and not of the host name. Default true, which servers other than AWS need.</summary>
    public bool ForcePathStyle { get; init; } = true;

    /// <summary>PEM certificates that the server's certificate must lead to; null = those the system trusts.</summary>
    public string? CaFile { get; init; }

    /// <summary>
    /// Absolute local directory for the digest index, which is only a cache: losing it costs a rebuild, never data. About 0.05 % of what is stored, at
    /// chunks of 128 KiB. No default: an index on S3 would be loaded into memory as a whole.
    /// </summary>
    public string? CacheDirectory { get; init; }

    /// <summary>Every problem with these options, each naming the setting, its value and what to do; empty when they can be used.</summary>
    /// <param name="section">What the settings' names begin with.</param>
    public IEnumerable<string> Problems(string section)
    {
        if (!Uri.TryCreate(Endpoint, UriKind.Absolute, out var address) || address.Scheme is not ("http" or "https") || address.AbsolutePath != "/")
        {
            yield return $"{section}:Endpoint '{Endpoint}' is no address of a service: give http(s)://HOST[:PORT], without a path.";
        }

        if (string.IsNullOrWhiteSpace(Region))
        {
            yield return $"{section}:Region '{Region}' is empty: leave it out for us-east-1, or give the region of the bucket.";
        }

        if (Bucket is null || Bucket.Length is < 3 or > 63 || Bucket.Any(letter => !char.IsAsciiLetterOrDigit(letter) && letter is not ('-' or '.' or '_')))
        {
            yield return $"{section}:Bucket '{Bucket}' is no bucket name: give the 3 to 63 letters, digits, '-' and '.' of a bucket that exists.";
        }

        if (Prefix.Length > MaxPrefixLength || Prefix.StartsWith('/') || Prefix.Contains("//", StringComparison.Ordinal)
            || Prefix.Any(letter => !char.IsAsciiLetterOrDigit(letter) && letter is not ('-' or '.' or '_' or '/')))
        {
            yield return $"{section}:Prefix '{Prefix}' cannot be used: take at most {MaxPrefixLength} letters, digits, '-', '.', '_' and single '/', not at the start.";
        }

        foreach (var problem in KeyProblems(section).Concat(FileProblems(section)))
        {
            yield return problem;
        }
    }

    /// <summary>The prefix as keys have it: empty, or with '/' at its end.</summary>
    internal string KeyPrefix => Prefix.Length == 0 || Prefix.EndsWith('/') ? Prefix : Prefix + "/";

    /// <summary>Reads the keys.</summary>
    /// <exception cref="RepositoryException">A file cannot be read or is empty; it is named, its content is not.</exception>
    internal (string AccessKey, string SecretKey) ReadKeys() => (ReadKey(AccessKey, AccessKeyFile), ReadKey(SecretKey, SecretKeyFile));

    // Keys never get into a message, also not by printing the options.
    public override string ToString() => $"{Endpoint}, bucket {Bucket}, prefix '{Prefix}'";

    private static string ReadKey(string? value, string? file)
    {
        if (file is null)
        {
            return value ?? "";
        }

        try
        {
            var content = File.ReadAllText(file).Trim();
            return content.Length > 0 ? content : throw new RepositoryException(RepositoryError.Unavailable, $"{file}: the file is empty; put the key into it");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new RepositoryException(RepositoryError.Unavailable, $"{file}: the key cannot be read: {exception.Message}", exception);
        }
    }

    private IEnumerable<string> KeyProblems(string section)
    {
        if (string.IsNullOrWhiteSpace(AccessKey) == string.IsNullOrWhiteSpace(AccessKeyFile))
        {
            yield return $"{section}:AccessKeyFile '{AccessKeyFile}': give exactly one of AccessKeyFile and AccessKey.";
        }

        if (string.IsNullOrWhiteSpace(SecretKey) == string.IsNullOrWhiteSpace(SecretKeyFile))
        {
            yield return $"{section}:SecretKeyFile '{SecretKeyFile}': give exactly one of SecretKeyFile and SecretKey.";
        }
    }

    private IEnumerable<string> FileProblems(string section)
    {
        foreach (var (name, file) in new[] { ("AccessKeyFile", AccessKeyFile), ("SecretKeyFile", SecretKeyFile), ("CaFile", CaFile) })
        {
            if (!string.IsNullOrWhiteSpace(file) && !File.Exists(file))
            {
                yield return $"{section}:{name} '{file}' does not exist: give a file that the Data Mover can read.";
            }
        }

        if (string.IsNullOrWhiteSpace(CacheDirectory) || !Path.IsPathFullyQualified(CacheDirectory))
        {
            yield return $"{section}:CacheDirectory '{CacheDirectory}' is no absolute directory: give a local one for the index, of this repository alone.";
        }
    }
}
