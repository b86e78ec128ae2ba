/* SPDX-License-Identifier: MIT */
/* cli/verb_attend.c - `autoprof attend SPOOL PID`: what a profiled program starts beside itself. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/options.h"
#include "monitor/attendant.h"

static const struct ap_option options[] = {
	{0},
};

static int attend(const struct ap_verb *verb, int argc, char **argv)
{
	int status;

	const int first = ap_options_parse(verb, argc, argv, NULL, &status);
	if (first < 0) {
		return status;
	}
	if (argc - first != 2) {
		ap_complain("attend takes a spool and a pid; programs start it for themselves");
		return AP_EXIT_TROUBLE;
	}
	const int r = ap_attend(argv[first], (pid_t)atoi(argv[first + 1]), NULL);
	if (r < 0) {
		ap_complain("cannot attend '%s': %s", argv[first], strerror(-r));
		return AP_EXIT_TROUBLE;
	}
	return AP_EXIT_OK;
}

const struct ap_verb ap_verb_attend = {
	.name = "attend",
	.summary = "attend a profiled program until its end (internal: programs start it)",
	.operands = "SPOOL PID",
	.options = options,
	.hidden = true,
	.trouble = AP_EXIT_TROUBLE,
	.run = attend,
};
