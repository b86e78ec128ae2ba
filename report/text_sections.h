/* SPDX-License-Identifier: MIT */
/* report/text_sections.h - the sections of the text report. A section without data writes nothing.
 * */
#ifndef AP_REPORT_TEXT_SECTIONS_H
#define AP_REPORT_TEXT_SECTIONS_H

#include "report/report.h"
#include "report/text_out.h"

/** What every section gets. */
struct ap_text_page {
	struct ap_text_out text;
	const struct ap_report *report;
	const struct ap_report_options *options;
	int error; /* negative errno of the first section that failed */
};

typedef void (*ap_text_section)(struct ap_text_page *page);
void ap_text_title(struct ap_text_page *page);
void ap_text_summary(struct ap_text_page *page);
void ap_text_findings(struct ap_text_page *page);
void ap_text_empty(struct ap_text_page *page);
void ap_text_hot(struct ap_text_page *page);
void ap_text_around(struct ap_text_page *page); /* callers and callees of the hottest */
void ap_text_latency(struct ap_text_page *page);
void ap_text_open(struct ap_text_page *page);
void ap_text_memory(struct ap_text_page *page);
void ap_text_threads(struct ap_text_page *page);
void ap_text_processes(struct ap_text_page *page);
void ap_text_quality(struct ap_text_page *page);

/* Views: printed alone. */
void ap_text_callers(struct ap_text_page *page);
void ap_text_callees(struct ap_text_page *page);
void ap_text_tree(struct ap_text_page *page);

/** ap_text_figure() - right-aligned in @columns, with a @mark before it. */
void ap_text_figure(struct ap_text_out *text, const char *mark, const char *figure, int columns);
/** ap_text_label() - "name (file:line)", escaped, in at most @columns; the place is left out before
 * the name is cut.
 * Return: @ret. */
char *ap_text_label(char ret[AP_FIT_BYTES], const struct ap_symbol *symbol, size_t columns);

/** ap_text_edges() - the table of the calls into or out of @function; at most @rows, 0: all. */
void ap_text_edges(struct ap_text_page *page, uint32_t function, bool callers, size_t rows);

#endif
