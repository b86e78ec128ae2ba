#!/bin/bash
# SPDX-License-Identifier: MIT
# tests/integration/test-cli-read.sh AUTOPROF VICTIM BROKEN_LIBELF - report, dump, info, flags, gc: what they say, and how they end.
set -u
autoprof=$(realpath "$1")
victim=$(realpath "$2")
broken=$(realpath "$3")
. "$(dirname "$0")/../support/tap.sh"
unset AUTOPROF_OPTIONS AUTOPROF_DISABLE LD_PRELOAD DEBUGINFOD_URLS
export XDG_RUNTIME_DIR=$tap_dir/run
mkdir -m 0700 "$XDG_RUNTIME_DIR"
spools=$XDG_RUNTIME_DIR/autoprof
library=$(dirname "$autoprof")/libautoprof.so

# One dead spool, kept, and a living process.
AUTOPROF_OPTIONS=report=none LD_PRELOAD=$library "$victim" exit 0 >/dev/null
dead=$(ls "$spools"/*.spool)
cp "$dead" copy.spool

check 'no arguments is trouble' same "$(status "$autoprof")" 2
check 'an unknown verb is trouble' same "$(status "$autoprof" no-such-verb)" 2
check 'so is an unknown option' same "$(status "$autoprof" report --no-such-option)" 2
check 'and a number that is none' has "$("$autoprof" report --top=-1 2>&1)" "^autoprof: --top cannot be '-1'$"
check 'and an unknown order' has "$("$autoprof" report --sort=x 2>&1)" 'one of: self total calls'
check '--version tells it' has "$("$autoprof" --version)" '^autoprof [0-9]+\.[0-9]+\.[0-9]+$'
check 'help of an unknown verb is trouble' same "$(status "$autoprof" help x)" 2

check 'report finds the newest spool' has "$("$autoprof" report)" 'leaf'
check 'a spool may be named' has "$("$autoprof" report copy.spool)" 'leaf'
check 'or its pid' has "$("$autoprof" report "$(basename "$dead" | cut -d. -f1)")" 'leaf'
check 'or its directory' has "$("$autoprof" report "$spools")" 'leaf'
check 'options may follow' has "$("$autoprof" report copy.spool --json)" '"autoprof-report/1"'
check 'two have headers' same "$("$autoprof" report copy.spool "$dead" | grep -c '^==> ')" 2
check 'one has none' same "$("$autoprof" report copy.spool | grep -c '^==> ')" 0
check 'callers are shown' has "$("$autoprof" report --callers=leaf copy.spool)" '1000 .*middle'
said=$("$autoprof" report --callers=lea copy.spool 2>&1)
check 'callers of what was not called are trouble' same $? 2
check 'which says what is like it' has "$said" "^autoprof: no function named 'lea' was called; similar: leaf"
check 'an ignored SIGCHLD does no harm' has "$(trap '' CHLD && exec "$autoprof" report copy.spool)" 'leaf'
check 'a directory that cannot be made is trouble' same "$(status "$autoprof" info --dir=/dev/null/x)" 2
"$autoprof" report -o r.json copy.spool 2>said
check 'a file gets the format of its extension' has "$(cat r.json)" '"autoprof-report/1"'
check 'and is named' same "$(cat said)" 'autoprof: report: r.json'
check 'a full device is trouble' same "$("$autoprof" report copy.spool 2>/dev/null >/dev/full; echo $?)" 2

# assert_refused NAME FILE PATTERN
refused() {
  local said
  said=$("$autoprof" report "$2" 2>&1)
  check "$1 is refused" same $? 2
  check "$1 in one line" has "$said" "^autoprof: cannot read '$2': $3"
  check "$1 and no more" same "$(printf '%s\n' "$said" | wc -l)" 1
}
head -c 3000 copy.spool >short.spool
refused 'a truncated spool' short.spool 'truncated'
{ printf 'APSPOOL\0\143\0\0\0' && tail -c +13 copy.spool; } >other.spool
refused 'a spool of another version' other.spool 'spool of version 99'
head -c 5000 /dev/zero >zero.spool
refused 'a foreign file' zero.spool 'not an autoprof spool'
: >empty.spool
refused 'an empty file' empty.spool 'not an autoprof spool'
check 'a file that is not there is trouble' same "$(status "$autoprof" report nowhere.spool)" 2
check 'the readable one of two is reported' has "$("$autoprof" report short.spool copy.spool 2>/dev/null)" 'leaf'
check 'and the other is trouble' same "$(status "$autoprof" report short.spool copy.spool)" 2
check 'info refuses it too' same "$(status "$autoprof" info short.spool)" 2

check 'several are merged into one report' has "$("$autoprof" report --merge --json copy.spool "$dead")" '"calls": *2000\b'
check 'with a row for each' same "$("$autoprof" report --merge copy.spool "$dead" | sed -n '/^PROCESSES/,/^DATA/p' | grep -c 'cli-modes$')" 2
check 'and stay where they are' test -e copy.spool -a -e "$dead"
"$autoprof" report --merge --json copy.spool short.spool "$dead" >merged.json 2>said
check 'one that cannot be read is trouble' same $? 2
check 'which is told' has "$(cat said)" "cannot read 'short.spool'"
check 'and costs only itself' has "$(cat merged.json)" '"calls": *2000\b'

LD_PRELOAD=$broken "$autoprof" report --json copy.spool >broken.json
check 'a crash of the ELF reader is survived' same $? 0
check 'with names that are offsets' has "$(cat broken.json)" '"name": *"cli-modes\+0x[0-9a-f]+"'
check 'and the calls' has "$(cat broken.json)" '"calls": *1000\b'
check 'and a note' has "$(cat broken.json)" 'named by module and offset'

check 'info of a spool has its events' has "$("$autoprof" info copy.spool)" '^events +attempted [0-9]+ == folded'
check 'info of a spool has its modules' has "$("$autoprof" info copy.spool)" '^module .*cli-modes [0-9a-f]{40}'
check 'info of a program' has "$("$autoprof" info "$victim")" '^verdict +its calls will be profiled'
check 'info of another' has "$("$autoprof" info /bin/true)" '^hooks +not instrumented'
{ head -c 4 "$victim" && printf '\001' && tail -c +6 "$victim"; } >elf32
check 'info of a 32-bit one' has "$("$autoprof" info ./elf32)" 'another machine or word size'
cp "$victim" suid && chmod u+s suid
check 'info sees setuid' has "$("$autoprof" info ./suid)" '^rights +setuid'
strip -o stripped "$victim" 2>/dev/null && check 'info sees stripped' has "$("$autoprof" info ./stripped)" '\(stripped\)'
head -c 1000 "$victim" >cut
check 'a program that is cut short does no harm' same "$(status "$autoprof" info ./cut)" 0
check 'info of the environment' has "$("$autoprof" info)" "^directory +$spools$"
check 'and the number of spools' has "$("$autoprof" info)" '0 of running processes, 1 of dead ones'
chmod 0750 "$spools"
check 'a directory open to others is trouble' same "$(status "$autoprof" info)" 2
check 'and said' has "$("$autoprof" info)" 'CANNOT BE USED: others may enter it'
chmod 0700 "$spools"

AUTOPROF_OPTIONS=monitor=on LD_PRELOAD=$library "$victim" pause >out &
pid=$!
until_true test -s out
check 'a living process can be dumped' has "$("$autoprof" dump $pid | head -1)" 'still running'
check 'to a file too' same "$(status "$autoprof" dump -o dump.json $pid)" 0
check 'which is whole' has "$(tail -1 dump.json)" '^}$'
check 'info knows that it lives' has "$("$autoprof" info $pid)" '^life +running'
check 'gc leaves it alone' hasnt "$("$autoprof" gc --all --dry-run)" "/$pid\."
kill -9 $pid
wait $pid 2>/dev/null
check 'its attendant reports its end' until_true test -s "autoprof.cli-modes.$pid.txt"
check 'with the signal' has "$(head -1 "autoprof.cli-modes.$pid.txt")" 'ended by signal 9'
check 'and removes the spool' until_true test ! -e "$(ls "$spools"/$pid.*.spool 2>/dev/null)"
check 'dump of a dead process is trouble' same "$(status "$autoprof" dump $pid)" 2

check 'gc keeps what is young' same "$("$autoprof" gc)" ''
check 'a dry run says what would go' same "$("$autoprof" gc --all --dry-run)" "would remove $dead"
check 'and does nothing' test -e "$dead"
mkdir "$spools/run-2147483646-0123456789abcdef"
check 'gc --all removes it' has "$("$autoprof" gc --all)" "^removed $dead$"
check 'and run directories without a spool' test ! -e "$spools/run-2147483646-0123456789abcdef"
head -c 1048577 /dev/zero >"$spools/log"
check 'and a log that is too large' same "$("$autoprof" gc)" "removed $spools/log"
check 'without spools report says so' has "$("$autoprof" report 2>&1)" "^autoprof: no spool in '$spools'$"
check 'gc of no directory is fine' same "$(status "$autoprof" gc --dir=none)" 0

printf '%s\n' '#define APART __attribute__((noinline))' 'static volatile unsigned long sink;' \
  'APART int get(int x) { return x + 1; }' \
  'APART int work(int n) { for (int i = 0; i < 20000; i++) sink++; return n; }' \
  'int main(void) { for (int i = 0; i < 3000000; i++) sink += (unsigned long)get(i);' \
  '  for (int i = 0; i < 200; i++) sink += (unsigned long)work(i); return 0; }' >tiny.c
gcc -O1 -finstrument-functions tiny.c -o tiny
for turn in 1 2 3 4 5; do # on a busy machine get() may seem to take long
  rm -f "$spools"/*.spool
  AUTOPROF_OPTIONS=report=none LD_PRELOAD=$library ./tiny
  flag=$("$autoprof" report --exclude-flags "$(echo "$spools"/*.spool)")
  [ -z "$flag" ] || break
done
check 'the flag for tiny functions names them only' same "$flag" '-finstrument-functions-exclude-function-list=get'
gcc -O1 -finstrument-functions "$flag" tiny.c -o tiny && AUTOPROF_OPTIONS=output=tiny.json LD_PRELOAD=$library ./tiny
check 'built with it they are not recorded' hasnt "$(cat tiny.json)" '"name": *"get"'
check 'the others are' has "$(cat tiny.json)" '"name": *"work"'

check 'flags are for gcc' has "$("$autoprof" flags)" '^-finstrument-functions -g'
check 'or clang' has "$("$autoprof" flags clang --exclude)" '^-finstrument-functions-after-inlining -g'
check 'or nobody else' same "$(status "$autoprof" flags tcc)" 2
finish
