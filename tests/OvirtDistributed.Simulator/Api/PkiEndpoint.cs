// SPDX-License-Identifier: Apache-2.0

using System.Text;
using Microsoft.AspNetCore.Http;
using OvirtDistributed.Simulator.Security;

namespace OvirtDistributed.Simulator.Api;

/// <summary><c>pki-resource</c>: the CA certificate, without authentication.</summary>
internal sealed class PkiEndpoint(CertificateAuthority authority)
{
    public async Task HandleAsync(HttpContext context)
    {
        var query = context.Request.Query;
        if (query["resource"] != "ca-certificate" || query["format"].ToString() is not ("X509-PEM-CA" or "X509-PEM" or ""))
        {
            context.Response.StatusCode = 404;
            return;
        }

        context.Response.ContentType = "application/x-x509-ca-cert";
        await context.Response.Body.WriteAsync(Encoding.ASCII.GetBytes(authority.Pem), context.RequestAborted);
    }
}
