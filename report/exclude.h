/* SPDX-License-Identifier: MIT */
/* report/exclude.h - functions that should not be instrumented: which, and what they are called in the compiler's list. */
#ifndef AP_REPORT_EXCLUDE_H
#define AP_REPORT_EXCLUDE_H

#include "report/report.h"

/** Functions that do less in a call than recording it costs. */
struct ap_excluded {
	uint32_t *functions; /* ids, most called first; free it */
	size_t n;
	uint64_t calls; /* of all */
};

/** ap_exclude_find() - Return: 0 or -ENOMEM. None where the cost of a hook is unknown. */
int ap_exclude_find(const struct ap_report *report, struct ap_excluded *ret);

/** ap_exclude_names() - their names, as many as @most and most called first, as gcc's
 * -finstrument-functions-exclude-function-list takes them: a comma between two.
 *
 * gcc leaves out every function whose qualified name has one of these as a part. So a name that is a part of the name of a
 * function that stays is no entry, nor is an operator or a lambda.
 * Return: new text, free it: empty when there are none; NULL for want of memory. */
char *ap_exclude_names(const struct ap_report *report, const struct ap_excluded *excluded,
		       size_t most);

/** ap_exclude_pattern() - of a demangled name @name, what gcc's own name for the function has as a part, into
 * @ret[@size]. Return: false when nothing sure is known. */
bool ap_exclude_pattern(const char *name, char *ret, size_t size);

#endif
