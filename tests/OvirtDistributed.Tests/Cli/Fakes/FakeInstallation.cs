// SPDX-License-Identifier: Apache-2.0

using System.Collections.Concurrent;
using System.Threading.Channels;
using Google.Protobuf;
using OvirtDistributed.Contracts.Admin.V1;
using OvirtDistributed.Hosting.Errors;

namespace OvirtDistributed.Tests.Cli.Fakes;

/// <summary>What the fake backup server holds and was asked. A test fills it in and reads it.</summary>
internal sealed class FakeInstallation
{
    public List<Manager> Managers { get; } = [];

    public List<Contracts.Admin.V1.Repository> Repositories { get; } = [];

    public List<DamagedPoint> DamagedPoints { get; } = [];

    public List<Contracts.Admin.V1.Worker> Workers { get; } = [];

    public List<Queue> Queues { get; } = [];

    public GetInventoryResponse Inventory { get; set; } = new();

    public List<CbtChange> CbtChanges { get; } =
    [
        new() { DiskId = Samples.PointId, DiskAlias = "web_root", Enabled = true, Note = "enabled; the next backup of it is a full one" },
        new() { DiskId = Samples.JobId, DiskAlias = "web_raw", Note = "a raw disk cannot be tracked" },
    ];

    public List<Job> Jobs { get; } = [];

    public List<JobLogEntry> Logs { get; } = [];

    public List<RestorePoint> Points { get; } = [];

    public List<WatchVerifyPointResponse> VerifySteps { get; } = [];

    public Action? BeforeVerifyStep { get; set; }

    public List<RetentionPolicy> RetentionPolicies { get; } = [];

    public List<RetentionDecision> RetentionDecisions { get; } = [];

    public LocateDiskResponse? Location { get; set; }

    /// <summary>Fingerprint that a manager without CA presents.</summary>
    public string PresentedFingerprint { get; set; } = new('a', 64);

    /// <summary>What the fake says that is lost.</summary>
    public const string Loss = "VM web, which is up, loses its disks: what they hold now cannot be brought back. Confirm that (--yes).";

    /// <summary>Restores are refused until their loss is accepted.</summary>
    public bool LossIsNotAccepted { get; set; }

    /// <summary>VMs that cannot be backed up beside those of the jobs.</summary>
    public List<RefusedVm> Refused { get; } = [];

    /// <summary>Thrown by every call while it is set.</summary>
    public Exception? Failure { get; set; }

    /// <summary>Connections cut after a call was carried out, before its answer.</summary>
    public int AnswersToLose;

    public int AnswersLost;

    /// <summary>Calls that never answer while it is set; ended by the caller.</summary>
    public bool Hangs { get; set; }

    /// <summary>Every request, oldest first.</summary>
    public ConcurrentQueue<IMessage> Requests { get; } = new();

    /// <summary>The <c>traceparent</c> header of every call.</summary>
    public ConcurrentQueue<string> TraceParents { get; } = new();

    /// <summary>What watchers of a job are sent: one script for each watch, in order. A script that ends without outcome cuts the connection.</summary>
    public ConcurrentQueue<Channel<Job>> WatchScripts { get; } = new();

    public void RequireAcceptedLoss(bool accepted)
    {
        if (LossIsNotAccepted && !accepted)
        {
            throw new OperatorException(FailureKind.WrongState, Loss) { Reason = "loss-not-accepted" };
        }
    }

    public T Single<T>()
        where T : IMessage => Requests.OfType<T>().Single();

    /// <summary>The script of the next watch: these states at once, then the end.</summary>
    public void WatchSends(params Job[] states)
    {
        var script = OpenWatch();
        foreach (var state in states)
        {
            script.TryWrite(state);
        }

        script.Complete();
    }

    /// <summary>The script of the next watch, written by the test as it goes.</summary>
    public ChannelWriter<Job> OpenWatch()
    {
        var script = Channel.CreateUnbounded<Job>();
        WatchScripts.Enqueue(script);
        return script.Writer;
    }
}
