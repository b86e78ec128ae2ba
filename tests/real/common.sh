# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# common.sh - sourced by the tests on real programs: where things are, TAP lines, runs under a preload.
#
# AP_BUILD is autoprof's build directory (default: build at the root), AP_REAL_CACHE that of the programs.
here=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
root=$(realpath "$here/../..")
build=$(realpath "${AP_BUILD:-$root/build}")
cache=${AP_REAL_CACHE:-$root/build-real}
for needed in libautoprof.so autoprof tests/support/liboracle.so tests/support/ap-compare; do
	if [ ! -e "$build/$needed" ]; then
		echo "$build/$needed is missing: build autoprof first (ninja -C $build)" >&2
		exit 2
	fi
done
work=$(mktemp -d "${TMPDIR:-/tmp}/ap-real.XXXXXX") || exit 2
trap 'rm -rf "$work"' EXIT
passed=0 failed=0

# result STATUS SENTENCE [FILE]: a TAP line; the file explains a failure
result() {
	if [ "$1" -eq 0 ]; then
		passed=$((passed + 1))
		echo "ok $((passed + failed)) - $2"
	else
		failed=$((failed + 1))
		echo "not ok $((passed + failed)) - $2"
		[ -z "${3:-}" ] || sed 's/^/# /' "$3"
	fi
}

# finish: the plan, the sum, the status
finish() {
	echo "1..$((passed + failed))"
	echo "$passed passed, $failed failed"
	[ "$failed" -eq 0 ]
}

# preloaded LIBRARY OPTIONS COMMAND...: in $work/run, with an environment of the same size and addresses of
# the same order for every library: programs whose calls depend on addresses still do the same calls
preloaded() {
	local library=$1 options=$2 pad
	shift 2
	printf -v pad '%*s' $((2000 - ${#library} - ${#options})) ""
	(cd "$work/run" && exec env -i PATH="$PATH" setarch -R env LD_PRELOAD="$library" ORACLE_DIR="$work/log" \
		AUTOPROF_OPTIONS="$options" PAD="$pad" "$@")
}

# profiled OPTIONS COMMAND...: under autoprof; waits for $work/run/report.json, which OPTIONS must ask for
profiled() {
	local options=$1 status tries=0
	shift
	rm -f "$work/run/report.json"
	preloaded "$build/libautoprof.so" "$options" "$@"
	status=$?
	while [ ! -e "$work/run/report.json" ] && [ $tries -lt 300 ]; do
		sleep 0.1
		tries=$((tries + 1))
	done
	return $status
}
