// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Managers;

namespace OvirtDistributed.Server.Jobs.Restore;

/// <summary>Which NICs the new VM gets, on which networks, with which addresses.</summary>
internal static class RestoreNicPlanner
{
    /// <param name="vm">The VM as the point describes it.</param>
    /// <param name="request">What was asked.</param>
    /// <param name="dataCenterId">Data center of the target cluster.</param>
    /// <param name="networks">Networks of the target manager.</param>
    /// <param name="profiles">vNIC profiles of the target manager.</param>
    public static RestoreNicPlans Plan(
        EngineVm vm, RestoreDetails request, Guid dataCenterId, IReadOnlyList<EngineNetwork> networks, IReadOnlyList<EngineVnicProfile> profiles)
    {
        if (request.Nics == NicChoice.None)
        {
            return new RestoreNicPlans([], [], []);
        }

        var (notes, missing) = (new List<string>(), new List<string>());
        var local = networks.Where(network => network.DataCenterId == dataCenterId).ToList();
        var connected = request.Nics != NicChoice.Disconnected;
        var nics = vm.Nics.Select(nic =>
        {
            var mapped = nic.Network is { } name && request.VnicProfiles.ContainsKey(name);
            var profile = ProfileOf(nic, request, local, profiles);
            if (profile is null && nic.VnicProfileId is not null && !mapped)
            {
                if (connected && nic.Network is { } network)
                {
                    missing.Add(network);
                }
                else
                {
                    notes.Add($"{nic.Name}: the target has no network '{nic.Network}', the NIC is created without one");
                }
            }

            var keep = request.KeptMacs.TryGetValue(nic.Name, out var asked) ? asked : request.Nics == NicChoice.KeepMac;
            return new RestoreNicPlan(nic.Name, nic.Interface, keep ? nic.Mac : null, profile, connected && nic.Plugged, connected && nic.Linked);
        }).ToList();
        return new RestoreNicPlans(nics, notes, [.. missing.Distinct()]);
    }

    /// <summary>MAC addresses of the point that somebody uses on the target, with the VM that does.</summary>
    /// <param name="nics">What is planned.</param>
    /// <param name="used">MAC address → VM.</param>
    public static IReadOnlyList<MacCollision> Collisions(IReadOnlyList<RestoreNicPlan> nics, IReadOnlyDictionary<string, string> used)
    {
        var owners = new Dictionary<string, string>(used, StringComparer.OrdinalIgnoreCase);
        return [.. nics.Where(nic => nic.Mac is { } mac && owners.ContainsKey(mac)).Select(nic => new MacCollision(nic.Name, nic.Mac!, owners[nic.Mac!]))];
    }

    /// <summary>The operator's mapping, else the very same profile, else the profile of the same name on the network of the same name, else any on it.</summary>
    private static Guid? ProfileOf(
        EngineNic nic, RestoreDetails request, IReadOnlyList<EngineNetwork> local, IReadOnlyList<EngineVnicProfile> profiles)
    {
        if (nic.Network is { } name && request.VnicProfiles.TryGetValue(name, out var mapped))
        {
            return mapped;
        }

        if (nic.VnicProfileId is not { } original)
        {
            return null;
        }

        var candidates = profiles.Where(profile => local.Any(network => network.Id == profile.NetworkId)).ToList();
        if (candidates.Any(profile => profile.Id == original))
        {
            return original;
        }

        var network = local.FirstOrDefault(candidate => candidate.Name == nic.Network);
        var onNetwork = candidates.Where(profile => profile.NetworkId == network?.Id).ToList();
        return (onNetwork.FirstOrDefault(profile => profile.Name == nic.VnicProfile) ?? onNetwork.FirstOrDefault())?.Id;
    }
}

/// <param name="Nics">What is created.</param>
/// <param name="Notes">What differs from the point.</param>
/// <param name="Missing">Networks of the point for which the target has none and nothing was said.</param>
internal sealed record RestoreNicPlans(IReadOnlyList<RestoreNicPlan> Nics, IReadOnlyList<string> Notes, IReadOnlyList<string> Missing);

/// <summary>A MAC address that would be kept and that a VM of the target has.</summary>
internal sealed record MacCollision(string Nic, string Mac, string Vm);
