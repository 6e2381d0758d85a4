// SPDX-License-Identifier: Apache-2.0
using System.Security.Cryptography;

namespace OvirtDistributed.Repository.Encryption;

/// <summary>
/// Shamir's secret sharing over GF(2^8) with the polynomial of AES (x^8+x^4+x^3+x+1): each byte of the secret is the constant term of a random
/// polynomial, a share is its value at the share's number. The arithmetic takes no branch and no table look-up on secret bytes.
/// </summary>
internal static class SecretSharing
{
    /// <summary>Shares 1 to <paramref name="count"/>; any <paramref name="threshold"/> of them give the secret back.</summary>
    public static byte[][] Split(ReadOnlySpan<byte> secret, int threshold, int count)
    {
        // [degree - 1][byte]: coefficients of the powers 1 and up.
        var coefficients = new byte[threshold - 1][];
        for (var i = 0; i < coefficients.Length; i++)
        {
            coefficients[i] = RandomNumberGenerator.GetBytes(secret.Length);
        }

        var shares = new byte[count][];
        for (var number = 1; number <= count; number++)
        {
            var share = new byte[secret.Length];
            for (var at = 0; at < secret.Length; at++)
            {
                // Horner's rule, from the highest power down.
                var value = (byte)0;
                for (var power = coefficients.Length - 1; power >= 0; power--)
                {
                    value = (byte)(Multiply(value, (byte)number) ^ coefficients[power][at]);
                }

                share[at] = (byte)(Multiply(value, (byte)number) ^ secret[at]);
            }

            shares[number - 1] = share;
        }

        return shares;
    }

    /// <summary>The secret, by interpolation at zero. Wrong or too few shares give wrong bytes: the caller must be able to tell.</summary>
    /// <param name="shares">Different numbers, equal lengths.</param>
    public static byte[] Combine(IReadOnlyList<(byte Number, ReadOnlyMemory<byte> Part)> shares)
    {
        var secret = new byte[shares[0].Part.Length];
        foreach (var (number, part) in shares)
        {
            var weight = (byte)1;
            foreach (var (other, _) in shares)
            {
                if (other != number)
                {
                    weight = Multiply(weight, Multiply(other, Inverse((byte)(other ^ number))));
                }
            }

            for (var at = 0; at < secret.Length; at++)
            {
                secret[at] ^= Multiply(part.Span[at], weight);
            }
        }

        return secret;
    }

    internal static byte Multiply(byte left, byte right)
    {
        var product = 0;
        int a = left;
        int b = right;
        for (var bit = 0; bit < 8; bit++)
        {
            product ^= -(b & 1) & a;
            a = (a << 1) ^ (-(a >> 7) & 0x11b);
            b >>= 1;
        }

        return (byte)product;
    }

    // a^254 = a^-1 in a field of 256 elements.
    private static byte Inverse(byte value)
    {
        var result = (byte)1;
        var power = value;
        for (var bit = 0; bit < 7; bit++)
        {
            power = Multiply(power, power);
            result = Multiply(result, power);
        }

        return result;
    }
}
