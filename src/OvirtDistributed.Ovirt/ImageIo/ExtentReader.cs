// SPDX-License-Identifier: Apache-2.0

using System.Buffers;
using System.Text.Json;
using OvirtDistributed.Ovirt.Errors;

namespace OvirtDistributed.Ovirt.ImageIo;

/// <summary>Parses the daemon's extent array piece by piece, in memory that does not grow with the list.</summary>
/// <remarks>The array must be contiguous from 0: a gap would be data silently not backed up.</remarks>
internal sealed class ExtentReader(ExtentContext context)
{
    private JsonReaderState _json;
    private Place _place = Place.BeforeArray;
    private Field _field;
    private long? _start;
    private long? _length;
    private bool _zero;
    private bool _hole;
    private bool? _dirty;

    private enum Place
    {
        BeforeArray,
        InArray,
        InExtent,
        InValue,
        InOther,
        Done,
    }

    private enum Field
    {
        Start,
        Length,
        Zero,
        Hole,
        Dirty,
        Other,
    }

    /// <summary>End of the last extent: the image's size once <see cref="IsComplete"/>.</summary>
    public long EndBytes { get; private set; }

    public bool IsComplete => _place == Place.Done;

    /// <summary>Takes as much of the data as forms whole tokens and adds the extents found.</summary>
    /// <returns>Where the rest begins.</returns>
    /// <exception cref="OvirtException"><see cref="OvirtError.InvalidResponse"/>.</exception>
    public SequencePosition Read(in ReadOnlySequence<byte> data, bool isFinal, List<ImageExtent> extents)
    {
        try
        {
            var reader = new Utf8JsonReader(data, isFinal, _json);
            while (reader.Read())
            {
                Take(ref reader, extents);
            }

            _json = reader.CurrentState;
            if (isFinal && !IsComplete)
            {
                throw Broken("it ends in the middle");
            }

            return reader.Position;
        }
        catch (JsonException exception)
        {
            throw Broken(exception.Message, exception);
        }
    }

    private void Take(ref Utf8JsonReader reader, List<ImageExtent> extents)
    {
        switch (_place)
        {
            case Place.BeforeArray when reader.TokenType == JsonTokenType.StartArray:
                _place = Place.InArray;
                break;
            case Place.InArray when reader.TokenType == JsonTokenType.StartObject:
                (_start, _length, _zero, _hole, _dirty) = (null, null, false, false, null);
                _place = Place.InExtent;
                break;
            case Place.InArray when reader.TokenType == JsonTokenType.EndArray:
                _place = Place.Done;
                break;
            case Place.InExtent when reader.TokenType == JsonTokenType.PropertyName:
                _field = FieldOf(ref reader);
                _place = Place.InValue;
                break;
            case Place.InExtent when reader.TokenType == JsonTokenType.EndObject:
                extents.Add(Finish());
                _place = Place.InArray;
                break;
            case Place.InValue:
                TakeValue(ref reader);
                break;
            case Place.InOther:
                // Depth 2 is inside an extent: the nested value that a newer daemon added has ended.
                _place = reader.CurrentDepth == 2 ? Place.InExtent : Place.InOther;
                break;
            default:
                throw Broken($"unexpected {reader.TokenType}");
        }
    }

    private void TakeValue(ref Utf8JsonReader reader)
    {
        _place = Place.InExtent;
        switch (_field)
        {
            case Field.Start:
                _start = Number(ref reader);
                break;
            case Field.Length:
                _length = Number(ref reader);
                break;
            case Field.Zero:
                _zero = Flag(ref reader);
                break;
            case Field.Hole:
                _hole = Flag(ref reader);
                break;
            case Field.Dirty:
                _dirty = Flag(ref reader);
                break;
            default:
                if (reader.TokenType is JsonTokenType.StartObject or JsonTokenType.StartArray)
                {
                    _place = Place.InOther;
                }

                break;
        }
    }

    private ImageExtent Finish()
    {
        if (_start is not { } start || _length is not { } length)
        {
            throw Broken("an extent lacks start or length");
        }

        if (start != EndBytes)
        {
            throw Broken($"an extent starts at {start} where {EndBytes} is next");
        }

        if (length <= 0 || length > long.MaxValue - start)
        {
            throw Broken($"an extent at {start} has the length {length}");
        }

        // Taking a missing mark for "clean" would lose data; in the zero context it does not exist.
        if (context == ExtentContext.Dirty && _dirty is null)
        {
            throw Broken($"the extent at {start} does not say whether it is dirty");
        }

        EndBytes = start + length;
        return new ImageExtent(start, length, _zero, _hole, context == ExtentContext.Dirty && _dirty == true);
    }

    private static Field FieldOf(ref Utf8JsonReader reader) =>
        reader.ValueTextEquals("start"u8) ? Field.Start
        : reader.ValueTextEquals("length"u8) ? Field.Length
        : reader.ValueTextEquals("zero"u8) ? Field.Zero
        : reader.ValueTextEquals("hole"u8) ? Field.Hole
        : reader.ValueTextEquals("dirty"u8) ? Field.Dirty
        : Field.Other;

    private static long Number(ref Utf8JsonReader reader) =>
        reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out var value) ? value : throw Broken("start and length must be whole numbers");

    private static bool Flag(ref Utf8JsonReader reader) => reader.TokenType switch
    {
        JsonTokenType.True => true,
        JsonTokenType.False => false,
        _ => throw Broken("zero, hole and dirty must be true or false"),
    };

    private static OvirtException Broken(string why, Exception? inner = null) =>
        new(OvirtError.InvalidResponse, $"The extent list of ImageIO could not be understood: {why}.", inner);
}
