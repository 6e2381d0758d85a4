// SPDX-License-Identifier: Apache-2.0
/*
 * Garbage collection beside running sessions, commits, removals, merges of the index, and a crash: the protocol of DESIGN.md,
 * "Garbage collection" (invariants 1, 6, 16, 18), as spin checks it. eng/check-models.sh runs it; the same section says what is left out.
 *
 * One step here is one step of the code that no other thread can see half done: an access to one concurrent set, the body of one lock,
 * one durable operation of the storage. Promela interleaves the steps of all processes in every way.
 *
 * Compile-time bounds (per scenario) and mutations (one protection taken away) are macros: see eng/check-models.sh.
 *
 * What stands for what
 *   file, dur[p]        packs/...: the file exists; its frames that a flush made durable (a crash keeps these)
 *   pend[p]             PackWriter._pending: appended, not flushed (a crash loses these)
 *   live, doomed        PackTable._live, _doomed; tent: a doom whose second look is still to come (ghost)
 *   touched, round      PackTable._touched (round == 0: null, everything counts as touched)
 *   tomb                tombstones/
 *   all, idle           PackPool._all, _idle; sealed: footer written
 *   mem, run1, run0     DigestIndex: memory table, a newer and an older run; one place per digest in each, as MemoryTable.Put and RunWriter keep it
 *   cov[p]              coverage lists of the runs: which frames of a pack (and its footer) a run holds
 *   manifest            points/...; listed, removing, doubtful, pins: PointCatalog
 *   running             CommitGate._running; sopen, spins: RepositoryStore._writeSessions and WriteSession._pins
 *   srel, crel          ghosts: the packs a session / a commit under way was told it may rely on
 */

#ifndef NP
#define NP 3            /* packs */
#endif
#ifndef ROUNDS
#define ROUNDS 2        /* rounds of collection beside others; a quiet one follows */
#endif
#ifndef REMOVALS
#define REMOVALS 1
#endif
#ifndef CRASHES
#define CRASHES 1
#endif
#ifndef MERGES
#define MERGES 0
#endif
#ifndef SEALS
#define SEALS 0         /* open packs that another session finds full */
#endif
#ifndef FAILURES
#define FAILURES 0      /* operations of the storage that fail with an unknown outcome */
#endif
#ifndef WRITERS
#define WRITERS 2
#endif
#ifndef TRIES
#define TRIES 1         /* attempts of each writer */
#endif

#ifndef WANT0
#define WANT0 3         /* chunks of writer 0's point: both, or 1: the first */
#endif

#define NONE 7
#define NPT 4           /* points: 0 and 1 exist at the start, 2 and 3 are the writers' */
#define FOOTER 4        /* in cov[]: the footer is covered too; bits 0 and 1 are the chunks */

#define BIT(i) (1 << (i))
#define HAS(m, i) (((m) >> (i)) & 1)
#define SET(m, i) m = (m) | BIT(i)
#define CLR(m, i) m = (m) & (255 - BIT(i))

byte file, live, doomed, tent, tomb, touched, all, idle, sealed;
byte dur[NP], pend[NP], cov[NP];
byte mem[2], run1[2], run0[2], tmp[2];
bit round, maint;
byte manifest, listed, removing, doubtful;
byte pins[NPT], pset[NPT];
byte running, waited;
byte sopen, spins[2], srel[2], crel[2];
byte next = 1;
bit epoch;
byte rounds, removals, crashes, merges, seals, failures;
byte tries[2];
byte done;              /* bit per writer, 2 remover, 3 merger, 4 sealer */
#define ALLDONE 31

/* PackTable.IsUsable and DigestIndex.Find: the newest usable place. */
#define USABLE(p) ((p) != NONE && HAS(live, p) && !HAS(doomed, p))
#ifndef NO_PIN_TOUCH
#define PINNED ((HAS(sopen, 0) -> spins[0] : 0) | (HAS(sopen, 1) -> spins[1] : 0))
#else
#define PINNED 0
#endif
#define FIND(c) (USABLE(mem[c]) -> mem[c] : (USABLE(run1[c]) -> run1[c] : (USABLE(run0[c]) -> run0[c] : NONE)))
/* RunWriter.TakeEqual: of equal keys the newest usable one is kept; when none is usable, the newest. */
#define KEEP(n, o) (((n) != NONE && (USABLE(n) || !USABLE(o))) -> (n) : (o))

#define TOUCH(p) if :: round -> SET(touched, p) :: else fi

/* THE property: whatever a listed point reaches is read from a pack that is there, and that counts, through the index. A doom whose second look
   is to come does not count yet: it is taken back in the same breath. */
#define PLACE(p, c) ((p) != NONE && HAS(file, p) && HAS(live, p) && (!HAS(doomed, p) || HAS(tent, p)) && HAS(dur[p] | pend[p], c))
#define READABLE(c) (PLACE(mem[c], c) || PLACE(run1[c], c) || PLACE(run0[c], c))
#define OF(set, i) (HAS(set, i) -> pset[i] : 0)
#define NEEDED(set) (OF(set, 0) | OF(set, 1) | OF(set, 2) | OF(set, 3))
#define CHECK assert((!HAS(NEEDED(listed), 0) || READABLE(0)) && (!HAS(NEEDED(listed), 1) || READABLE(1)))
/* Invariant 18: no pack is dispensable on which a session or a commit under way was told to rely. */
#define UNRELIED(p) assert(!HAS(srel[0] | srel[1] | crel[0] | crel[1], p))

/* DigestIndex.Add by PackWriter.FlushLockedAsync. */
#ifndef ADD_WITHOUT_TOUCH
#define NOTE_ADDED(p) TOUCH(p)
#else
#define NOTE_ADDED(p) skip
#endif
inline enter(p, mask) {
  assert(!HAS(doomed, p));                         /* nothing new comes into a dispensable pack */
  NOTE_ADDED(p);
  if :: HAS(mask, 0) -> mem[0] = p :: else fi;
  if :: HAS(mask, 1) -> mem[1] = p :: else fi;
  CHECK
}

/* PackWriter.FlushAsync: the bytes become durable, then the frames are entered. */
inline flush(p) {
  atomic { fmask = pend[p]; dur[p] = dur[p] | pend[p]; pend[p] = 0 };
  atomic { enter(p, fmask); fmask = 0 }
}

/* DigestIndex.WriteTableAsync. The runs before it are merged at once when there is no room: as any merge that nobody meets. */
inline writeTable() {
  atomic {
    !maint;
    if
    :: mem[0] != NONE || mem[1] != NONE ->
      if
      :: run1[0] != NONE || run1[1] != NONE ->
        run0[0] = KEEP(run1[0], run0[0]); run0[1] = KEEP(run1[1], run0[1])
      :: else
      fi;
      run1[0] = mem[0]; run1[1] = mem[1]; mem[0] = NONE; mem[1] = NONE
    :: else
    fi;
    q = 0;
    do
    :: q < NP -> cov[q] = dur[q] | (HAS(sealed, q) -> FOOTER : 0); q++
    :: else -> break
    od;
    q = 0;
    CHECK
  }
}

/* PackPool.AcquireAsync: an idle pack, or a new one; NONE when the model has no number left. CreateAsync makes the pack live (PackTable.Set) before the
   pool has it in _all, so PackPool notes its number first. */
#define FIRST(set) (HAS(set, 0) -> 0 : (HAS(set, 1) -> 1 : (HAS(set, 2) -> 2 : 3)))
inline acquire(r) {
  if
  :: atomic { idle != 0 -> r = FIRST(idle); CLR(idle, r) }
  :: atomic { idle == 0 && next < NP ->
      r = next; next++; SET(file, r);
#ifndef OPEN_LATE
      SET(all, r);
#endif
      SET(live, r) };
#ifdef OPEN_LATE
    SET(all, r)
#endif
  :: atomic { idle == 0 && next >= NP -> r = NONE }
  fi
}

/* ---- one round: RepositoryStore.CollectLockedAsync ---- */

/* RemoveDoomedAsync, the grace being over: the pack, what is known of it, its tombstone. */
inline removeDoomed() {
  do
  :: atomic { doomed != 0 -> p = FIRST(doomed); CLR(file, p); dur[p] = 0; CHECK };
    atomic { CLR(live, p); CLR(doomed, p); CLR(tomb, p); p = 0 }
  :: atomic { doomed == 0 -> break }
  od
}

/* PackTable.TryDoom behind its first look, and PackSweeper.DoomAsync. Merges of the index are kept out meanwhile: what they keep must not depend on a
   doom half made. */
#ifndef MERGE_BESIDE_DOOM
#define KEEP_MERGES_OUT !maint; maint = 1
#define LET_MERGES_IN maint = 0
#else
#define KEEP_MERGES_OUT skip
#define LET_MERGES_IN skip
#endif
#ifndef NO_SECOND_LOOK
#define SECOND_LOOK HAS(touched, p)
#else
#define SECOND_LOOK 0
#endif
inline doom(p) {
  atomic { KEEP_MERGES_OUT; SET(doomed, p); SET(tent, p) };
  if
  :: atomic { SECOND_LOOK -> CLR(doomed, p); CLR(tent, p); CHECK; LET_MERGES_IN }     /* Spare */
  :: atomic { !(SECOND_LOOK) -> CLR(tent, p); UNRELIED(p); CHECK };
    if
#ifndef NO_TOMBSTONE
    :: atomic { SET(tomb, p); LET_MERGES_IN }      /* Tombstones.WriteAsync */
#else
    :: atomic { LET_MERGES_IN }
#endif
    :: atomic { failures < FAILURES -> failures++;
        if :: SET(tomb, p) :: skip fi;             /* it failed: whether the tombstone is there is not known */
#ifdef SPARE_ON_FAILED_TOMBSTONE
        CLR(doomed, p);
#endif
        failed = 1;
        LET_MERGES_IN }
    fi
  fi
}

/* PackSweeper.CopyAsync: to another pack, durable and in the index on return. */
inline copy() {
  acquire(to);
  if
  :: to != NONE ->
#ifndef NO_COPY_FLUSH
    atomic { dur[to] = dur[to] | use };
#else
    atomic { pend[to] = pend[to] | use };
#endif
    atomic { enter(to, use); SET(idle, to) }
  :: else
  fi
}

/* PackSweeper.SweepAsync: ReadFramesAsync and Weigh, with the first look of RewriteAsync or TryDoom. */
inline sweep(p) {
  atomic {
    if :: HAS(dur[p] & marks, 0) && FIND(0) == p -> use = use | 1 :: else fi;
    if :: HAS(dur[p] & marks, 1) && FIND(1) == p -> use = use | 2 :: else fi;
    if
#ifdef NEVER_DOOM
    :: keep = 1                                    /* nothing is ever collected: what the model must notice */
#endif
    :: HAS(touched, p) -> keep = 1
    :: HAS(dur[p] & marks, 0) && FIND(0) == NONE -> keep = 1     /* the last, damaged, copy of something */
    :: HAS(dur[p] & marks, 1) && FIND(1) == NONE -> keep = 1
    :: use != 0 && use == dur[p] -> keep = 1
    :: else
    fi
  };
  if
  :: keep
  :: !keep && use == 0 -> doom(p)
  :: !keep && use != 0 ->
    copy();
    if
    :: atomic { to != NONE && !HAS(touched, p) -> skip }; doom(p)
    :: atomic { to == NONE || HAS(touched, p) -> skip }
    fi
  fi;
  d_step { use = 0; keep = 0; to = NONE }
}

/* PointCatalog.ListAll */
#ifndef REMOVING_UNSEEN
#define ROOTS (listed | removing | doubtful)
#else
#define ROOTS (listed | doubtful)
#endif
#ifndef NO_COMMIT_WAIT
#define WAITED (waited == 0)
#else
#define WAITED 1
#endif

inline collect() {
  removeDoomed();
  /* BeginRoundAsync: PackPool.SealIdleAsync, of packs that hold anything */
  do
  :: atomic { idle != 0 && pend[FIRST(idle)] != 0 -> p = FIRST(idle); CLR(idle, p) };
    flush(p);
    atomic { SET(sealed, p); CLR(all, p); p = 0 }
  :: atomic { idle == 0 || pend[FIRST(idle)] == 0 ->
      do
      :: p < NP && HAS(idle, p) && dur[p] != 0 && pend[p] == 0 -> CLR(idle, p); SET(sealed, p); CLR(all, p); p++
      :: p < NP && !(HAS(idle, p) && dur[p] != 0 && pend[p] == 0) -> p++
      :: p >= NP -> break
      od;
      p = 0 };
    break
  od;
  atomic { round = 1; touched = 0 };               /* PackTable.BeginRound */
  waited = running;                                /* CommitGate.WaitForRunningAsync */
#ifdef OPEN_LATE
  atomic { WAITED -> waited = 0; touched = touched | PINNED };
  open = all;                                      /* the open packs, then the packs there are */
  atomic { cand = live & (255 - open) & (255 - doomed); open = 0 };
#else
  atomic { WAITED -> waited = 0;
    touched = touched | PINNED;                    /* WriteSession.TouchPins */
    cand = live };                                 /* the packs there are, then which of them are open */
#ifdef FINE
  skip;
#endif
  cand = cand & (255 - all) & (255 - doomed);
#endif
  /* LivenessMarker.FollowAllAsync: again and again until nothing is left; each point by its manifest */
  do
  :: atomic { (ROOTS & (255 - followed)) != 0 -> left = ROOTS & (255 - followed) };
    do
    :: atomic { left != 0 -> p = FIRST(left); CLR(left, p); SET(followed, p);
        if :: HAS(manifest, p) -> marks = marks | pset[p] :: else fi;
        p = 0 }
    :: atomic { left == 0 -> break }
    od;
#ifdef FOLLOW_ONCE
    break
#else
    skip
#endif
  :: atomic { (ROOTS & (255 - followed)) == 0 -> break }
  od;
  followed = 0;
  do
  :: atomic { cand != 0 && !failed -> p = FIRST(cand); CLR(cand, p) };
    sweep(p);
    p = 0
  :: atomic { cand == 0 || failed -> cand = 0; marks = 0; break }
  od;
  if
  :: !failed -> writeTable();
    if :: removeDoomed() :: (done != ALLDONE) fi   /* the grace is over, or not */
  :: else
  fi;
  atomic { failed = 0; round = 0; touched = 0 }    /* EndRound */
}

/* Nothing is left that no point needs: after a round that nobody disturbed. */
#define IN_USE(p, c) (HAS(NEEDED(listed | doubtful) & dur[p], c) && FIND(c) == p)
#define GARBAGE(p) (HAS(file, p) && !HAS(all, p) && dur[p] != 0 && !IN_USE(p, 0) && !IN_USE(p, 1))

proctype Collector() {
  byte p, q, to, use, marks, cand, left, followed, fmask, open;
  bit keep, failed, e;
start: skip;
  d_step { p = 0; q = 0; to = NONE; use = 0; marks = 0; cand = 0; left = 0; followed = 0; fmask = 0; open = 0; keep = 0; failed = 0; e = epoch };
  {
    do
    :: atomic { rounds < ROUNDS && done != ALLDONE -> rounds++ }; collect()
    :: atomic { done == ALLDONE && (failures == FAILURES || FAILURES == 0) -> break }
    :: atomic { done == ALLDONE && failures < FAILURES -> failures = FAILURES }
    od;
    collect();
    atomic {
#ifdef REACH_REMOVED
      assert(HAS(file, 0));                        /* must be violated: a pack was removed */
#endif
#if NP > 3
      assert(!GARBAGE(3));
#endif
      assert(!GARBAGE(0) && !GARBAGE(1) && !GARBAGE(2))
    }
  } unless { epoch != e -> goto start }
}

/* ---- an attempt and its commit: WriteSession, RepositoryStore.CommitAsync ---- */

/* Relying on a frame (PackTable.Hold): find its place and note it, then look whether that still counts. To find and to note are one step here: a place
   that stops to count in between is one that does not count at the look. */
#ifndef TOUCH_AFTER_LOOK
#define HOLD(c, note, ghost) \
  atomic { p = FIND(c); if :: p != NONE -> note; TOUCH(p) :: else fi }; \
  if \
  :: atomic { USABLE(p) -> SET(ghost, p) } \
  :: atomic { !USABLE(p) -> p = NONE } \
  fi
#else
#define HOLD(c, note, ghost) \
  atomic { p = FIND(c); if :: p != NONE -> SET(ghost, p) :: else fi }; \
  atomic { if :: p != NONE -> note; TOUCH(p) :: else fi }
#endif

/* "Have", or a frame that FindStored skips: pinned, noted, looked at; else it is sent. */
inline store(c) {
  HOLD(c, SET(spins[w], p), srel[w]);
  if
  :: p == NONE ->
    if
    :: pack == NONE -> acquire(pack);              /* WriterForAsync */
      atomic { if :: pack != NONE -> SET(spins[w], pack); TOUCH(pack) :: else fi }
    :: pack != NONE
    fi;
    if
    :: pack != NONE ->
#if SEALS > 0
      atomic { SET(pend[pack], c) };               /* PackWriter.AppendAsync */
      if
      :: flush(pack)
      :: skip                                      /* flushed by whoever comes next */
      fi
#else
      atomic { SET(dur[pack], c) };
      atomic { enter(pack, BIT(c)) }
#endif
    :: pack == NONE
    fi
  :: p != NONE
  fi;
  p = NONE
}

inline endSession() {
  atomic {
    if :: pack != NONE -> SET(idle, pack); pack = NONE :: else fi;
    if :: HAS(sopen, w) -> CLR(sopen, w); spins[w] = 0; srel[w] = 0;
      if :: sbase != NONE -> pins[sbase]-- :: else fi
    :: else fi
  }
}

/* MapAuditor with Hold, for one chunk of the map. */
inline prove(c) {
#ifndef NO_HOLD
  HOLD(c, skip, crel[w]);
#else
  atomic { p = FIND(c) };
#endif
  if :: p == NONE -> missing = 1 :: p != NONE fi;
  p = NONE
}

inline commit() {
  atomic {
    SET(running, w);                               /* CommitGate.Enter */
#ifndef NO_BASE_PIN
    if                                             /* PinBases, FindTrustedAsync: only what is pinned is trusted */
    :: sbase != NONE && HAS(listed, sbase) -> pins[sbase]++; pinned = 1; trusted = pset[sbase]
    :: else
    fi
#endif
  };
#if defined(TRUST_UNPINNED) || defined(NO_BASE_PIN)
  atomic { trusted = (sbase != NONE && HAS(listed, sbase) && HAS(manifest, sbase) -> pset[sbase] : 0) };
#endif
#if SEALS > 0
  if                                               /* Pool.FlushAllAsync */
  :: atomic { pack != NONE && pend[pack] != 0 -> skip }; flush(pack)
  :: atomic { !(pack != NONE && pend[pack] != 0) -> skip }
  fi;
#endif
  if :: HAS(want, 0) && !HAS(trusted, 0) -> prove(0) :: else fi;
  if :: HAS(want, 1) && !HAS(trusted, 1) && !missing -> prove(1) :: else fi;
  if
  :: !missing ->
    writeTable();
    if                                             /* WritePointAsync */
    :: SET(manifest, w + 2);
      atomic { SET(listed, w + 2); tries[w] = TRIES; CHECK }
    :: atomic { failures < FAILURES -> failures++; tries[w] = TRIES;
#ifndef DOUBT_FORGOTTEN
        SET(doubtful, w + 2);
#endif
        if :: SET(manifest, w + 2) :: skip fi      /* it failed: whether the manifest is there is not known */
      }
    fi
  :: missing
  fi;
  atomic {
    if :: pinned -> pins[sbase]--; pinned = 0 :: else fi;
    crel[w] = 0; missing = 0; trusted = 0;
    CLR(running, w); CLR(waited, w)                /* CommitGate.Leave */
  }
}

proctype Writer(byte w; byte base; byte want) {
  byte p, q, pack, sbase, fmask, trusted, need;
  bit e, pinned, missing;
start: skip;
  d_step { p = NONE; q = 0; pack = NONE; sbase = NONE; fmask = 0; trusted = 0; need = 0; pinned = 0; missing = 0; e = epoch };
  {
    do
    :: atomic { tries[w] < TRIES -> tries[w]++;    /* OpenWriteSessionAsync; what the base has is not sent */
        if
        :: base != NONE && HAS(listed, base) -> sbase = base; pins[sbase]++; need = want & (255 - pset[sbase])
        :: else -> need = want
        fi;
        SET(sopen, w) };
      if :: HAS(need, 0) -> store(0) :: !HAS(need, 0) fi;
      if :: HAS(need, 1) -> store(1) :: !HAS(need, 1) fi;
      need = 0;
      if                                           /* the session is closed before the commit, or by it */
      :: endSession()
      :: skip
      fi;
      commit();
      endSession();
      sbase = NONE
    :: atomic { tries[w] >= TRIES -> SET(done, w); break }
    od
  } unless { epoch != e -> goto start }
}

/* RepositoryStore.RemovePointAsync, of any point that nobody has pinned. */
#define REMOVABLE(i) (HAS(listed, i) && pins[i] == 0)
proctype Remover() {
  byte n;
  bit e;
start: skip;
  d_step { n = 0; e = epoch };
  {
    do
    :: atomic { removals < REMOVALS && (REMOVABLE(0) || REMOVABLE(1) || REMOVABLE(2) || REMOVABLE(3)) ->
        if                                         /* PointCatalog.TryRemove */
        :: REMOVABLE(0) -> n = 0
        :: REMOVABLE(1) -> n = 1
        :: REMOVABLE(2) -> n = 2
        :: REMOVABLE(3) -> n = 3
        fi;
        removals++; CLR(listed, n); SET(removing, n) };
      if
      :: CLR(manifest, n); CLR(removing, n)        /* the deletion is durable; Forget */
      :: atomic { failures < FAILURES -> failures++; CLR(removing, n); SET(listed, n); removals-- }
      fi;
      n = 0
    :: atomic { SET(done, 2); break }
    od
  } unless { epoch != e -> goto start }
}

/* DigestIndex.MergeAsync: what is kept is chosen; later readers see it. */
proctype Merger() {
  bit e;
start: skip;
  e = epoch;
  {
    do
    :: atomic { merges < MERGES && !maint && (run1[0] != NONE || run1[1] != NONE) -> merges++; maint = 1;
        tmp[0] = KEEP(run1[0], run0[0]); tmp[1] = KEEP(run1[1], run0[1]) };
      atomic { run0[0] = tmp[0]; run0[1] = tmp[1]; run1[0] = NONE; run1[1] = NONE; tmp[0] = NONE; tmp[1] = NONE; maint = 0; CHECK }
    :: atomic { SET(done, 3); break }
    od
  } unless { epoch != e -> goto start }
}

/* Another session takes an idle pack, finds it full and retires it (WriteSession.WriterForAsync, PackPool.RetireAsync). */
proctype Sealer() {
  byte p, fmask;
  bit e;
start: skip;
  d_step { p = NONE; fmask = 0; e = epoch };
  {
    do
    :: atomic { seals < SEALS && idle != 0 ->
        seals++; p = FIRST(idle); CLR(idle, p) };
      flush(p);
      atomic { SET(sealed, p); CLR(all, p); p = NONE }
    :: atomic { SET(done, 4); break }
    od
  } unless { epoch != e -> goto start }
}

#ifndef ENTER_DOOMED
#define UNCOVERED(p) (HAS(file, p) && ((dur[p] | FOOTER) & (255 - cov[p])) != 0 && !HAS(doomed, p))
#else
#define UNCOVERED(p) (HAS(file, p) && ((dur[p] | FOOTER) & (255 - cov[p])) != 0)
#endif

/* The process ends at any moment and the repository is opened again (Recovery.RunAsync): what was not durable is gone. */
proctype Crash() {
  byte p;
  do
  :: crashes < CRASHES ->
    atomic {
      crashes++;
      epoch = 1 - epoch;
      p = 0;
      do                                           /* ListPacksAsync, RemoveEmptyAsync */
      :: p < NP ->
        pend[p] = 0;
        if :: dur[p] == 0 -> CLR(file, p) :: else -> SET(sealed, p) fi;
        p++
      :: else -> break
      od;
      live = file; tomb = tomb & file; doomed = tomb; tent = 0;    /* LoadTombstonesAsync */
      touched = 0; round = 0; maint = 0; all = 0; idle = 0;
      running = 0; waited = 0; sopen = 0;
      spins[0] = 0; spins[1] = 0; srel[0] = 0; srel[1] = 0; crel[0] = 0; crel[1] = 0;
      pins[0] = 0; pins[1] = 0; pins[2] = 0; pins[3] = 0;
      listed = manifest; removing = 0; doubtful = 0;               /* LoadPointsAsync */
      tmp[0] = NONE; tmp[1] = NONE; mem[0] = NONE; mem[1] = NONE;
      p = 0;
      do                                           /* CatchUpAsync: packs that runs do not cover, in ascending order */
      :: p < NP && UNCOVERED(p) ->
        if :: HAS(dur[p], 0) -> mem[0] = p :: else fi;
        if :: HAS(dur[p], 1) -> mem[1] = p :: else fi;
        p++
      :: p < NP && !UNCOVERED(p) -> p++
      :: p >= NP -> break
      od;
      p = 0;
      CHECK
    }
  :: break
  od
}

init {
  byte base1 = NONE;
  atomic {
    mem[0] = NONE; mem[1] = NONE; run1[0] = NONE; run1[1] = NONE; tmp[0] = NONE; tmp[1] = NONE;
    pset[0] = 1; pset[1] = 2;
#ifdef GARBAGE_AT_START
    manifest = 1; listed = 1;                      /* point 1, which needs the second chunk, was removed before */
#else
    manifest = 3; listed = 3;                      /* point 0 needs the first chunk, point 1 the second */
#endif
#if defined(TWO_COPIES)
    /* Pack 1 holds both chunks, pack 0 a newer copy of the second: two sessions had sent it at the same time. */
    file = 3; live = 3; sealed = 3; dur[1] = 3; cov[1] = 3 | FOOTER; dur[0] = 2; cov[0] = 2 | FOOTER;
    run0[0] = 1; run0[1] = 1; run1[1] = 0; next = 2;
#elif defined(LOW_OPEN)
    /* Pack 1 holds both chunks, its footer is in no run yet; pack 0 is open and empty. */
    file = 3; live = 3; sealed = 2; dur[1] = 3; cov[1] = 3; all = 1; idle = 1;
    run0[0] = 1; run0[1] = 1; next = 2;
#elif defined(FIRST_ONLY)
    /* Pack 0 holds the first chunk, the second is nowhere. */
    manifest = 1; listed = 1;
    file = 1; live = 1; sealed = 1; dur[0] = 1; cov[0] = 1 | FOOTER;
    run0[0] = 0; run0[1] = NONE;
#ifdef PENDING
    /* A session that has ended left the second chunk in open pack 1, not flushed yet. */
    file = 3; live = 3; all = 2; idle = 2; pend[1] = 2; next = 2;
#endif
#else
    /* Pack 0 holds both chunks. */
    file = 1; live = 1; sealed = 1; dur[0] = 3; cov[0] = 3 | FOOTER;
    run0[0] = 0; run0[1] = 0;
#endif
    /* Writer 0 goes on from point 0. Writer 1 has no base, or point 0, or writer 0's point. */
    pset[2] = WANT0;
#if WRITERS > 1
#ifdef NO_BASE1
    base1 = NONE; pset[3] = 2;
#else
    if :: base1 = NONE; pset[3] = 2 :: base1 = 0; pset[3] = 1 :: base1 = 2; pset[3] = 3 fi;
#endif
#endif
    if :: REMOVALS == 0 -> SET(done, 2) :: else -> run Remover() fi;
    if :: MERGES == 0 -> SET(done, 3) :: else -> run Merger() fi;
    if :: SEALS == 0 -> SET(done, 4) :: else -> run Sealer() fi;
    run Writer(0, 0, pset[2]);
#if WRITERS > 1
    run Writer(1, base1, pset[3]);
#else
    SET(done, 1);
#endif
    if :: CRASHES > 0 -> run Crash() :: else fi;
    run Collector()
  }
}
