/* SPDX-License-Identifier: MIT */
/* report/report.h - findings and writers: from a profile and its symbols to what a person reads. */
#ifndef AP_REPORT_REPORT_H
#define AP_REPORT_REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "profile/profile.h"
#include "symbolize/symbolize.h"

enum ap_report_sort {
	AP_SORT_SELF,
	AP_SORT_TOTAL,
	AP_SORT_CALLS,
	AP_SORT_AVG,
	AP_SORT_P99,
	AP_SORT_MAX,
	AP_SORT_NAME,
};

/** What to show. Zeroed: the default report. */
struct ap_report_options {
	enum ap_report_sort sort;
	unsigned top;	     /* rows of the function table; 0: default (20 in text, all in JSON) */
	bool threads;	     /* every thread, not only the busiest */
	const char *callers; /* only: callers of the function of this name */
	const char *callees;
	unsigned tree_depth; /* > 0: the call tree down to this depth */
	bool color;
};

/** A finding of the run. Strings are owned by the findings list. */
struct ap_finding {
	const char *rule;     /* stable name, e.g. "hot_function" */
	const char *severity; /* "critical", "warning", "info" */
	char *message;
	double value, threshold;
	const char *unit;     /* "%", "ns", "calls", "1/min", ... */
	char *recommendation; /* names function and file:line */
	char **evidence;
	size_t evidence_n;
};

/** A profile with names: what findings and writers get. Borrows the profile; owns the rest. */
struct ap_report {
	const struct ap_profile *profile;
	struct ap_symbol *symbols; /* by function id, parallel to profile->functions */
	uint32_t *order;	   /* function ids with calls, by self time, largest first */
	size_t order_n;
	struct ap_finding *findings; /* critical first */
	size_t findings_n;
	const struct ap_module_note *module_notes;
	size_t module_notes_n;
};

/** ap_report_new() - symbolize every function with calls, run the findings. Return: NULL for want of memory.
 * @symbolizer must outlive the report. */
struct ap_report *ap_report_new(const struct ap_profile *profile, struct ap_symbolizer *symbolizer);
struct ap_report *ap_report_free(struct ap_report *report);

/** A writer: one file format. Return: 0, or a negative errno of the stream. */
struct ap_writer {
	const char *extension; /* ".txt", ".json"; NULL: no file is written so */
	int (*write)(const struct ap_report *report, const struct ap_report_options *options,
		     FILE *out);
};
/** ap_writer_for() - by the extension of @path; NULL when no writer knows it. */
const struct ap_writer *ap_writer_for(const char *path);
extern const struct ap_writer ap_writer_text, ap_writer_json;
/** The flag that keeps gcc from instrumenting functions that do less than their hooks; nothing when there are none. */
extern const struct ap_writer ap_writer_exclude;

#endif
