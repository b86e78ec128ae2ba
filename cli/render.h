/* SPDX-License-Identifier: MIT */
/* cli/render.h - one spool through one writer, made in a guarded child. */
#ifndef AP_CLI_RENDER_H
#define AP_CLI_RENDER_H

#include <stdbool.h>
#include <stdio.h>

#include "monitor/load.h"
#include "report/report.h"

/** What to show of which spool. */
struct ap_render {
	struct ap_load load;
	struct ap_report_options show;
	const struct ap_writer *writer;
};

/** ap_render() - write the report to @out, whole or not at all. Complains; return: 0 or a
 * negative errno. */
int ap_render(const struct ap_render *what, FILE *out);

/** ap_render_file() - the same to a file, which is never one that exists; @quiet: do not say
 * which. */
int ap_render_file(const struct ap_render *what, const char *path, bool quiet);

/** ap_render_color() - is color wanted on stdout? A terminal, and no NO_COLOR. */
bool ap_render_color(void);

#endif
