#!/bin/bash
# SPDX-License-Identifier: MIT
# tests/integration/test-cli-run.sh AUTOPROF VICTIM - `autoprof run`: statuses, reports, signals, the doctor.
set -u
autoprof=$(realpath "$1")
victim=$(realpath "$2")
. "$(dirname "$0")/../support/tap.sh"
unset AUTOPROF_OPTIONS AUTOPROF_DISABLE LD_PRELOAD
export XDG_RUNTIME_DIR=$tap_dir/run
mkdir -m 0700 "$XDG_RUNTIME_DIR"
spools=$XDG_RUNTIME_DIR/autoprof

run() { "$autoprof" run -q "$@"; }
empty() { [ -z "$(ls "$1")" ]; }

check 'the status of the command is passed on' same "$(status run "$victim" exit 7)" 7
check 'so is that of _exit' same "$(status run "$victim" _exit 8)" 8
check 'a signal becomes 128 and its number' same "$(status run "$victim" kill 9)" 137
check 'abort too' same "$(status run "$victim" abort)" 134
check 'an option that does not exist is 125' same "$(status "$autoprof" run --no-such-option true)" 125
check 'no command is 125' same "$(status "$autoprof" run)" 125
check 'a file that cannot be executed is 126' same "$(status run /etc/passwd)" 126
check 'a directory is 126' same "$(status run /)" 126
check 'a command that does not exist is 127' same "$(status run no-such-command-here)" 127
check 'options after the command are its own' same "$(run echo --help -o x 2>/dev/null)" '--help -o x'
check 'a directory that cannot be had is 125' same "$(status run --dir=/dev/null/x true)" 125
rm -f autoprof.*

said=$("$autoprof" run "$victim" exit 3 2>&1 >out)
check 'the program prints what it prints' same "$(cat out)" called
check 'one line tells where the report is' has "$said" '^autoprof: report: autoprof\.cli-modes\.[0-9]+\.txt$'
check 'and nothing else' same "$(printf '%s\n' "$said" | wc -l)" 1
report=$(ls autoprof.cli-modes.*.txt)
check 'the report is there' test -s "$report"
check 'with all calls' has "$(cat "$report")" '\b1000\b'
check 'the status is in it' has "$(head -1 "$report")" 'exited, status 3'
check 'it is for its owner only' same "$(stat -c %a "$report")" 600
check 'nothing is left in the spool directory' same "$(ls "$spools")" ''
rm -f autoprof.*

check 'with --quiet nothing is said' same "$(run "$victim" exit 0 2>&1)" called
rm -f autoprof.*

run -o 'a.json,b-%e.txt' "$victim" >/dev/null
check 'several formats at once' test -s a.json -a -s b-cli-modes.txt
check 'JSON names its schema' has "$(cat a.json)" '"schema": *"autoprof-report/1"'
cp a.json before
run -o a.json "$victim" >/dev/null
check 'a report is never overwritten' cmp a.json before
check 'the next has a number' test -s a.2.json
rm -f ./*.json ./*.txt before

run -o none/a.txt "$victim" >/dev/null 2>said
check 'a report without a place goes beside the spool' test -s "$spools/a.txt"
check 'which is said' has "$(cat said)" "cannot write 'none/a.txt': No such file or directory"
check 'and logged' has "$("$autoprof" info)" "^log .*cannot write 'none/a.txt'"
rm -rf "$spools"

run "$victim" kill 11 >/dev/null 2>&1
check 'a fatal signal is in the report' has "$(head -1 autoprof.*.txt)" 'ended by signal 11'
rm -f autoprof.*

run "$victim" exec "$victim" exit 4 >/dev/null
check 'both images of an exec are in one report' same "$(ls autoprof.* | wc -l)" 1
check 'named for the first, with the end of the second' has "$(head -1 autoprof.*)" \
  '^autoprof: cli-modes \(pid [0-9]+\), ran .*, exited, status 4$'
check 'each is a row' same "$(grep -cE ' (exec|exit 4) +cli-modes$' autoprof.*)" 2
rm -f autoprof.*

run --per-process "$victim" exec "$victim" exit 4 >/dev/null
check 'or both images of an exec are reported' same "$(ls autoprof.* | wc -l)" 2
check 'the first as replaced' has "$(head -qn1 autoprof.*)" 'became another program \(exec\)'
check 'the second as exited' has "$(head -qn1 autoprof.*)" 'exited, status 4'
rm -f autoprof.*

said=$("$autoprof" run sh -c "'$victim' exit 0; '$victim' exit 0; exit 5" 2>&1 >/dev/null)
check 'children are in one report' same "$(ls autoprof.* | wc -l)" 1
check 'named for the command, which recorded nothing' has "$said" '^autoprof: report: autoprof\.(da|ba)?sh\.[0-9]+\.txt$'
check 'it has its end' has "$(head -1 autoprof.*)" 'and 2 more processes, ran .*, exited, status 5$'
check 'and they are rows of it' same "$(grep -cE ' exit 0|exit +cli-modes$' autoprof.*)" 2
rm -f autoprof.*

said=$("$autoprof" run -p sh -c "'$victim' exit 0; '$victim' exit 0; exit 5" 2>&1 >/dev/null)
check 'with --per-process each has its own' same "$(ls autoprof.* | wc -l)" 2
check 'which one line tells' has "$said" '2 reports of other processes'
rm -f autoprof.*

run sh -c "'$victim' pause >child.out & echo \$! >child.pid; until [ -s child.out ]; do sleep 0.05; done" >/dev/null
check 'who goes on is not reported yet' same "$(ls | grep -c '^autoprof')" 0
kill -9 "$(cat child.pid)"
check 'but at its end' until_true test -s "autoprof.cli-modes.$(cat child.pid).txt"
check 'and its run directory goes' until_true empty "$spools"
rm -f autoprof.* child.*

rm -f out
"$autoprof" run -q "$victim" pause >out &
pid=$!
until_true test -s out
kill -TERM $pid
wait $pid
check 'SIGTERM is passed on' same $? 143
check 'and reported' has "$(head -1 autoprof.*.txt)" 'ended by signal 15'
rm -f autoprof.*

(trap '' CHLD && exec "$autoprof" run -q "$victim" exit 6) >/dev/null
check 'an ignored SIGCHLD does no harm' same $? 6
check 'nor to the report' test -s autoprof.cli-modes.*.txt
rm -f autoprof.*

said=$(run /bin/true 2>&1)
check 'the doctor knows what is not instrumented' has "$said" "no report of '/bin/true': it is not instrumented"
printf '#!/bin/true\n' >script
chmod +x script
check 'of a script it looks at the interpreter' has "$(run ./script 2>&1)" "no report of '/bin/true'"
check 'a disabled library is told' has "$(AUTOPROF_DISABLE=1 run "$victim" 2>&1)" 'AUTOPROF_DISABLE is set'

"$autoprof" run --option report=none "$victim" >/dev/null 2>said
check 'report=none leaves the spool' has "$(cat said)" '^autoprof: spool: .*\.spool$'
check 'which can be reported' has "$("$autoprof" report --delete)" 'cli-modes'
check 'and is gone then' same "$(ls "$spools")" ''

for given in memory=32M: 'memory=32M::' 'memory=32M\'; do
  AUTOPROF_OPTIONS=$given run -q "$victim" exit 0 >/dev/null 2>&1
  check "what '$given' ends with takes nothing of what follows" test -s autoprof.cli-modes.*.txt
  rm -f autoprof.*
done

mkdir 'blank here'
cp "$autoprof" "$(dirname "$autoprof")/libautoprof.so" 'blank here'
'blank here/autoprof' run -q "$victim" >/dev/null
check 'a library below a path with a blank is preloaded' test -s autoprof.cli-modes.*.txt
rm -f autoprof.*

mkdir -m 0755 open
check 'a directory open to others is refused' has "$(run --dir=open true 2>&1)" 'others may enter it'
ln -s "$spools" link
check 'a symbolic link is refused' same "$(status run --dir=link true)" 125
finish
