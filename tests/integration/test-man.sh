#!/bin/bash
# SPDX-License-Identifier: MIT
# tests/integration/test-man.sh AUTOPROF SOURCE - the manual and --help tell of the same verbs and options.
set -u
autoprof=$(realpath "$1")
man=$2/man
. "$(dirname "$0")/../support/tap.sh"

# Options as --help tells them: "-o --output=FILE", one a line.
options_of_help() {
  "$autoprof" "$1" --help | sed -n 's/^  \(-.\), \(--[^ ]*\).*/\1 \2/p; s/^      \(--[^ ]*\).*/\1/p' | sort
}

# The same from the paragraphs of the page's OPTIONS.
options_of_man() {
  sed -n '/^# OPTIONS/,/^# [^O]/{/^\*-/p}' "$1" | tr -d '*_' | sed 's/^\(-[a-zA-Z]\), /\1 /' | sort
}

verbs=$("$autoprof" --help | sed -n 's/^  \([a-z]*\) .*/\1/p')
check 'there are verbs' has "$verbs" '^run$'
for verb in $verbs; do
  page=$man/autoprof-$verb.1.scd
  check "$verb has a page" test -s "$page"
  check "$verb: the page and --help have the same options" same "$(options_of_man "$page")" "$(options_of_help "$verb")"
  summary=$("$autoprof" "$verb" --help | sed -n 3p)
  check "$verb: the same summary" has "$(cat "$page")" "^autoprof-$verb - $summary$"
  check "$verb: the same operands" same \
    "$(sed -n '/^# SYNOPSIS/{n;n;p}' "$page" | tr -d '*_')" \
    "$("$autoprof" "$verb" --help | sed -n '1s/usage: //p' | sed 's/ $//')"
  check "$verb is in the main page" has "$(cat "$man/autoprof.1.scd")" "^\*$verb\*$"
  check "'help $verb' is the same" same "$("$autoprof" help "$verb")" "$("$autoprof" "$verb" --help)"
  check "$verb --help fits 80 columns" same "$("$autoprof" "$verb" --help | awk 'length > 80' )" ''
done
check 'the internal verb is hidden' hasnt "$verbs" '^attend$'
finish
