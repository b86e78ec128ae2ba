/* SPDX-License-Identifier: MIT */
/* report/exclude.h - functions that should not be instrumented: which, and what they are called in the compiler's list. */
#ifndef AP_REPORT_EXCLUDE_H
#define AP_REPORT_EXCLUDE_H

#include "report/report.h"

/** Functions that do less in a call than recording it costs. */
struct ap_excluded {
	uint32_t *functions; /* ids, most called first; free it */
	size_t n;
	uint64_t calls;	  /* of all */
	uint64_t counted; /* of these: counted only */
	uint64_t missed;  /* of these: not even that, an estimate */
	enum ap_calls_known calls_known;
	uint64_t least_calls; /* a function with fewer is none of them: it does not matter */

	/* Those of system headers: to be left out by their files, with what else is there. None where that would take more
	 * than AP_EXCLUDE_HEADERS_MOST_PCT of all self time out of sight. */
	size_t headers_n;
	uint64_t headers_calls;
	enum ap_calls_known headers_known;
};
#define AP_EXCLUDE_HEADERS_MOST_PCT 10

/** Parts of the names of system headers, as gcc's -finstrument-functions-exclude-file-list takes them. */
#define AP_EXCLUDE_HEADERS "/usr/include,/include/c++"

/** ap_exclude_find() - Return: 0 or -ENOMEM. None where the cost of a hook is unknown. */
int ap_exclude_find(const struct ap_report *report, struct ap_excluded *ret);

/** ap_exclude_by_file() - is this function left out by the file that it is from? */
bool ap_exclude_by_file(const struct ap_report *report, const struct ap_excluded *excluded,
			uint32_t function);

/** ap_exclude_flags() - the flags for gcc that leave them out, a blank between two: those of system headers by file, of the
 * others as many names as @most, most called first.
 *
 * gcc leaves out every function whose qualified name has one of these as a part. So a name that is a part of the name of a
 * function that stays is no entry, nor is an operator or a lambda.
 * Return: new text, free it: empty when there are none; NULL for want of memory. */
char *ap_exclude_flags(const struct ap_report *report, const struct ap_excluded *excluded,
		       size_t most);

/** ap_exclude_pattern() - of a demangled name @name, what gcc's own name for the function has as a part, into
 * @ret[@size]. Return: false when nothing sure is known. */
bool ap_exclude_pattern(const char *name, char *ret, size_t size);

#endif
