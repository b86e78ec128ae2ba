/* SPDX-License-Identifier: MIT */
/* tests/support/sample_spools.h - small valid spools that together use all of the format. */
#ifndef AP_TESTS_SUPPORT_SAMPLE_SPOOLS_H
#define AP_TESTS_SUPPORT_SAMPLE_SPOOLS_H

#include "tests/support/spool_builder.h"

struct ap_sample_spool {
	const char *name;
	struct ap_builder *(*make)(void); /* returns new */
};

extern const struct ap_sample_spool ap_sample_spools[];
extern const size_t ap_sample_spools_n;

#endif
