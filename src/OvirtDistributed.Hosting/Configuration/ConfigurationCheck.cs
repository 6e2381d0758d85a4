// SPDX-License-Identifier: Apache-2.0

using System.Collections;
using System.ComponentModel;
using System.Globalization;
using System.Reflection;
using Microsoft.Extensions.Configuration;

namespace OvirtDistributed.Hosting.Configuration;

/// <summary>Finds settings that nothing reads, and values that cannot be what they are for: the framework's own binder passes over both.</summary>
public static class ConfigurationCheck
{
    /// <summary>The problems of several sections.</summary>
    /// <exception cref="InvalidOperationException">There are some; the message has one line for each.</exception>
    public static void ThrowIfWrong(IConfiguration configuration, params (string Section, Type Options, string[] ReadElsewhere)[] sections)
    {
        var problems = sections.SelectMany(part => Problems(configuration.GetSection(part.Section), part.Options, part.ReadElsewhere)).ToList();
        if (problems.Count > 0)
        {
            throw new InvalidOperationException(string.Join(Environment.NewLine, problems));
        }
    }

    /// <summary>Every problem of a section, each naming the setting, its value and what to do.</summary>
    /// <param name="section">As it was configured.</param>
    /// <param name="options">What it is bound to.</param>
    /// <param name="readElsewhere">Settings of the section that somebody else reads.</param>
    public static IEnumerable<string> Problems(IConfigurationSection section, Type options, params string[] readElsewhere) =>
        section.GetChildren()
            .Where(child => !readElsewhere.Contains(child.Key, StringComparer.OrdinalIgnoreCase))
            .SelectMany(child => OfProperty(child, options));

    private static IEnumerable<string> OfProperty(IConfigurationSection setting, Type owner)
    {
        var known = owner.GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(IsSetting).ToList();
        var property = known.Find(candidate => string.Equals(candidate.Name, setting.Key, StringComparison.OrdinalIgnoreCase));
        return property is null
            ? [$"{setting.Path} is no setting. Known here: {string.Join(", ", known.Select(candidate => candidate.Name).Order(StringComparer.Ordinal))}."]
            : OfValue(setting, property.PropertyType);
    }

    private static IEnumerable<string> OfValue(IConfigurationSection setting, Type type)
    {
        if (ItemType(type) is { } item)
        {
            return setting.GetChildren().SelectMany(child => OfValue(child, item));
        }

        var plain = Nullable.GetUnderlyingType(type) ?? type;
        if (!TypeDescriptor.GetConverter(plain).CanConvertFrom(typeof(string)))
        {
            return setting.GetChildren().SelectMany(child => OfProperty(child, plain));
        }

        if (setting.GetChildren().FirstOrDefault() is { } below)
        {
            return [$"{below.Path} is no setting: {setting.Path} takes {Expected(plain)}."];
        }

        return setting.Value is not { } value || (value.Length == 0 && plain != type) || CanBe(value, plain)
            ? []
            : [$"{setting.Path} '{value}' cannot be used: it takes {Expected(plain)}."];
    }

    /// <summary>A list is filled, also where nobody may replace it.</summary>
    private static bool IsSetting(PropertyInfo property) =>
        property.GetIndexParameters().Length == 0 && (property.SetMethod is { IsPublic: true } || ItemType(property.PropertyType) is not null);

    /// <summary>What a list or a dictionary by name holds; null for anything else.</summary>
    private static Type? ItemType(Type type)
    {
        if (type.IsArray)
        {
            return type.GetElementType();
        }

        return type.IsGenericType && typeof(IEnumerable).IsAssignableFrom(type) ? type.GetGenericArguments()[^1] : null;
    }

    private static bool CanBe(string value, Type type)
    {
        try
        {
            // A number alone would be days.
            return type == typeof(TimeSpan)
                ? value.Contains(':', StringComparison.Ordinal) && TimeSpan.TryParse(value, CultureInfo.InvariantCulture, out _)
                : TypeDescriptor.GetConverter(type).ConvertFromInvariantString(value) is not null;
        }
        catch (Exception failure) when (failure is FormatException or ArgumentException or NotSupportedException or InvalidCastException)
        {
            return false;
        }
    }

    private static string Expected(Type type)
    {
        if (type == typeof(TimeSpan))
        {
            return "a duration, hours:minutes:seconds or days.hours:minutes:seconds, for example 00:00:30 or 1.00:00:00";
        }

        if (type == typeof(Guid))
        {
            return "an id, for example 04f00212-b1a4-4e6f-9f5e-0c6f0f1a2b3c (ovd manager inventory NAME -o json tells those of clusters)";
        }

        if (type == typeof(bool))
        {
            return "true or false";
        }

        return type.IsEnum ? $"one of {string.Join(", ", Enum.GetNames(type))}" : type == typeof(string) ? "text" : "a whole number";
    }
}
