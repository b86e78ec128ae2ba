/* SPDX-License-Identifier: MIT */
/* report/write_text.c - the text report: its sections in their order, or one view alone. */
#include <errno.h>

#include "report/text_sections.h"

static const ap_text_section sections[] = {
	ap_text_title,	ap_text_summary, ap_text_findings,  ap_text_empty,
	ap_text_hot,	ap_text_around,	 ap_text_latency,   ap_text_open,
	ap_text_memory, ap_text_threads, ap_text_processes, ap_text_quality,
};

static int write_text(const struct ap_report *report, const struct ap_report_options *options,
		      FILE *out)
{
	static const struct ap_report_options defaults;
	struct ap_text_page page = {.report = report, .options = options ? options : &defaults};

	page.text.out = out;
	page.text.color = page.options->color;
	if (page.options->callers) {
		ap_text_callers(&page);
	} else if (page.options->callees) {
		ap_text_callees(&page);
	} else if (page.options->tree_depth) {
		ap_text_tree(&page);
	} else {
		for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++)
			sections[i](&page);
	}
	if (fflush(out))
		return -errno;
	return ferror(out) ? -EIO : page.error;
}

const struct ap_writer ap_writer_text = {".txt", write_text};
