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
    public static (IReadOnlyList<RestoreNicPlan> Nics, IReadOnlyList<string> Notes) Plan(
        EngineVm vm, RestoreDetails request, Guid dataCenterId, IReadOnlyList<EngineNetwork> networks, IReadOnlyList<EngineVnicProfile> profiles)
    {
        if (request.Nics == NicChoice.None)
        {
            return ([], []);
        }

        var notes = new List<string>();
        var local = networks.Where(network => network.DataCenterId == dataCenterId).ToList();
        var nics = vm.Nics.Select(nic =>
        {
            var profile = ProfileOf(nic, request, local, profiles);
            if (profile is null && nic.VnicProfileId is not null)
            {
                notes.Add($"{nic.Name}: the target has no network '{nic.Network}', the NIC is created without one");
            }

            var connected = request.Nics != NicChoice.Disconnected;
            return new RestoreNicPlan(
                nic.Name, nic.Interface, request.Nics == NicChoice.KeepMac ? nic.Mac : null, profile, connected && nic.Plugged, connected && nic.Linked);
        }).ToList();
        return (nics, notes);
    }

    /// <summary>MAC addresses of the point that somebody uses on the target.</summary>
    public static IReadOnlyList<string> Collisions(IReadOnlyList<RestoreNicPlan> nics, IReadOnlySet<string> used) =>
        [.. nics.Select(nic => nic.Mac).OfType<string>().Where(used.Contains)];

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
