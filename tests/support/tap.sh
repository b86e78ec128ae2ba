# SPDX-License-Identifier: MIT
# tests/support/tap.sh - TAP for shell tests: source it, call check for each fact, and end with finish.

tap_n=0
tap_dir=$(mktemp -d)
trap '[ "$BASHPID" != $$ ] || rm -rf "$tap_dir"' EXIT
cd "$tap_dir" || exit 99

# check NAME COMMAND... - the command's status is the result; what it prints is shown when it fails.
check() {
  tap_n=$((tap_n + 1))
  local name=$1
  shift
  if "$@" >"$tap_dir/.said" 2>&1; then
    echo "ok $tap_n - $name"
  else
    echo "not ok $tap_n - $name"
    sed 's/^/# /' "$tap_dir/.said"
  fi
}

# skip NAME WHY
skip() {
  tap_n=$((tap_n + 1))
  echo "ok $tap_n - $1 # SKIP $2"
}

# same GOT WANTED
same() {
  [ "$1" = "$2" ] || {
    printf 'got:    %s\nwanted: %s\n' "$1" "$2"
    return 1
  }
}

# has TEXT PATTERN - an extended regular expression occurs in it
has() {
  printf '%s\n' "$1" | grep -Eq -- "$2" || {
    printf 'no "%s" in: %s\n' "$2" "$1"
    return 1
  }
}

# hasnt TEXT PATTERN
hasnt() {
  ! has "$1" "$2" >/dev/null || {
    printf '"%s" in: %s\n' "$2" "$1"
    return 1
  }
}

# until_true COMMAND... - within 30 seconds, looked at every 50 ms
until_true() {
  local i
  for ((i = 0; i < 600; i++)); do
    "$@" >/dev/null 2>&1 && return 0
    sleep 0.05
  done
  echo "# never true: $*"
  return 1
}

# status COMMAND... - its exit status as text
status() {
  "$@" >/dev/null 2>&1
  echo $?
}

finish() {
  echo "1..$tap_n"
}
