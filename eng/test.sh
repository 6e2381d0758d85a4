#!/usr/bin/env bash
# Runs test assemblies beside one another and ends with "N passed, N failed" (", N skipped" when there are any).
# Usage: test.sh CONFIGURATION ASSEMBLY... [-- RUNNER-ARGUMENTS]
set -uo pipefail
cd "$(dirname "$0")/.."

configuration=$1
shift
assemblies=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do
  assemblies+=("$1")
  shift
done
[ $# -gt 0 ] && shift

results=artifacts/test-results
mkdir -p "$results"
passed=0 failed=0 skipped=0 broken=0

# The names of the failed tests, so that the end of a long log tells what to look at.
failures() { grep -o '<UnitTestResult [^>]*outcome="Failed"[^>]*' "$1" | grep -o 'testName="[^"]*"' | sed 's/^testName="/  failed: /; s/"$//'; }

attribute() { grep -o "<Counters [^>]*" "$1" | grep -o " $2=\"[0-9]*\"" | grep -o '[0-9]*'; }

# Beside one another: each waits for servers, leases and disks half of its time. Their lines come mixed, each behind its assembly's name.
# Half of the processors' time goes into compiling: each end-to-end test starts its services anew. There, code that is compiled once and quickly
# is the better bargain; nothing is measured.
run() {
  local assembly=$1 part=$2 report="$results/$1$2.trx" settings=(DOTNET_TieredPGO=0)
  shift 2
  [[ $assembly != *.EndToEnd ]] || settings+=(DOTNET_TieredCompilation=1 DOTNET_TC_CallCounting=0)
  env "${settings[@]}" "tests/$assembly/bin/$configuration/net10.0/$assembly" -noLogo -noColor -trx "$report" "$@" 2>&1 | sed -u "s/^/${assembly#OvirtDistributed.}: /"
  echo "${PIPESTATUS[0]}" >"$results/$assembly$part.status"
}

# The end-to-end tests take longest and run one at a time, each with processes of its own. So a part of them runs behind the others' tests: two programs
# at a time, about equally long. A new folder is in the first part by itself.
later=(Maintenance Failures)
rm -f "$results"/*.trx "$results"/*.status
reports=() not_later=() only_later=()
for folder in "${later[@]}"; do
  not_later+=(-namespace- "OvirtDistributed.EndToEnd.$folder")
  only_later+=(-namespace "OvirtDistributed.EndToEnd.$folder")
done
for assembly in "${assemblies[@]}"; do
  reports+=("$assembly")
  [[ $assembly != *.EndToEnd ]] || reports+=("$assembly.later")
done

for assembly in "${assemblies[@]}"; do
  [[ $assembly != *.EndToEnd ]] || run "$assembly" "" "$@" "${not_later[@]}" &
done
{
  for assembly in "${assemblies[@]}"; do
    [[ $assembly == *.EndToEnd ]] || run "$assembly" "" "$@"
  done
  for assembly in "${assemblies[@]}"; do
    [[ $assembly != *.EndToEnd ]] || run "$assembly" .later "$@" "${only_later[@]}"
  done
} &
wait

for name in "${reports[@]}"; do
  report="$results/$name.trx"
  status=$(cat "$results/$name.status")
  if [ ! -s "$report" ]; then
    echo "$name ended with status $status and wrote no report." >&2
    broken=1
    continue
  fi
  passed=$((passed + $(attribute "$report" passed)))
  this_failed=$(($(attribute "$report" failed) + $(attribute "$report" error)))
  failed=$((failed + this_failed))
  skipped=$((skipped + $(attribute "$report" notExecuted)))
  if [ "$status" -ne 0 ] && [ "$this_failed" -eq 0 ]; then
    echo "$name ended with status $status although no test failed." >&2
    broken=1
  fi
done

if [ $broken -ne 0 ]; then
  failed=$((failed + 1))
fi
for name in "${reports[@]}"; do
  [ ! -s "$results/$name.trx" ] || failures "$results/$name.trx"
done
line="$passed passed, $failed failed"
[ $skipped -gt 0 ] && line="$line, $skipped skipped"
echo "$line"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
