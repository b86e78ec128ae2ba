/* SPDX-License-Identifier: MIT */
/* report/report.c - a report from a profile: every function gets its name. */
#include "report/report.h"

#include <stdlib.h>

#include "report/build.h"

/* Functions with a fixed id have no address, and names of their own. */
static const char *const fixed_names[AP_ID_FIRST] = {
	[AP_ID_NONE] = "?",
	[AP_ID_ROOT] = "(root)",
	[AP_ID_DEEPER] = "(deeper)",
	[AP_ID_OTHER] = "(other)",
	[AP_ID_FORKED] = "(forked)",
	[AP_ID_OUTSIDE] = "(outside)",
	[AP_ID_LEFT_OUT] = "(left out)",
};

struct ap_report *ap_report_new(const struct ap_profile *profile, struct ap_symbolizer *symbolizer)
{
	struct ap_symbol *symbols = calloc(profile->functions_n + 1, sizeof(*symbols));

	if (!symbols)
		return NULL;
	for (size_t i = 0; i < profile->functions_n; i++) {
		const struct ap_profile_function *function = &profile->functions[i];
		if (i < AP_ID_FIRST)
			symbols[i] = (struct ap_symbol){.name = fixed_names[i], .module = "?"};
		else
			ap_symbolize(symbolizer, function->module, function->address, &symbols[i]);
	}
	struct ap_report *report = ap_report_build(profile, symbols);
	if (report)
		report->module_notes = ap_symbolizer_notes(symbolizer, &report->module_notes_n);
	return report;
}
