// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Simulator.Faults;

/// <summary>The faults in force. Thread-safe. Rules are looked at in the order in which they were armed.</summary>
public sealed class FaultSet
{
    private readonly Lock _gate = new();
    private readonly List<ArmedFault> _armed = [];

    /// <summary>Faults now in force, oldest first.</summary>
    public IReadOnlyList<ArmedFault> Armed
    {
        get
        {
            lock (_gate)
            {
                return [.. _armed];
            }
        }
    }

    /// <summary>Puts a rule in force.</summary>
    /// <exception cref="ArgumentException">The rule is malformed, or its name is taken.</exception>
    public ArmedFault Arm(FaultRule rule)
    {
        if (string.IsNullOrWhiteSpace(rule.Name))
        {
            throw new ArgumentException("A fault needs a name.", nameof(rule));
        }

        if (!rule.Path.StartsWith('/'))
        {
            throw new ArgumentException($"Path '{rule.Path}' of fault '{rule.Name}' must start with '/'.", nameof(rule));
        }

        if (rule.Skip < 0 || rule.Times < 1)
        {
            throw new ArgumentException($"Fault '{rule.Name}': skip must be 0 or more and times 1 or more.", nameof(rule));
        }

        if ((rule.StickPhase || rule.FailMerge) && rule.Moment != FaultMoment.BeforeHandling)
        {
            throw new ArgumentException($"Fault '{rule.Name}': a phase can only be held, and a merge only fail, from before the request is handled.", nameof(rule));
        }

        lock (_gate)
        {
            if (_armed.Exists(a => a.Rule.Name == rule.Name))
            {
                throw new ArgumentException($"A fault named '{rule.Name}' is armed already; remove it first.", nameof(rule));
            }

            var fault = new ArmedFault(rule);
            _armed.Add(fault);
            return fault;
        }
    }

    /// <summary>Takes a fault out of force; entities it held go on. False when there is none of that name.</summary>
    public bool Remove(string name)
    {
        ArmedFault? fault;
        lock (_gate)
        {
            fault = _armed.Find(a => a.Rule.Name == name);
            if (fault is null)
            {
                return false;
            }

            _armed.Remove(fault);
        }

        fault.Release();
        return true;
    }

    /// <summary>Takes all faults out of force.</summary>
    public void Clear()
    {
        foreach (var fault in Armed)
        {
            Remove(fault.Rule.Name);
        }
    }

    /// <summary>
    /// Counts one request at every matching rule of this moment and returns those that are to hit it.
    /// <paramref name="path"/> is below the service's root, without a query: <c>/vms/ID</c>, <c>/images/ID/extents</c>.
    /// </summary>
    public IReadOnlyList<ArmedFault> Strike(FaultMoment moment, string method, string path)
    {
        List<ArmedFault>? struck = null;
        lock (_gate)
        {
            foreach (var fault in _armed)
            {
                if (fault.Rule.Moment == moment && FaultPath.Matches(fault.Rule, method, path) && fault.Strike())
                {
                    (struck ??= []).Add(fault);
                }
            }
        }

        return struck ?? (IReadOnlyList<ArmedFault>)[];
    }
}
