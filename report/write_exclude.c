/* SPDX-License-Identifier: MIT */
/* report/write_exclude.c - the flags for the compiler that leave out what costs more to record than it does, and nothing
 * else: for `$(autoprof report --exclude-flags)` in a build. */
#include <errno.h>
#include <stdlib.h>

#include "report/exclude.h"

#define MOST_NAMES 100 /* the most called; a command has a length */

static int write_flags(const struct ap_report *report, const struct ap_excluded *excluded,
		       FILE *out)
{
	char *flags = ap_exclude_flags(report, excluded, MOST_NAMES);

	if (!flags)
		return -ENOMEM;
	if (*flags)
		fprintf(out, "%s\n", flags);
	free(flags);
	return ferror(out) ? -EIO : 0;
}

static int write_exclude(const struct ap_report *report, const struct ap_report_options *options,
			 FILE *out)
{
	struct ap_excluded excluded;

	(void)options;
	int r = ap_exclude_find(report, &excluded);
	if (r == 0)
		r = write_flags(report, &excluded, out);
	free(excluded.functions);
	return r;
}

const struct ap_writer ap_writer_exclude = {.extension = NULL, .write = write_exclude};
