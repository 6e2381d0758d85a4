#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Restores the solution. Where the registry lacks packages for which eng/standins has a stand-in, packs those into
# eng/feed and restores again (eng/standins/README.md). May be run at any time and as often as wanted.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly solution=OvirtDistributed.sln
readonly sdk_major=10
readonly feed=eng/feed
readonly stamp=artifacts/bootstrap/standins.sha256
readonly standins=(
  Grpc.Core.Api.2.85.0.1
  Grpc.Net.Common.2.85.0.1
  Grpc.Net.ClientFactory.2.85.0.1
  Grpc.AspNetCore.Server.ClientFactory.2.85.0.1
  OpenTelemetry.Extensions.Hosting.1.20.1.1
)

export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_CLI_UI_LANGUAGE=en

say() { printf 'bootstrap: %s\n' "$*"; }
fail() { printf 'bootstrap: %s\n' "$@" >&2; exit 1; }

[[ -f $solution ]] || fail "there is no $solution here; run eng/bootstrap.sh of a whole checkout."
command -v dotnet > /dev/null || fail "dotnet is not on the PATH; install the .NET $sdk_major SDK (Debian and Fedora: dotnet-sdk-$sdk_major.0)."
sdk=$(dotnet --version 2> /dev/null || true)
[[ ${sdk%%.*} =~ ^[0-9]+$ && ${sdk%%.*} -ge $sdk_major ]] ||
  fail "the .NET $sdk_major SDK is needed; dotnet reports '${sdk:-no SDK}'."

mkdir -p "$feed" "${stamp%/*}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# One bootstrap at a time: a second one waits and then finds the work done.
if command -v flock > /dev/null; then
  exec 9> "${stamp%/*}/lock"
  flock 9
fi

restore() { dotnet restore "$solution" --disable-build-servers > "$1" 2>&1 9>&-; }

# The first error of a log (that matches the second argument), without this machine's paths.
first_error() {
  { grep -m 1 -E "(: |^ *)error( |:).*${2:-}" "$1" || tail -n 1 "$1"; } |
    sed -E "s|$PWD/||g; s| \[[^]]*\][[:space:]]*$||"
}

# Of the file names too, so that a renamed file counts as a change.
sources_hash() {
  find eng/standins -type f -not -path '*/bin/*' -not -path '*/obj/*' -print0 |
    LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -d ' ' -f 1
}

in_feed() {
  local package
  for package in "${standins[@]}"; do
    [[ -f $feed/$package.nupkg ]] || return 1
  done
}

# NuGet never refreshes a version it has: a copy that is not the feed's would be used for ever.
drop_stale_copies() {
  local package id version folder
  packages_folder=${packages_folder:-$(dotnet nuget locals global-packages --list | sed -n 's/^.*global-packages: *//p')}
  [[ -n $packages_folder ]] || fail "dotnet nuget locals does not say where the packages folder is."
  for package in "${standins[@]}"; do
    [[ $package =~ ^(.*[A-Za-z])\.([0-9.]+)$ ]]
    id=${BASH_REMATCH[1],,} version=${BASH_REMATCH[2]}
    folder=${packages_folder%/}/$id/$version
    if [[ -d $folder ]] && ! cmp -s "$feed/$package.nupkg" "$folder/$id.$version.nupkg"; then
      rm -rf "$folder"
    fi
  done
}

hash=$(sources_hash)
if ! in_feed || [[ ! -f $stamp || $(< "$stamp") != "$hash" ]]; then
  rm -f "$feed"/*.nupkg "$stamp"
fi
drop_stale_copies

if restore "$work/plain.log"; then
  if in_feed; then
    say "restored; eng/feed has the stand-ins of this checkout, used only for what the registry lacks."
  else
    say "restored from the registry; no stand-in needed."
  fi
  exit 0
fi

reason=$(first_error "$work/plain.log")
if in_feed; then
  fail "restore failed with the stand-ins in place:" "$reason"
fi
pattern=$(printf '%s\n' "${standins[@]}" | sed -E 's/\.[0-9.]+$//; s/\./\\./g' | paste -s -d '|')
if ! grep -q -E "error.*($pattern)" "$work/plain.log"; then
  fail "restore failed, and not for a package that has a stand-in:" "$reason"
fi

say "the registry lacks packages that have a stand-in: $(first_error "$work/plain.log" "($pattern)")"
say "packing eng/standins into eng/feed (local only, never published)"
if ! dotnet pack eng/standins/Standins.slnx --configuration Release --output "$work/feed" --disable-build-servers > "$work/pack.log" 2>&1 9>&-; then
  fail "the plain restore failed:" "$reason" "and so did packing the stand-ins:" "$(first_error "$work/pack.log")"
fi
mv "$work"/feed/*.nupkg "$feed/"
in_feed || fail "packing the stand-ins left some out; eng/bootstrap.sh and eng/standins disagree on a version."
printf '%s\n' "$hash" > "$stamp"
drop_stale_copies

if ! restore "$work/again.log"; then
  fail "the plain restore failed:" "$reason" "and so did the restore with stand-ins:" "$(first_error "$work/again.log")"
fi
say "restored with the stand-ins."
