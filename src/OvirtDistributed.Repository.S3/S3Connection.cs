// SPDX-License-Identifier: Apache-2.0
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Amazon.Runtime;
using Amazon.S3;

namespace OvirtDistributed.Repository.S3;

/// <summary>Makes the client of one bucket: trust, time limits, retries.</summary>
internal static class S3Connection
{
    /// <summary>From the first byte sent to the first byte of the answer; a part of 16 MiB needs 2.3 Mbit/s.</summary>
    public static readonly TimeSpan AnswerTimeout = TimeSpan.FromSeconds(60);

    private const int MaxConnections = 64;

    // With the waits of the standard mode about 10 s in all when the server refuses at once.
    private const int Retries = 4;

    public static AmazonS3Client Open(S3StorageOptions options)
    {
        var (accessKey, secretKey) = options.ReadKeys();
        var configuration = new AmazonS3Config
        {
            ServiceURL = options.Endpoint,
            AuthenticationRegion = options.Region,
            ForcePathStyle = options.ForcePathStyle,
            RetryMode = RequestRetryMode.Standard,
            MaxErrorRetry = Retries,
            Timeout = AnswerTimeout,
            MaxConnectionsPerServer = MaxConnections,

            // Payloads are signed, so bytes that changed on the way are refused; the newer trailing checksums are unknown to many servers.
            RequestChecksumCalculation = RequestChecksumCalculation.WHEN_REQUIRED,
            ResponseChecksumValidation = ResponseChecksumValidation.WHEN_REQUIRED,
            HttpClientFactory = new TrustingFactory(options.CaFile),
        };
        return new AmazonS3Client(new BasicAWSCredentials(accessKey, secretKey), configuration);
    }

    private sealed class TrustingFactory(string? caFile) : HttpClientFactory
    {
        public override bool UseSDKHttpClientCaching(IClientConfig clientConfig) => false;

        public override bool DisposeHttpClientsAfterUse(IClientConfig clientConfig) => false;

        public override HttpClient CreateHttpClient(IClientConfig clientConfig)
        {
            var handler = new SocketsHttpHandler
            {
                AllowAutoRedirect = false,
                ConnectTimeout = TimeSpan.FromSeconds(10),
                MaxConnectionsPerServer = MaxConnections,
                PooledConnectionIdleTimeout = TimeSpan.FromSeconds(30),
                PooledConnectionLifetime = TimeSpan.FromMinutes(10), // the address may move
                UseCookies = false,
            };
            if (caFile is not null)
            {
                handler.SslOptions = new SslClientAuthenticationOptions { CertificateChainPolicy = PolicyOf(caFile) };
            }

            return new HttpClient(handler) { Timeout = AnswerTimeout };
        }

        private static X509ChainPolicy PolicyOf(string caFile)
        {
            var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            try
            {
                policy.CustomTrustStore.ImportFromPemFile(caFile);
            }
            catch (Exception exception) when (exception is CryptographicException or IOException or UnauthorizedAccessException)
            {
                throw new RepositoryException(RepositoryError.Unavailable, $"{caFile}: no certificates can be read from it: {exception.Message}", exception);
            }

            return policy;
        }
    }
}
