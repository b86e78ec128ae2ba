/* SPDX-License-Identifier: MIT */
/* report/words.h - words that all writers use for the same facts. */
#ifndef AP_REPORT_WORDS_H
#define AP_REPORT_WORDS_H

#include "report/report.h"

/** ap_word_verdict() - the run in one or two sentences: new string, free it. Return: NULL for want
 * of memory. */
char *ap_word_verdict(const struct ap_report *report);

/** ap_word_end() - "exit", "signal", ... as in the JSON. */
const char *ap_word_end(enum ap_profile_end end);

/** ap_word_row_end() - the end of a process in at most 10 columns: "exit 3", "signal 11", "running". */
struct ap_word {
	char text[24];
};
struct ap_word ap_word_row_end(const struct ap_profile_process_row *row);

/** What the runtime gave up to stay inside its memory. */
struct ap_word_degraded {
	unsigned long long bit; /* enum ap_degraded */
	const char *name;	/* in JSON */
	const char *words;
};
extern const struct ap_word_degraded ap_word_degraded[];
extern const unsigned ap_word_degraded_n;

#endif
