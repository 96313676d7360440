# shellcheck shell=bash
# What scripts/run, scripts/test and .ci/run share. Sourced, not run. Debian 12; bash; as root or with sudo.

JACK_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
BUILD_FOLDER=$JACK_ROOT/.build
LOG_FOLDER=$BUILD_FOLDER/script-logs

say() { printf '%s\n' "$*"; }
die() {
    printf 'jack: %s\n' "$*" >&2
    exit 1
}

# as_root COMMAND…: runs it with the rights that apt needs.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo -- "$@"
    else
        die "this needs root, and there is no sudo: run as root: $*"
    fi
}

# need_swift: finds a Swift that is good enough, also where its folder is not on the path.
need_swift() {
    local folder
    if ! command -v swift >/dev/null; then
        for folder in /opt/swift/usr/bin /usr/local/swift/usr/bin "$HOME/.local/share/swiftly/bin" "$HOME/.swiftly/bin"; do
            if [ -x "$folder/swift" ]; then
                PATH=$folder:$PATH
                export PATH
                break
            fi
        done
    fi
    command -v swift >/dev/null || die "there is no swift on the path: install Swift 6.3 or later from https://www.swift.org/install/linux/"
    local version
    version=$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9]*\)\.\([0-9]*\).*/\1 \2/p' | head -n 1)
    # shellcheck disable=SC2086  # two numbers
    set -- $version
    if [ "${1:-0}" -lt 6 ] || { [ "$1" -eq 6 ] && [ "${2:-0}" -lt 3 ]; }; then
        die "Jack needs Swift 6.3 or later, and this is ${1:-?}.${2:-?}"
    fi
}

# progress LABEL COMMAND…: runs a command, shows how long it has taken and what it is doing, and keeps its output for the case that it fails.
# On a terminal that is one line which changes; otherwise a line every 30 s.
progress() {
    local label=$1
    shift
    mkdir -p "$LOG_FOLDER"
    PROGRESS_LOG=$LOG_FOLDER/$(printf '%s' "$label" | tr -c 'A-Za-z0-9' '-').log
    : >"$PROGRESS_LOG"
    local began=$SECONDS shown=$SECONDS status=0 width last child
    # A group of its own, so that what it starts in turn ends with it.
    set -m
    "$@" >"$PROGRESS_LOG" 2>&1 </dev/null &
    child=$!
    set +m
    # shellcheck disable=SC2064  # the child of now, not of later
    trap "kill -TERM -- -$child 2>/dev/null; wait $child 2>/dev/null; say; die '$label: stopped by a signal'" INT TERM HUP
    [ -t 1 ] || say "$label …"
    while kill -0 "$child" 2>/dev/null; do
        if [ -t 1 ]; then
            last=$(last_line "$PROGRESS_LOG")
            width=$(tput cols 2>/dev/null || echo 80)
            printf '\r\033[K%s' "$(printf '[%3d s] %s: %s' $((SECONDS - began)) "$label" "$last" | cut -c "1-$((width - 1))")"
        elif [ $((SECONDS - shown)) -ge 30 ]; then
            shown=$SECONDS
            say "[$((SECONDS - began)) s] $label: $(last_line "$PROGRESS_LOG")"
        fi
        sleep 0.5
    done
    wait "$child" || status=$?
    trap - INT TERM HUP
    [ -t 1 ] && printf '\r\033[K'
    if [ "$status" -eq 0 ]; then
        say "$label: done in $((SECONDS - began)) s"
    else
        say "$label: failed after $((SECONDS - began)) s"
    fi
    return "$status"
}

# last_line FILE: the last line that says how far it is, else the last that says anything, without what only a terminal understands.
last_line() {
    tail -c 20000 "$1" 2>/dev/null | tr '\r' '\n' | sed 's/\x1b\[[0-9;]*[A-Za-z]//g' | awk '
        /^\[[0-9]+\/[0-9]+\]/ { step = $0 }
        / Test .* (passed|failed) after / { step = $0 }
        /[[:alnum:]]/ { any = $0 }
        END { print substr(step ? step : any, 1, 160) }' || true
}

# must LABEL COMMAND…: as progress; where it fails, shows the end of what it said and stops.
must() {
    progress "$@" && return 0
    local status=$?
    grep -aE '(^|[ :])(error|fatal|E): ' "$PROGRESS_LOG" | sort -u | head -n 20 >&2 || true
    say "--- the end of $PROGRESS_LOG ---" >&2
    tail -n 30 "$PROGRESS_LOG" >&2
    die "$1 failed (status $status); all of it is in $PROGRESS_LOG"
}

is_installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

# need_packages PACKAGE…: installs those that are missing. No service that comes with one is started, now or at the next boot.
need_packages() {
    local missing=() package
    for package in "$@"; do is_installed "$package" || missing+=("$package"); done
    [ ${#missing[@]} -gt 0 ] || return 0
    command -v apt-get >/dev/null || die "these packages are missing, and there is no apt to install them: ${missing[*]}"
    if [ "$(id -u)" -ne 0 ]; then
        # Asks for the password now, where it can be seen, and not behind the line that shows the progress.
        command -v sudo >/dev/null || die "these packages are missing; install them as root: apt-get install ${missing[*]}"
        sudo -v || die "these packages are missing, and sudo refuses: ${missing[*]}"
    fi
    must "Reading the lists of packages" as_root apt-get update -q
    must "Installing ${missing[*]}" install_quietly "${missing[@]}"
}

# install_quietly PACKAGE…: apt asks policy-rc.d before it starts a service; ours says no.
install_quietly() {
    local policy=/usr/sbin/policy-rc.d made=false status=0 package unit
    if [ ! -e $policy ]; then
        printf '#!/bin/sh\nexit 101\n' | as_root tee $policy >/dev/null
        as_root chmod 755 $policy
        made=true
    fi
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@" || status=$?
    if $made; then as_root rm -f $policy; fi
    if [ -d /run/systemd/system ]; then
        for package in "$@"; do
            for unit in $(dpkg -L "$package" 2>/dev/null | sed -n 's|.*/systemd/system/\([^/@]*\.\(service\|timer\)\)$|\1|p'); do
                as_root systemctl disable --now "$unit" >/dev/null 2>&1 || true
            done
        done
    fi
    return "$status"
}

# What building and linking needs.
# shellcheck disable=SC2034  # used by those who source this
BUILD_PACKAGES=(libcurl4-openssl-dev libsqlite3-dev libyaml-dev zlib1g-dev pkg-config git ca-certificates tzdata libc6-dev libstdc++-12-dev binutils)
