#!/usr/bin/env bash
# Checks the model of garbage collection (tests/models/garbage-collection) with spin: every scenario as it is, which must hold, and once for every
# protection taken away, which must not. Prints "scenario NAME ok|FAILED ..." and "mutation NAME ok|FAILED ..." lines; 0 when all are ok.
# Usage: check-models.sh [NAME...]   (only these scenarios and mutations)
set -uo pipefail
cd "$(dirname "$0")/.."
model=$PWD/tests/models/garbage-collection/gc.pml
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for program in spin gcc; do
  if ! command -v "$program" >/dev/null; then
    echo "$program is missing: run 'make setup', or apt-get install spin gcc libc6-dev." >&2
    exit 2
  fi
done

# Runs one verifier. Megabytes of memory and seconds are bounds of the search: beyond them it is not complete, which is a failure.
# check KIND NAME DEFINES...
check() {
  local kind=$1 name=$2 folder="$work/$1-$2"
  shift 2
  if [ ${#only[@]} -gt 0 ] && [[ " ${only[*]} " != *" $name "* ]]; then
    return
  fi
  mkdir "$folder"
  (
    cd "$folder"
    # The safety of states only, so no cycles; -O0, because to optimize a verifier takes longer than most of them run.
    spin -a "$@" "$model" >log 2>&1 && gcc -O0 -w -DSAFETY -DNOFAIR -DMEMLIM=1400 -o pan pan.c >>log 2>&1 && timeout "$seconds" ./pan -m10000 -n >>log 2>&1
  )
  local log="$folder/log" states errors
  states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' "$log")
  errors=$(sed -n 's/.*errors: \([0-9]*\).*/\1/p' "$log")
  if [ -z "$states" ] || grep -q -e 'max search depth too small' -e 'out of memory' "$log"; then
    result="FAILED the search did not end: $(tail -n 3 "$log" | tr '\n' ' ')"
  elif [ "$kind" = scenario ]; then
    result=$([ "$errors" = 0 ] && echo "ok $states states" || echo "FAILED errors: $errors, $(violated "$log")")
  else
    result=$([ "$errors" = 1 ] && grep -q 'assertion violated' "$log" && echo "ok $states states to a counterexample" || echo "FAILED no counterexample in $states states")
  fi
  echo "$kind $name $result"
  case $result in FAILED*) touch "$work/failed" ;; esac
  rm -rf "$folder"
}

violated() { grep -m 1 -e 'assertion violated' -e 'invalid end state' "$1" | cut -c 1-120; }

only=("$@")
seconds=${OVD_MODEL_SECONDS:-300}
one=(-DWRITERS=1 -DROUNDS=1)
calm=("${one[@]}" -DCRASHES=0)
revive=("${calm[@]}" -DGARBAGE_AT_START -DREMOVALS=0)
fails=("${one[@]}" -DGARBAGE_AT_START -DREMOVALS=0 -DFAILURES=1)
merge=("${calm[@]}" -DGARBAGE_AT_START -DREMOVALS=0 -DTWO_COPIES -DMERGES=1)
low=("${one[@]}" -DGARBAGE_AT_START -DREMOVALS=0 -DLOW_OPEN)
shared=("${calm[@]}" -DWANT0=1 -DGARBAGE_AT_START -DREMOVALS=2)
fresh=("${calm[@]}" -DREMOVALS=0 -DFIRST_ONLY)
late=("${fresh[@]}" -DPENDING -DSEALS=1)

# What must hold.
scenarios() {
  check scenario crash "${one[@]}" -DGARBAGE_AT_START
  check scenario removal "${calm[@]}" -DREMOVALS=2
  check scenario shared-base "${shared[@]}"
  check scenario two-rounds "${calm[@]}" -DROUNDS=2 -DGARBAGE_AT_START
  check scenario two-writers -DWRITERS=2 -DROUNDS=1 -DCRASHES=0 -DREMOVALS=0 -DGARBAGE_AT_START -DNO_BASE1
  check scenario failures "${fails[@]}"
  check scenario failed-commit "${one[@]}" -DFAILURES=1 -DREMOVALS=0
  check scenario failed-removal "${calm[@]}" -DFAILURES=1
  check scenario merge "${merge[@]}"
  check scenario low-pack "${low[@]}"
  check scenario new-pack "${fresh[@]}" -DFINE
  check scenario late-flush "${late[@]}"
}

# What must not: each takes one protection away.
mutations() {
  check mutation NO_SECOND_LOOK "${revive[@]}" -DNO_SECOND_LOOK
  check mutation TOUCH_AFTER_LOOK "${revive[@]}" -DTOUCH_AFTER_LOOK
  check mutation NO_HOLD "${revive[@]}" -DNO_HOLD
  check mutation NO_COMMIT_WAIT "${revive[@]}" -DNO_COMMIT_WAIT
  check mutation NO_PIN_TOUCH "${revive[@]}" -DNO_PIN_TOUCH
  check mutation NO_BASE_PIN "${calm[@]}" -DNO_BASE_PIN
  check mutation TRUST_UNPINNED "${calm[@]}" -DFAILURES=1 -DTRUST_UNPINNED
  check mutation FOLLOW_ONCE "${shared[@]}" -DFOLLOW_ONCE
  check mutation REMOVING_UNSEEN "${one[@]}" -DGARBAGE_AT_START -DREMOVING_UNSEEN
  check mutation NO_COPY_FLUSH "${one[@]}" -DREMOVALS=0 -DGARBAGE_AT_START -DNO_COPY_FLUSH
  check mutation ENTER_DOOMED "${low[@]}" -DENTER_DOOMED
  check mutation SPARE_ON_FAILED_TOMBSTONE "${fails[@]}" -DSPARE_ON_FAILED_TOMBSTONE
  check mutation DOUBT_FORGOTTEN "${one[@]}" -DFAILURES=1 -DREMOVALS=0 -DGARBAGE_AT_START -DDOUBT_FORGOTTEN
  check mutation MERGE_BESIDE_DOOM "${merge[@]}" -DMERGE_BESIDE_DOOM
  check mutation OPEN_LATE "${fresh[@]}" -DOPEN_LATE
  check mutation ADD_WITHOUT_TOUCH "${late[@]}" -DADD_WITHOUT_TOUCH
  check mutation NEVER_DOOM "${shared[@]}" -DNEVER_DOOM
  check mutation REACH_REMOVED "${revive[@]}" -DREACH_REMOVED
}

# Two at a time: together below 4 GiB.
scenarios &
mutations &
wait
[ ! -e "$work/failed" ]
