// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using OvirtDistributed.Ovirt.Errors;

namespace OvirtDistributed.Ovirt.Engine;

/// <summary>A successful answer, its body read completely.</summary>
internal sealed class EngineReply(EngineRequest request, int status, ReadOnlyMemory<byte> body)
{
    public int Status => status;

    /// <summary>Parses and maps; whatever is wrong with the text becomes <see cref="OvirtError.InvalidResponse"/>.</summary>
    public TModel Read<TDto, TModel>(JsonTypeInfo<TDto> type, Func<TDto, TModel> map)
        where TDto : class
    {
        try
        {
            var dto = JsonSerializer.Deserialize(body.Span, type) ?? throw new JsonException("The body is empty.");
            return map(dto);
        }
        catch (JsonException exception)
        {
            throw new OvirtException(
                OvirtError.InvalidResponse,
                $"The manager's answer to {request.Method} {request.Path} could not be understood: {exception.Message}",
                exception)
            {
                HttpStatus = status,
                Correlation = request.Correlation,
            };
        }
    }
}
